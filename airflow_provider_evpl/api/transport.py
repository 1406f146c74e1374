"""One HTTP exchange: TLS rules, time-outs, size limit, pace; no redirects, no cookies."""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_auth_from_url, get_environ_proxies

from airflow_provider_evpl import __version__
from airflow_provider_evpl.api.deadline import Watchdog, WatchedAdapter, watched
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

__all__ = ["Response", "Transport", "make_session"]

_USER_AGENT = f"airflow-provider-evpl/{__version__}"
_CHUNK_BYTES = 1 << 18  # chunks of 64 KiB take 25 ms more CPU for 66 MB
_ENCODINGS = ("gzip", "deflate")
_READABLE = {*_ENCODINGS, "identity", ""}
_MOST_BYTES = 64 << 20  # a page of 1,000 series, a day at 5 minutes, is 17 MB
_MOST_OTHER_BYTES = 1 << 20
_PASSING_FAULTS = (
    requests.ConnectionError,
    requests.exceptions.InvalidHeader,  # two lengths that differ, say
    requests.Timeout,
    urllib3.exceptions.HTTPError,  # what reading the body raises
)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, of any status; header names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def request_id(self) -> str:
        """What Orange's support asks for [2]; never cut: half of a secret could not be found in it."""
        request_id = self.headers.get("X-OAPI-Request-Id", "none")
        return one_line(request_id) if len(request_id) <= LONGEST_NAME else "too long to be one"


def make_session(pool_size: int) -> requests.Session:
    """Make a session that keeps so many connections and takes nothing from the environment."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, WatchedAdapter(pool_maxsize=pool_size))
    return session


class _TooLargeError(Exception):
    """The body of an answer is larger than the limit."""


class _EncodingError(Exception):
    """The body of an answer is packed in a way that wasn't asked for, perhaps several times."""


class Transport:
    """Sends requests as the connection's settings say.

    Args:
        session: usually of `make_session`; closed by whoever made it.
        rate_limiter: waits before every request.
        secrets: redacted out of every message.
        watch: hangs up after that many seconds.
        max_body_bytes: of a report, unpacked; what answers a form has a MiB at most, and of an
            answer of another status than 200 no more is read.
    """

    def __init__(  # noqa: PLR0913 each is a seam to the outside
        self,
        settings: Settings,
        *,
        session: requests.Session,
        rate_limiter: RateLimiter,
        secrets: Secrets,
        watch: Callable[[float], AbstractContextManager[Watchdog]] = watched,
        max_body_bytes: int = _MOST_BYTES,
    ) -> None:
        self._watch = watch
        self._dogs: set[Watchdog] = set()
        self._is_over = False
        self._lock = threading.Lock()
        self._max_body_bytes = max_body_bytes
        self._settings = settings
        self._session = session
        self._rate_limiter = rate_limiter
        self._secrets = secrets
        self._chosen: dict[tuple[str, str], str | None] = {}

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Sequence[tuple[str, str]] = (),
        data: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and read its whole answer, of whatever status.

        Raises:
            EvplUnavailableError: no answer, a cut one, or one that took too long.
            EvplResponseError: the answer is larger than that, or packed by anything but gzip or deflate.
            EvplConfigError: the host's certificate is refused, or the address can't be used.
        """
        sent = {**headers, "Accept-Encoding": ", ".join(_ENCODINGS), "User-Agent": _USER_AGENT}
        request = requests.Request(method, url, headers=sent, params=list(params), data=data)
        self._rate_limiter.wait()
        with _unchained():
            return self._send(request, url, self._max_body_bytes if data is None else _MOST_OTHER_BYTES)

    def _send(self, request: requests.Request, url: str, most_bytes: int) -> Response:
        try:
            prepared = self._session.prepare_request(request)
            with self._watch(self._longest_seconds) as dog, self._under_way(dog):
                try:
                    return self._exchange(prepared, dog, most_bytes)
                except _PASSING_FAULTS as error:
                    raise self._failed(url, self._late if dog.has_bitten else error) from None
        except (requests.RequestException, OSError, ValueError, OverflowError) as error:
            raise EvplConfigError(
                f"{self._host(url)} can't be asked: {self._describe(error)}; "
                "check the connection's host, token_url, proxy and verify"
            ) from None

    def hang_up(self, *, for_good: bool = False) -> None:
        """End every exchange that is under way, in whichever thread; each raises EvplUnavailableError.

        Args:
            for_good: and every one that is begun from now on.
        """
        with self._lock:
            self._is_over |= for_good
            for dog in self._dogs:
                dog.bite()

    @contextmanager
    def _under_way(self, dog: Watchdog) -> Iterator[None]:
        with self._lock:
            self._dogs.add(dog)
            if self._is_over:
                dog.bite()
        try:
            yield
        finally:
            with self._lock:
                self._dogs.discard(dog)

    @property
    def _longest_seconds(self) -> float:
        return 10 * self._settings.timeout_seconds

    @property
    def _late(self) -> Exception:
        return requests.Timeout(f"the whole answer took longer than {self._longest_seconds:g} s")

    def _exchange(self, request: requests.PreparedRequest, dog: Watchdog, most_bytes: int) -> Response:
        url = str(request.url)
        # Session.send would keep cookies, and read a redirect's body whole, even if told not to follow it
        with self._session.get_adapter(url).send(
            request,
            timeout=self._settings.timeout_seconds,
            verify=self._settings.verify,
            proxies=self._proxies(url),
            stream=True,
        ) as response:
            answer = Response(response.status_code, response.headers, b"")
            try:
                return replace(answer, body=self._read(response, dog, most_bytes))
            except (*_PASSING_FAULTS, _TooLargeError, _EncodingError, ValueError) as error:
                raise self._failed(url, self._late if dog.has_bitten else error, answer.request_id) from None

    def _read(self, response: requests.Response, dog: Watchdog, most_bytes: int) -> bytes:
        """Read all; a hung-up line is a fine end to headers, and to a body whose length wasn't said."""
        if response.headers.get("Content-Encoding", "identity").lower() not in _READABLE:
            if response.status_code != HTTPStatus.OK:
                return b""  # its status is enough
            raise _EncodingError("the answer's Content-Encoding is neither gzip nor deflate")
        chunks, size = list[bytes](), 0
        while chunk := response.raw.read(_CHUNK_BYTES, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if response.status_code != HTTPStatus.OK and size > _MOST_OTHER_BYTES:
                break  # its status is enough
            if size > most_bytes:
                raise _TooLargeError(f"the answer is larger than {most_bytes >> 20} MiB")
        if dog.has_bitten:
            raise self._late
        return b"".join(chunks)

    def _proxies(self, url: str) -> dict[str, str]:
        """Of the environment only `HTTPS_PROXY` counts: plain http is for this machine, and stays on it."""
        host = urlsplit(url)[:2]
        if host not in self._chosen:  # once a host: the environment takes 0.25 ms
            self._chosen[host] = self._settings.proxy or _environment_proxy(url)
        chosen = self._chosen[host]
        if chosen is None:
            return {}
        user, password = get_auth_from_url(chosen)
        if user or password:
            self._secrets.add(password or user)
            self._secrets.add(b64encode(f"{user}:{password}".encode()).decode())
        return {"http": chosen, "https": chosen}

    def _failed(self, url: str, error: Exception, request_id: str = "none") -> EvplError:
        told = f"{self._describe(error)} (request id {self._secrets.redact(request_id)})"
        if isinstance(error, _TooLargeError | _EncodingError):
            return EvplResponseError(f"{self._host(url)}: {told}")
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return EvplConfigError(
                f"{self._host(url)}: its certificate is refused: {told}; "
                "check the host and the date, or set verify to your CA bundle"
            )
        if isinstance(error, requests.exceptions.ProxyError) and " 407 " in str(error):
            return EvplConfigError(
                f"{self._host(url)}: the proxy refuses the credentials: {told}; check proxy"
            )
        return EvplUnavailableError(
            f"{self._host(url)} gave no whole answer: {told}; if the error stays, {_advice(error)}"
        )

    def _host(self, url: str) -> str:
        return self._secrets.redact(urlsplit(url).netloc)

    def _describe(self, error: Exception) -> str:
        return f"{type(error).__name__}: {self._secrets.quote(str(error))}"


@contextmanager
def _unchained() -> Iterator[None]:
    """Errors of the library are told, not chained: their own text may hold credentials."""
    try:
        yield
    except EvplError as error:
        error.__context__ = None  # `from None` only hides it
        raise


def _advice(error: Exception) -> str:
    """Name what mends an error of the network that stays."""
    if isinstance(error, requests.exceptions.ProxyError):
        return "check proxy or HTTPS_PROXY"
    if isinstance(error, requests.exceptions.SSLError):
        return "check that host, token_url and proxy name servers that speak TLS"
    reason = getattr(next(iter(error.args), None), "reason", None)  # of urllib3's MaxRetryError
    if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return "check host, token_url and proxy, and the firewall and the DNS of the worker"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "raise timeout_seconds, or pull shorter slices"
    return "show Orange's support this"


def _environment_proxy(url: str) -> str | None:
    if url.startswith("http:"):
        return None
    chosen = get_environ_proxies(url, no_proxy=None).get("https")
    if not chosen:
        return None
    if not _is_usable(chosen):
        raise EvplConfigError(
            "HTTPS_PROXY: is no URL of a proxy; user and password in it have to be percent-encoded"
        )
    return chosen


def _is_usable(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
