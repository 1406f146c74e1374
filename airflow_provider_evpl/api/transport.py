"""One HTTP exchange: TLS rules, proxy, deadline, size limits, rate limit; no redirects, no cookies."""

import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import IncompleteRead
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_auth_from_url, get_environ_proxies

from airflow_provider_evpl import __version__
from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.deadline import DeadlineAdapter, deadline
from airflow_provider_evpl.api.rate_limit import RateLimiter
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import (
    LONGEST_NAME,
    EvplConfigError,
    EvplError,
    EvplResponseError,
    EvplUnavailableError,
    one_line,
)

__all__ = ["Response", "Session", "Transport", "detail_of"]

_USER_AGENT = f"airflow-provider-evpl/{__version__}"
_CHUNK_BYTES = 1 << 18  # chunks of 64 KiB take 25 ms more CPU for 66 MB
_ENCODINGS = ("gzip", "deflate")
_READABLE = {*_ENCODINGS, "identity", ""}
_MOST_BYTES = 64 << 20  # a page of 1,000 series, a day at 5 minutes, is 17 MB
_MOST_OTHER_BYTES = 1 << 20
_TEMPORARY_FAULTS = (
    ConnectionAbortedError,
    requests.ConnectionError,
    requests.exceptions.InvalidHeader,  # of a response, for example two different lengths
    requests.Timeout,
    urllib3.exceptions.HTTPError,  # raised while the body is read
)
_LIBRARIES = ("requests.", "urllib3.")
_CONNECT_FAULTS = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response, of any status; header names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    seconds: float = 0.0
    """From the request to the last byte."""

    @property
    def request_id(self) -> str:
        """The id that Orange's support asks for [2]; empty if there is none.

        An id is never cut, because half of a secret can't be found in it.
        """
        request_id = self.headers.get("X-OAPI-Request-Id", "")
        return one_line(request_id) if len(request_id) <= LONGEST_NAME else "too long to be one"


class Session(requests.Session):
    """A session with some connections, which takes nothing from the environment and keeps no cookies."""

    def __init__(self, pool_size: int) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, DeadlineAdapter(pool_maxsize=pool_size))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target: requests would read the whole body of a redirect, even if it must not follow."""


class Transport:
    """Sends requests as the connection's settings say.

    Args:
        session: closed by the caller.
        rate_limiter: waits before every request.
        secrets: learns the proxy's credentials.
        longest_seconds: the limit of an exchange; None means ten times `timeout_seconds`.
        max_body_bytes: of a report, decompressed. A response to a form has 1 MiB at most. Of a response with
            a status other than 200, no more than 1 MiB is read.
        on_response: gets each response before anything is decoded; without its body, if that is incomplete.
    """

    def __init__(  # noqa: PLR0913 each is a seam to the outside
        self,
        settings: Settings,
        *,
        session: requests.Session,
        rate_limiter: RateLimiter,
        secrets: Secrets,
        longest_seconds: float | None = None,
        max_body_bytes: int = _MOST_BYTES,
        on_response: Callable[[Response], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._session = session
        self._rate_limiter = rate_limiter
        self._secrets = secrets
        self._longest_seconds = longest_seconds or 10 * settings.timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._on_response = on_response
        self._known_proxies: dict[tuple[str, str], str | None] = {}

    def send(
        self,
        url: str,
        *,
        cancellation: Cancellation,
        headers: Mapping[str, str],
        params: Sequence[tuple[str, str]] = (),
        data: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request, a POST if there is a form, and read its whole response, of any status.

        Texts of the errors may hold secrets: the client redacts them.

        Raises:
            EvplUnavailableError: no response, an incomplete one, one that took too long, or the cancellation
                was set.
            EvplResponseError: the response is too large, or compressed by another way than gzip or deflate.
            EvplConfigError: the host's certificate or the proxy's credentials are refused, or the address
                can't be used.
        """
        request = self._prepare(url, headers, params, data)
        self._rate_limiter.wait(cancellation)
        response: Response | None = None
        started = time.monotonic()
        try:
            with (
                deadline(self._longest_seconds, cancellation),
                self._session.send(
                    request,
                    timeout=self._settings.timeout_seconds,
                    verify=self._settings.verify,
                    proxies=self._proxies(url),
                    allow_redirects=False,
                    stream=True,
                ) as raw,
            ):
                response = Response(raw.status_code, raw.headers, b"")
                body = self._read(raw, response, is_report=data is None)
                response = replace(response, body=body, seconds=time.monotonic() - started)
                self._on_response(response)
                return response
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if response is not None:
                self._on_response(response)
            raise self._failed(url, error, response) from error

    def _prepare(
        self,
        url: str,
        headers: Mapping[str, str],
        params: Sequence[tuple[str, str]],
        data: Mapping[str, str] | None,
    ) -> requests.PreparedRequest:
        all_headers = {**headers, "Accept-Encoding": ", ".join(_ENCODINGS), "User-Agent": _USER_AGENT}
        method = "GET" if data is None else "POST"
        request = requests.Request(method, url, headers=all_headers, params=list(params), data=data)
        try:
            return self._session.prepare_request(request)
        except (OSError, ValueError) as error:
            raise self._unusable(url, _reason(error)) from error

    def _read(self, raw: requests.Response, response: Response, *, is_report: bool) -> bytes:
        """Read the body. If the status is not 200, a large body is cut, because the status is enough."""
        is_ok = response.status == HTTPStatus.OK
        if raw.headers.get("Content-Encoding", "identity").lower() not in _READABLE:
            if is_ok:
                raise EvplResponseError(
                    "The response's Content-Encoding is neither gzip nor deflate.",
                    "Check what changes responses between the worker and Orange, such as a proxy.",
                    detail_of(response),
                )
            return b""
        most_bytes = self._max_body_bytes if is_report else _MOST_OTHER_BYTES
        chunks, size = list[bytes](), 0
        while chunk := raw.raw.read(_CHUNK_BYTES, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if not is_ok and size > _MOST_OTHER_BYTES:
                break
            if size > most_bytes:
                raise EvplResponseError(
                    f"The response is larger than {most_bytes >> 20} MiB.",
                    "Pull shorter slices."
                    if is_report
                    else f"Check token_url in {self._settings.connection}.",
                    detail_of(response),
                )
        return b"".join(chunks)

    def _proxies(self, url: str) -> dict[str, str]:
        """Choose the proxy: the connection's, or that of `HTTPS_PROXY`. Plain http stays on this machine."""
        host = urlsplit(url)[:2]
        if host not in self._known_proxies:  # once a host, because reading the environment takes 0.25 ms
            self._known_proxies[host] = self._settings.proxy or _environment_proxy(url)
        proxy = self._known_proxies[host]
        if proxy is None:
            return {}
        user, password = get_auth_from_url(proxy)
        if user or password:
            self._secrets.add(password or user)
            self._secrets.add(b64encode(f"{user}:{password}".encode()).decode())
        return {"http": proxy, "https": proxy}

    def _failed(self, url: str, error: Exception, response: Response | None) -> EvplError:
        """Translate an error of requests, of urllib3 or of the network."""
        host, connection, reason = urlsplit(url).netloc, self._settings.connection, _reason(error)
        if isinstance(error, requests.exceptions.SSLError):
            return self._tls_failed(host, reason)
        if isinstance(error, requests.exceptions.ProxyError):
            return self._proxy_failed(host, reason)
        if isinstance(getattr(next(iter(error.args), None), "reason", None), _CONNECT_FAULTS):
            return EvplUnavailableError(
                f"Can't connect to {host} ({reason}).",
                f"Check host, token_url and proxy in {connection}.\n"
                "If they are right, check the worker's firewall and DNS.",
            )
        if response is None and not isinstance(error, _TEMPORARY_FAULTS):
            return self._unusable(url, reason)
        is_slow = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)
        return EvplUnavailableError(
            f"No complete response from {host}.",
            f"Raise timeout_seconds in {connection}, or pull shorter slices."
            if is_slow
            else "Run again later. If the error stays, send this message to Orange's support.",
            "\n".join(filter(None, (f"Reason: {reason}", detail_of(response) if response else ""))),
        )

    def _unusable(self, url: str, reason: str) -> EvplError:
        return EvplConfigError(
            f"Can't send a request to {urlsplit(url).netloc}.",
            f"Check host, token_url, proxy and verify in {self._settings.connection}.",
            f"Reason: {reason}",
        )

    def _tls_failed(self, host: str, reason: str) -> EvplError:
        connection = self._settings.connection
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return EvplConfigError(
                f"The certificate of {host} is not trusted.",
                f"Check the host and the worker's date, or set verify in {connection}\n"
                "to the path of your CA bundle.",
                f"Reason: {reason}",
            )
        return EvplUnavailableError(
            f"Can't open a TLS connection to {host}.",
            f"Check that host, token_url and proxy in {connection} name TLS servers.",
            f"Reason: {reason}",
        )

    def _proxy_failed(self, host: str, reason: str) -> EvplError:
        next_step = f"Check proxy in {self._settings.connection}, or HTTPS_PROXY."
        if " 407 " in reason:
            return EvplConfigError("The proxy refuses its credentials.", next_step, f"Reason: {reason}")
        return EvplUnavailableError(f"Can't reach {host} through the proxy.", next_step, f"Reason: {reason}")


def detail_of(response: Response) -> str:
    """Name the request for Orange's support; empty without an id."""
    return f"Request id: {response.request_id}" if response.request_id else ""


def _reason(error: BaseException) -> str:
    """Return the text of the error that requests and urllib3 wrap, without their class names."""
    while type(error).__module__.startswith(_LIBRARIES):
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None:
            break
        error = cause
    if isinstance(error, IncompleteRead):
        return "the body is cut off"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror[:1].lower()}{error.strerror[1:]}"
    return one_line(error, len(str(error))) or type(error).__name__


def _environment_proxy(url: str) -> str | None:
    if url.startswith("http:"):
        return None
    proxy = get_environ_proxies(url, no_proxy=None).get("https")
    if not proxy:
        return None
    if not _is_usable(proxy):
        raise EvplConfigError(
            "HTTPS_PROXY is not the URL of a proxy.",
            "Correct it on the worker; percent-encode the user and password in it.",
        )
    return proxy


def _is_usable(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
