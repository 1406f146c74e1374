"""The fields of a connection, read and checked: all that the room `api` needs to know."""

import ast
import ipaddress
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from textwrap import fill
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_provider_evpl.config.readers import (
    guarded,
    is_given,
    read_boolean,
    read_choice,
    read_number,
    read_text,
    read_whole_number,
)
from airflow_provider_evpl.errors import LONGEST_NAME, EvplConfigError, name_some, one_line, quoted, wrong

__all__ = ["Settings"]

_UNNAMED = "the connection"
_BASE_URL = "https://api.orange.com"
_TOKEN_PATH = "/oauth/v3/token"  # noqa: S105 a path, not a secret
_ODD_IN_URL = re.compile(r"[^!-~]|\\")
_DAY_SECONDS = 86_400
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to reach the API, and with which credentials.

    Attributes have the names of the connection's fields. `base_url` and `token_url` have no trailing slash.

    Attributes:
        timeout_seconds: the longest pause while a response arrives; a whole response may take ten times that.
        max_retry_seconds: the longest total wait of one request, over all its attempts.
        requests_per_second: the rate limit of a task, over all its threads.
        connection: names the connection in messages: `connection evpl_default`.
    """

    client_id: str
    client_secret: str = field(repr=False)
    application_id: str
    base_url: str = _BASE_URL
    token_url: str = _BASE_URL + _TOKEN_PATH
    code_ope: str | None = None
    token_auth: str = "basic"  # noqa: S105 the name of a method, not a secret
    ctxtid: tuple[str, ...] = ("wses", "vsn")
    pagination: str = "element"
    page_parallelism: int = 4
    requests_per_second: float = 10.0
    timeout_seconds: float = 60.0
    max_retry_seconds: float = 300.0
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)
    naive_timestamps: str = "reject"
    job: str = "JOBV"
    offer_type: str = "EVPL"
    connection: str = _UNNAMED

    @classmethod
    def from_connection(
        cls,
        *,
        login: str | None,
        password: str | None,
        host: str | None,
        extra: Mapping[str, object],
        conn_id: str | None = None,
    ) -> "Settings":
        """Read the fields of an Airflow connection.

        Null and blank text mean "not given". Every extra may be text.

        Args:
            login: the client id.
            password: the client secret.
            host: the base URL.
            extra: all other fields by name.
            conn_id: names the connection in messages.

        Raises:
            EvplConfigError: a field is missing, unknown or wrong. The message names the field and shows no
                secret.
        """
        connection = f"connection {one_line(conn_id, LONGEST_NAME)}" if conn_id else _UNNAMED
        return guarded(
            lambda: cls._read(login, password, host, extra, connection),
            password,
            f"Correct this field in {connection}.",
        )

    @classmethod
    def _read(
        cls,
        login: str | None,
        password: str | None,
        host: str | None,
        extra: Mapping[str, object],
        connection: str,
    ) -> "Settings":
        if unknown := sorted(extra.keys() - _READERS.keys()):
            names = name_some([one_line(name, LONGEST_NAME) for name in unknown])
            raise EvplConfigError(
                f"extra: unknown {names}.",
                f"Correct the name in {connection}.",
                fill(f"Known extras: {', '.join(_READERS)}.", width=80),
                shown=[names],
            )
        given = {name: value for name, value in extra.items() if is_given(value)}
        _required(given.get("application_id"), "application_id")
        base_url = _read_url(host, "host (the base URL)") if is_given(host) else _BASE_URL
        values: dict[str, Any] = {"token_url": base_url + _TOKEN_PATH}
        values |= {name: _READERS[name](value, name) for name, value in given.items()}
        settings = cls(
            client_id=_required(login, "login (the client id)"),
            client_secret=_required(password, "password (the client secret)"),
            base_url=base_url,
            connection=connection,
            **values,
        )
        settings._check_verify()
        settings._check_proxy()
        return settings

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: the client secret, plain and as Basic credentials; the proxy's password.

        If the proxy has a user without a password, the user is a secret, because it is probably a key.
        """
        proxy = urlsplit(self.proxy or "")
        proxy_secret = unquote(proxy.password or proxy.username or "")
        return tuple(filter(None, (self.client_secret, self.basic_credentials, proxy_secret)))

    @property
    def basic_credentials(self) -> str:
        """Client id and secret in the form of HTTP Basic, without the word `Basic`."""
        return b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()

    @property
    def source(self) -> dict[str, str]:
        """Where samples come from. The lake stores and compares this."""
        return {
            "base_url": _canonical(urlsplit(self.base_url)),
            "job": self.job,
            "offer_type": self.offer_type,
            "ctxtid": ",".join(self.ctxtid),
        }

    def _check_verify(self) -> None:
        loopback = all(_is_loopback(urlsplit(url).hostname) for url in (self.base_url, self.token_url))
        if self.verify is False and not loopback:
            raise EvplConfigError(
                "verify: false is for a loopback host only.",
                f"Set it to true, or to the path of a CA bundle, in {self.connection}.",
            )
        if isinstance(self.verify, str):
            _check_bundle(self.verify)

    def _check_proxy(self) -> None:
        """Over plain HTTP, a proxy sees the credentials, and so does the network between."""
        plain = any(urlsplit(url).scheme == "http" for url in (self.base_url, self.token_url))
        if self.proxy and plain and not _is_loopback(urlsplit(self.proxy).hostname):
            raise EvplConfigError(
                "proxy: must be on a loopback host, because host or token_url is plain http.",
                f"Use https for both in {self.connection}, or a proxy on this machine.",
            )


def _check_bundle(path: str) -> None:
    """Raise EvplConfigError if it is no CA bundle. A folder is not checked, because it may have any names."""
    try:
        if not Path(path).is_dir():
            SSLContext(PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError) as error:
        bundle, reason = quoted(path), one_line(error)
        raise EvplConfigError(
            f"verify: {bundle} is no CA bundle on this machine.",
            detail=f"Reason: {reason}.",
            shown=[reason, bundle],
        ) from None


def _required(value: object, name: str) -> str:
    if not is_given(value):
        raise EvplConfigError(f"{name}: must be set.")
    return read_text(value, name)


def _read_url(value: object, name: str) -> str:
    text = read_text(value, name)
    parts = _split(text)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname or {"?", "#"} & set(text):
        raise EvplConfigError(f"{name}: must be a URL like https://api.orange.com, without ? and #.")
    if "@" in parts.netloc:
        raise EvplConfigError(f"{name}: must have no user or password; use login and password.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise EvplConfigError(f"{name}: must be https; plain http is for a loopback host only.")
    return text.rstrip("/")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return None if _ODD_IN_URL.search(url) else parts


def _is_loopback(host: str | None) -> bool:
    if host in ("localhost", "::1"):
        return True
    try:
        return ipaddress.IPv4Address(host or "").is_loopback
    except ValueError:
        return False


def _canonical(parts: SplitResult) -> str:
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}".lower()


def _read_proxy(value: object, name: str) -> str:
    text = read_text(value, name)
    parts = _split(text)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise EvplConfigError(f"{name}: must be an http or https URL.")
    return text


def _read_header(value: object, name: str) -> str:
    text = read_text(value, name)
    if not (text.isascii() and text.isprintable()):
        raise EvplConfigError(f"{name}: must be printable ASCII, because it is sent as a header.")
    return text


def _read_ctxtid(value: object, name: str) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _split_list(value.strip())
    if not isinstance(value, list | tuple) or not all(map(is_given, value)):
        raise EvplConfigError(
            f"{name}: must be a list of texts, or text with commas; none for an empty list."
        )
    return tuple(read_text(item, name) for item in value)


def _split_list(text: str) -> object:
    """Split text at commas. A list as text is read too: JSON in a URI, Python in the form of Airflow 2.11."""
    if text.lower() == "none":
        return []
    if not text.startswith("["):
        return text.split(",")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _read_rate(value: object, name: str) -> float:
    rate = read_number(value, name, (0, 1000), above=True)
    if rate * _DAY_SECONDS < 1:
        raise wrong(f"{name}: must be at least one request a day", value)
    return rate


def _read_job(value: object, name: str) -> str:
    text = read_text(value, name)
    if text in (".", ".."):
        raise EvplConfigError(f"{name}: {text!r} can't be part of a URL path.")
    return text


def _read_verify(value: object, name: str) -> bool | str:
    if isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in ("true", "false")):
        return read_boolean(value, name)
    if not isinstance(value, str):
        raise EvplConfigError(
            f"{name}: must be true, or the path of a CA bundle, but is {type(value).__name__}."
        )
    return read_text(value, name)


_READERS: dict[str, Callable[[object, str], object]] = {
    "application_id": _read_header,
    "code_ope": read_text,
    "token_url": _read_url,
    "token_auth": lambda value, name: read_choice(value, name, ("basic", "post")),
    "ctxtid": _read_ctxtid,
    "pagination": lambda value, name: read_choice(value, name, ("element", "page")),
    "page_parallelism": lambda value, name: read_whole_number(value, name, (1, 32)),
    "requests_per_second": _read_rate,
    "timeout_seconds": lambda value, name: read_number(value, name, (0, inf), above=True),
    "max_retry_seconds": lambda value, name: read_number(value, name, (0, inf)),
    "verify": _read_verify,
    "proxy": _read_proxy,
    "naive_timestamps": lambda value, name: read_choice(value, name, ("reject", "utc")),
    "job": _read_job,
    "offer_type": read_text,
}
