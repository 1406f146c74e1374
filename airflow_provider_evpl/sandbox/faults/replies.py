"""Faults in a response as a whole: another status, other headers, another body."""

import gzip
import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from airflow_provider_evpl.sandbox.faults.fault import Fault

__all__ = ["REPLY_FAULTS", "TOKEN_REPLY_FAULTS", "Endpoint", "Reply"]

Endpoint: TypeAlias = Literal["report", "token"]


class Reply(NamedTuple):
    """A response before it is sent.

    Attributes:
        endpoint: The endpoint.
        status: The HTTP status.
        headers: Headers by lower-case name, without the length of the body.
        body: The body as it is sent: compressed if a header says so.
        date: Time of the response, in seconds since the epoch.
        elsewhere: A URL on another host, for redirects.
    """

    endpoint: Endpoint
    status: int
    headers: Mapping[str, str]
    body: bytes
    date: float
    elsewhere: str


_Change: TypeAlias = Callable[[Reply], Reply]

_WAIT_SECONDS: Final = 30
_HTML: Final = b"<!doctype html><html><title>Error</title><body>The gateway is on holiday.</body></html>"


def _report(name: str, description: str, change: _Change) -> Fault[Reply]:
    return _at("report", name, f"the report {description}", change)


def _token(name: str, description: str, change: _Change) -> Fault[Reply]:
    return _at("token", f"token-{name}", f"the token endpoint {description}", change)


def _at(endpoint: Endpoint, name: str, description: str, change: _Change) -> Fault[Reply]:
    return Fault(name, description, lambda reply: change(reply) if reply.endpoint == endpoint else reply)


def _headed(**headers: str) -> _Change:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply: reply._replace(headers={**reply.headers, **named})


def _with_body(body: Callable[[bytes], bytes], **headers: str) -> _Change:
    return lambda reply: _headed(**headers)(reply._replace(body=body(reply.body)))


def _instead(status: int, body: bytes, *, content_type: str) -> _Change:
    return lambda reply: _headed(content_type=content_type)(reply._replace(status=status, body=body))


def _json(status: int, **fields: object) -> _Change:
    return _instead(status, json.dumps(fields).encode(), content_type="application/json")


def _refusal(status: int, code: int | str, message: str) -> _Change:
    text = {"message": message, "description": "A fault of the sandbox", "infoURL": "docs/sandbox-faults.md"}
    return _json(status, code=code, **text)


def _error(status: int, code: int, message: str, *, name: str) -> Fault[Reply]:
    return _report(
        f"error-{name}", f"answers {status} with code {code}: {message}", _refusal(status, code, message)
    )


def _rate_limit(
    status: int, name: str, said: str, wait: Callable[[Reply], str] | None, code: int | str = 53
) -> Fault[Reply]:
    refuse = _refusal(status, code, "Too many requests")

    def limit(reply: Reply) -> Reply:
        return refuse(reply) if wait is None else _headed(retry_after=wait(reply))(refuse(reply))

    return _report(f"rate-limit-{status}{name}", f"answers {status}, too many requests, {said}", limit)


def _constant(value: str) -> Callable[[Reply], str]:
    return lambda _: value


def _halve(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _garble(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]


def _pack(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


@cache
def _bomb() -> bytes:
    return _pack(b" " * (16 << 20)) * 8


def _redirect(status: int) -> _Change:
    return lambda reply: _headed(location=reply.elsewhere)(reply._replace(status=status, body=b""))


_ERRORS: Final = (
    _error(400, 28, "Invalid query-string parameter value", name="400-28"),
    _error(401, 40, "Missing credentials", name="401-40"),
    _error(401, 41, "Invalid credentials", name="401-41"),
    _error(401, 42, "Expired credentials", name="401-42"),
    _error(403, 50, "Access denied", name="403-50"),
    _error(403, 51, "Forbidden requester", name="403-51"),
    _error(404, 60, "Resource not found", name="404-60"),
    _error(408, 63, "Request time-out", name="408-63"),
    _error(422, 422, "Business error", name="422-business"),
    _error(500, 1, "Internal error", name="500-1"),
    _error(502, 1, "Bad gateway", name="502-1"),
    _error(503, 5, "The service is temporarily unavailable", name="503-5"),
    _error(504, 6, "Gateway time-out", name="504-6"),
)
_WAITS: Final[tuple[tuple[str, str, Callable[[Reply], str] | None], ...]] = (
    ("", "and no Retry-After", None),
    ("-seconds", f"and Retry-After: {_WAIT_SECONDS}", _constant(str(_WAIT_SECONDS))),
    (
        "-date",
        f"and Retry-After as a date in {_WAIT_SECONDS} seconds",
        lambda reply: formatdate(reply.date + _WAIT_SECONDS, usegmt=True),
    ),
    ("-huge", "and a Retry-After of 400 digits", _constant("9" * 400)),
    ("-negative", "and Retry-After: -5", _constant("-5")),
    ("-word", "and Retry-After: soon", _constant("soon")),
)
_RATE_LIMITS: Final = (
    *(_rate_limit(status, name, said, wait) for status in (403, 429) for name, said, wait in _WAITS),
    _rate_limit(403, "-code-text", "and its code is a text", None, "53"),
)
_BODIES: Final = (
    _report("html-502", "answers 502 with a page of HTML", _instead(502, _HTML, content_type="text/html")),
    _report("html-200", "answers 200 with a page of HTML", _instead(200, _HTML, content_type="text/html")),
    _report("status-204", "answers 204, no content", lambda reply: reply._replace(status=204, body=b"")),
    _report("redirect-elsewhere", "answers 302 with a Location on another host", _redirect(302)),
    _report("body-empty", "answers an empty body, with Content-Length: 0", _with_body(lambda _: b"")),
    _report(
        "body-list", "answers a list that contains the page", _with_body(lambda body: b"[" + body + b"]")
    ),
    _report("body-bom", "answers with a byte order mark", _with_body(lambda body: b"\xef\xbb\xbf" + body)),
    _report(
        "json-cut", "answers the first half of its JSON, with the length of that half", _with_body(_halve)
    ),
    _report("content-type-html", "answers its JSON as text/html", _headed(content_type="text/html")),
    _report("gzip-right", "answers with gzip", _with_body(_pack, content_encoding="gzip")),
    _report(
        "gzip-missing",
        "says gzip, but the body is not compressed",
        _headed(content_encoding="gzip"),
    ),
    _report(
        "gzip-cut",
        "answers the first half of its gzip body",
        _with_body(lambda body: _halve(_pack(body)), content_encoding="gzip"),
    ),
    _report(
        "gzip-broken",
        "answers gzip with a wrong byte in the middle",
        _with_body(lambda body: _garble(_pack(body)), content_encoding="gzip"),
    ),
    _report(
        "gzip-bomb",
        "answers 128 KiB of gzip that are 128 MiB of blanks",
        _with_body(lambda _: _bomb(), content_encoding="gzip"),
    ),
)
REPLY_FAULTS: Final[tuple[Fault[Reply], ...]] = (*_ERRORS, *_RATE_LIMITS, *_BODIES)

_INVALID_CLIENT: Final[Mapping[str, Any]] = {
    "error": "invalid_client",
    "error_description": "A fault of the sandbox",
}
TOKEN_REPLY_FAULTS: Final[tuple[Fault[Reply], ...]] = (
    _token("error-401", "answers 401: invalid_client", _json(401, **_INVALID_CLIENT)),
    _token("error-403-50", "answers 403 with code 50: Access denied", _refusal(403, 50, "Access denied")),
    _token("error-429", "answers 429: Too many requests", _refusal(429, 53, "Too many requests")),
    _token("error-503", "answers 503: Unavailable", _refusal(503, 5, "Unavailable")),
    _token("html-503", "answers 503 with a page of HTML", _instead(503, _HTML, content_type="text/html")),
    _token("html-200", "answers 200 with a page of HTML", _instead(200, _HTML, content_type="text/html")),
    _token("body-empty", "answers an empty body, with Content-Length: 0", _with_body(lambda _: b"")),
    _token(
        "json-cut", "answers the first half of its JSON, with the length of that half", _with_body(_halve)
    ),
    _token("gzip-right", "answers with gzip", _with_body(_pack, content_encoding="gzip")),
    _token(
        "redirect-elsewhere",
        "answers 307, which keeps method and body, with a Location on another host",
        _redirect(307),
    ),
)
