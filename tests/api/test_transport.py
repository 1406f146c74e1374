import gzip
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from airflow_provider_evpl.api.transport import Response
from airflow_provider_evpl.errors import EvplConfigError, EvplError, EvplResponseError, EvplUnavailableError
from tests.support.api import SECRET, replying, serving, settings, transported

LATE = r"timed out.*; if the error stays, raise timeout_seconds"
BODY = b'{"hasNext": false, "entries": []}' * 5000

Reply = Callable[[BaseHTTPRequestHandler], object]


def get(url: str, *, max_body_bytes: int = 1 << 24, **changes: Any) -> Response:  # noqa: ANN401 any field
    """Ask once."""
    chosen = settings(**{"timeout_seconds": 5.0} | changes)
    with transported(chosen, max_body_bytes=max_body_bytes) as transport:
        return transport.send("GET", url, headers={"Authorization": "Bearer token"})


def chunked(*chunks: bytes, last: bytes = b"0\r\n\r\n", encoding: str = "identity") -> Reply:
    """Make a reply in chunks."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Content-Encoding", encoding)
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        handler.wfile.write(last)

    return reply


def interim(then: Reply, *statuses: int) -> Reply:
    """Make a reply that begins with interim answers (RFC 9110, 15.2)."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.close_connection = True
        heads = (b"HTTP/1.1 %d Wait\r\nLink: </style.css>\r\n\r\n" % status for status in statuses)
        handler.wfile.write(b"".join(heads))
        with suppress(OSError):  # after too many the client has hung up
            then(handler)

    return reply


WHOLE: dict[str, Reply] = {
    "content-length": replying(BODY),
    "until-close": lambda handler: handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + BODY),
    "chunked": chunked(BODY[:10], BODY[10:]),
    "gzip": replying(gzip.compress(BODY), Content_Encoding="gzip"),
    "gzip-chunked": chunked(*(bytes([byte]) for byte in gzip.compress(BODY)), encoding="gzip"),
    "deflate-of-nothing": replying(b"", Content_Encoding="gzip"),
    "interim-100": interim(replying(BODY), 100),
    "interim-102": interim(replying(BODY), 102),
    "interim-103": interim(replying(BODY), 103),
    "interim-199": interim(replying(BODY), 199),
    "interim-20-times": interim(replying(BODY), *[100, 102] * 10),
}
CUT: dict[str, Reply] = {
    "no-answer": lambda _: None,
    "garbage": lambda handler: handler.wfile.write(b"SSH-2.0-x\r\n"),
    "content-length": replying(BODY[:100], Content_Length="101"),
    "content-length-and-nothing": replying(b"", Content_Length="1"),
    "chunk": chunked(last=b"ff\r\nabc"),
    "negative chunk": chunked(last=b"-5\r\nabc"),
    "no-last-chunk": chunked(BODY, last=b""),
    "odd-chunk": chunked(BODY, last=b"zz\r\n"),
    "gzip-cut": replying(gzip.compress(BODY)[:50], Content_Encoding="gzip", Content_Length="100"),
    "no-gzip": replying(BODY, Content_Encoding="gzip"),
    "interim-alone": interim(lambda _: None, 102),
    "interim-21-times": interim(replying(BODY), *[100, 102, 103] * 7),
}


@pytest.mark.parametrize("reply", WHOLE.values(), ids=WHOLE)
def test_a_whole_answer(reply: Reply) -> None:
    """However a body is sent, it arrives whole and unpacked."""
    with serving(reply) as server:
        answer = get(server.url)
    assert answer.status == 200
    assert answer.body == (b"" if reply is WHOLE["deflate-of-nothing"] else BODY)


@pytest.mark.parametrize("reply", CUT.values(), ids=CUT)
def test_a_cut_answer(reply: Reply) -> None:
    """A dropped connection or half a body is an unavailable service, never a short answer."""
    with (
        serving(reply) as server,
        pytest.raises(EvplUnavailableError, match="gave no whole answer") as raised,
    ):
        get(server.url)
    assert f"127.0.0.1:{server.port}" in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_change_of_protocols_is_an_answer() -> None:
    """A 101 is no interim answer: another protocol follows it, and no answer."""
    with serving(interim(replying(BODY), 101)) as server:
        assert get(server.url).status == 101


@pytest.mark.contract("connection.timeout_seconds")
def test_silence() -> None:
    """A server that says nothing is given up after the time-out."""
    over = threading.Event()
    with serving(lambda _: over.wait()) as server:
        try:
            with pytest.raises(EvplUnavailableError, match=LATE):
                get(server.url, timeout_seconds=0.05)
        finally:
            over.set()


def test_silence_in_the_body() -> None:
    """A server that falls silent in the middle of a body is given up as well."""
    over = threading.Event()

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        over.wait()

    with serving(reply) as server:
        try:
            with pytest.raises(EvplUnavailableError, match=LATE):
                get(server.url, timeout_seconds=0.05)
        finally:
            over.set()


def test_nobody_listens() -> None:
    """A port that nobody listens on is an unavailable service."""
    with serving(replying(b"")) as server:
        url = server.url
    with pytest.raises(EvplUnavailableError, match="refused"):
        get(url)


@pytest.mark.parametrize(
    "reply",
    [
        replying(b"x" * ((1 << 20) + 1)),
        replying(gzip.compress(b"x" * ((1 << 20) + 1)), Content_Encoding="gzip"),
    ],
    ids=["plain", "gzip"],
)
def test_a_huge_answer(reply: Reply) -> None:
    """An answer above the limit, as sent or unpacked, is an error, never a shorter one."""
    with (
        serving(reply) as server,
        pytest.raises(EvplResponseError, match=r"larger than 1 MiB \(request id none\)$"),
    ):
        get(server.url, max_body_bytes=1 << 20)


def test_an_answer_at_the_limit() -> None:
    """An answer of just the limit is taken."""
    with serving(replying(gzip.compress(b"x" * (1 << 20)), Content_Encoding="gzip")) as server:
        assert len(get(server.url, max_body_bytes=1 << 20).body) == 1 << 20


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["http://localhost:{port}/", "/else", "//localhost:{port}", "http://["])
def test_no_redirect_is_followed(status: int, place: str) -> None:
    """Credentials never travel: a redirect, to another host or another path, is an answer like others."""
    with serving(replying(b"")) as other:
        reply = replying(b"moved", status=status, Location=place.format(port=other.port))
        with serving(reply) as server, transported(settings()) as transport:
            answer = transport.send("POST", server.url, headers={}, data={"client_secret": SECRET})
    assert (answer.status, answer.body, len(server.seen), other.seen) == (status, b"moved", 1, [])


def test_cookies_are_not_kept() -> None:
    """What a server wants remembered is not sent back."""
    with serving(replying(b"", Set_Cookie="id=7; Path=/")) as server, transported(settings()) as transport:
        for _ in range(2):
            transport.send("GET", server.url, headers={})
    assert len(server.seen) == 2
    assert all("Cookie" not in headers for headers in server.seen)


def test_parameters_and_headers() -> None:
    """Parameters are escaped, in order, repeated ones too; the answer's header names are of any case."""
    with serving(replying(b"", x_oapi_request_id="7")) as server, transported(settings()) as transport:
        params = [("ctxtid", "wses"), ("ctxtid", "vsn"), ("codeOpe", "a b&c")]
        answer = transport.send("GET", server.url, headers={"pagination": "1"}, params=params)
    assert server.seen[0]["path"] == "/?ctxtid=wses&ctxtid=vsn&codeOpe=a+b%26c"
    assert server.seen[0]["pagination"] == "1"
    assert answer.request_id == "7"
    assert Response(200, {}, b"").request_id == "none"


@pytest.mark.parametrize(
    ("url", "changes"),
    [
        ("http://127.0.0.1:99999999", {}),
        ("http://", {}),
        ("nonsense://host", {}),
        ("https://localhost:1", {"verify": "/nowhere/ca.pem"}),
        ("http://localhost:1", {"proxy": "http://"}),
    ],
)
def test_what_cannot_be_asked(url: str, changes: dict[str, Any]) -> None:
    """An address or a setting that can't be used at all is one to correct, not a service to wait for."""
    with pytest.raises(EvplConfigError, match="check the connection's host, token_url, proxy and verify"):
        get(url, **changes)


def test_a_header_that_cannot_be_sent() -> None:
    """Text that can't stand in a header is an error before anything is sent, and shows no secret."""
    with serving(replying(b"")) as server, transported(settings()) as transport:
        with pytest.raises(EvplError) as raised:
            transport.send("GET", server.url, headers={"ApplicationID": f"a\n{SECRET}"})
        with pytest.raises(EvplConfigError):
            transport.send("GET", server.url, headers={"ApplicationID": "\u4e00"})
    assert type(raised.value) is EvplConfigError
    assert SECRET not in str(raised.value)
    assert server.seen == []


def test_two_lengths_are_a_broken_answer() -> None:
    """An answer that tells two lengths can't be trusted; it may be right the next time."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for length in ("5", "7"):
            handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(b"12345")
        handler.close_connection = True

    with serving(reply) as server, pytest.raises(EvplUnavailableError, match="gave no whole answer"):
        get(server.url)
