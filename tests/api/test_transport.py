"""Responses of every form over real sockets: complete, cut, too large, compressed."""

import gzip
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from airflow_provider_evpl.api.transport import Response, Transport
from airflow_provider_evpl.errors import EvplConfigError, EvplError, EvplResponseError, EvplUnavailableError
from tests.support.api import SECRET, get, replying, serving, settings, transported

BODY = b'{"hasNext": false, "entries": []}' * 5000
MIB = 1 << 20

Reply = Callable[[BaseHTTPRequestHandler], object]


def get_once(url: str, *, max_body_bytes: int = 1 << 24, **changes: Any) -> Response:  # noqa: ANN401 any field
    """Send one request through a transport of its own."""
    chosen = settings(**{"timeout_seconds": 5.0} | changes)
    with transported(chosen, max_body_bytes=max_body_bytes) as transport:
        return get(transport, url, headers={"Authorization": "Bearer token"})


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
    """Make a reply that starts with interim responses (RFC 9110, 15.2)."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.close_connection = True
        heads = (b"HTTP/1.1 %d Wait\r\nLink: </style.css>\r\n\r\n" % status for status in statuses)
        handler.wfile.write(b"".join(heads))
        with suppress(OSError):  # the client closes the connection after too many
            then(handler)

    return reply


def two_lengths(handler: BaseHTTPRequestHandler) -> None:
    """Reply with two different lengths."""
    handler.send_response(200)
    for length in ("5", "7"):
        handler.send_header("Content-Length", length)
    handler.end_headers()
    handler.wfile.write(b"12345")
    handler.close_connection = True


COMPLETE: dict[str, Reply] = {
    "content-length": replying(BODY),
    "until-close": lambda handler: handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + BODY),
    "chunked": chunked(BODY[:10], BODY[10:]),
    "gzip": replying(gzip.compress(BODY), Content_Encoding="gzip"),
    "gzip-chunked": chunked(*(bytes([byte]) for byte in gzip.compress(BODY)), encoding="gzip"),
    "gzip-of-nothing": replying(b"", Content_Encoding="gzip"),
    "interim-100": interim(replying(BODY), 100),
    "interim-102": interim(replying(BODY), 102),
    "interim-103": interim(replying(BODY), 103),
    "interim-199": interim(replying(BODY), 199),
    "interim-20-times": interim(replying(BODY), *[100, 102] * 10),
}
INCOMPLETE: dict[str, Reply] = {
    "no-response": lambda _: None,
    "garbage": lambda handler: handler.wfile.write(b"SSH-2.0-x\r\n"),
    "content-length": replying(BODY[:100], Content_Length="101"),
    "content-length-and-nothing": replying(b"", Content_Length="1"),
    "two-lengths": two_lengths,
    "two-lengths-in-one-header": replying(BODY, Content_Length="5, 7"),
    "chunk": chunked(last=b"ff\r\nabc"),
    "negative chunk": chunked(last=b"-5\r\nabc"),
    "no-last-chunk": chunked(BODY, last=b""),
    "odd-chunk": chunked(BODY, last=b"zz\r\n"),
    "gzip-cut": replying(gzip.compress(BODY)[:50], Content_Encoding="gzip", Content_Length="100"),
    "no-gzip": replying(BODY, Content_Encoding="gzip"),
    "interim-alone": interim(lambda _: None, 102),
    "interim-21-times": interim(replying(BODY), *[100, 102, 103] * 7),
}


@pytest.mark.parametrize("reply", COMPLETE.values(), ids=COMPLETE)
def test_complete_response_is_read_whole(reply: Reply) -> None:
    """However a server sends a body, it arrives whole and decompressed."""
    with serving(reply) as server:
        response = get_once(server.url)
    assert response.status == 200
    assert response.body == (b"" if reply is COMPLETE["gzip-of-nothing"] else BODY)


@pytest.mark.parametrize("reply", INCOMPLETE.values(), ids=INCOMPLETE)
def test_incomplete_response_is_temporary_error(reply: Reply) -> None:
    """A dropped connection or half a body is an unavailable service, never a shorter response."""
    with (
        serving(reply) as server,
        pytest.raises(EvplUnavailableError) as raised,
    ):
        get_once(server.url)
    assert raised.value.what == f"No complete response from 127.0.0.1:{server.port}."
    assert "Pool" not in str(raised.value)


def test_error_in_a_body_names_the_request() -> None:
    """Once the headers have arrived, the error has their request id."""
    reply = replying(b"12", Content_Length="3", X_OAPI_Request_Id="7")
    with serving(reply) as server, pytest.raises(EvplUnavailableError) as raised:
        get_once(server.url)
    assert raised.value.detail == "Reason: the body is cut off\nRequest id: 7"


def test_switching_protocols_is_a_response() -> None:
    """A 101 is no interim response: another protocol follows it, and no other response."""
    with serving(interim(lambda _: None, 101)) as server:
        assert get_once(server.url).status == 101


@pytest.mark.contract("connection.timeout_seconds")
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_silent_server_reaches_timeout(before: bytes) -> None:
    """A server that stops sending is given up; the error names the setting."""
    over = threading.Event()

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(before)
        over.wait()

    with serving(reply) as server:
        try:
            with pytest.raises(EvplUnavailableError, match="timed out") as raised:
                get_once(server.url, timeout_seconds=0.05)
        finally:
            over.set()
    assert "Raise timeout_seconds in the connection" in raised.value.next_step


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_report_above_the_limit_is_refused(pack: Callable[[bytes], bytes]) -> None:
    """A body above the limit, as sent or decompressed, is an error, never a shorter body."""
    encoding = "gzip" if pack is gzip.compress else "identity"
    with serving(replying(pack(bytes(MIB)), Content_Encoding=encoding)) as server:
        assert len(get_once(server.url, max_body_bytes=MIB).body) == MIB
    with (
        serving(replying(pack(bytes(MIB + 1)), Content_Encoding=encoding)) as server,
        pytest.raises(EvplResponseError, match="larger than 1 MiB") as raised,
    ):
        get_once(server.url, max_body_bytes=MIB)
    assert raised.value.next_step == "Pull shorter slices."


def test_token_response_above_a_mebibyte_is_refused() -> None:
    """A token is small: one byte more than 1 MiB is an error."""

    def post(transport: Transport, url: str) -> int:
        return len(get(transport, url, data={"grant_type": "client_credentials"}).body)

    with serving(replying(bytes(MIB))) as server, transported(settings()) as transport:
        assert post(transport, server.url) == MIB
    with (
        serving(replying(bytes(MIB + 1))) as server,
        transported(settings()) as transport,
        pytest.raises(EvplResponseError, match="larger than 1 MiB") as raised,
    ):
        post(transport, server.url)
    assert "token_url" in raised.value.next_step


@pytest.mark.parametrize("status", [302, 401, 403, 429, 500, 503])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_large_error_response_is_cut(status: int, pack: Callable[[bytes], bytes]) -> None:
    """Of a response with another status than 200, one MiB is read; its status stays."""
    encoding = "gzip" if pack is gzip.compress else "identity"
    reply = replying(pack(bytes(4 * MIB)), status=status, Content_Encoding=encoding)
    with serving(reply) as server, transported(settings()) as transport:
        response = get(transport, server.url)
    assert response.status == status
    assert MIB <= len(response.body) < 2 * MIB


OTHER_ENCODINGS = [
    "br",
    "zstd",
    "gzip ",
    "compress",
    "x-unknown",
    "gzip, gzip",
    "gzip,deflate",
    "identity, gzip",
    "gzip, gzip, gzip",
]


@pytest.mark.parametrize("encoding", OTHER_ENCODINGS)
def test_other_content_encoding_is_refused(encoding: str) -> None:
    """A body compressed in another way, or more than once, is not read; an error response stays an error."""
    body = gzip.compress(b"{}")
    with (
        serving(replying(body, Content_Encoding=encoding)) as server,
        transported(settings()) as transport,
        pytest.raises(EvplResponseError, match="Content-Encoding is neither gzip nor deflate"),
    ):
        get(transport, server.url)
    reply = replying(body, status=503, Content_Encoding=encoding)
    with serving(reply) as server, transported(settings()) as transport:
        response = get(transport, server.url)
    assert (response.status, response.body) == (503, b"")


@pytest.mark.parametrize("encoding", ["gzip", "GZip", "deflate"])
def test_gzip_and_deflate_are_accepted(encoding: str) -> None:
    """Only gzip and deflate are requested; their names are in any case."""
    body = zlib.compress(b"{}") if encoding == "deflate" else gzip.compress(b"{}")
    with serving(replying(body, Content_Encoding=encoding)) as server, transported(settings()) as transport:
        assert get(transport, server.url, headers={"Accept-Encoding": "br"}).body == b"{}"
    assert server.seen[0]["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["http://localhost:{port}/", "/else", "//localhost:{port}", "http://["])
def test_redirect_is_not_followed(status: int, place: str) -> None:
    """Credentials never follow a redirect, to another host or another path: it is a response like others."""
    with serving(replying(b"")) as other:
        reply = replying(b"moved", status=status, Location=place.format(port=other.port))
        with serving(reply) as server, transported(settings()) as transport:
            response = get(transport, server.url, data={"client_secret": SECRET})
    assert (response.status, response.body, len(server.seen), other.seen) == (status, b"moved", 1, [])


def test_cookies_are_not_kept() -> None:
    """A cookie that a server sets is neither read nor sent back: requests reads odd dates for seconds."""
    with serving(replying(b"", Set_Cookie="id=7; Path=/")) as server, transported(settings()) as transport:
        responses = [get(transport, server.url) for _ in range(2)]
    assert len(server.seen) == 2
    assert all("Set-Cookie" not in response.headers for response in responses)
    assert all("Cookie" not in headers for headers in server.seen)


def test_parameters_and_headers_are_sent() -> None:
    """Parameters are escaped, in order, repeated ones too; header names of a response are in any case."""
    with serving(replying(b"", x_oapi_request_id="7")) as server, transported(settings()) as transport:
        params = [("ctxtid", "wses"), ("ctxtid", "vsn"), ("codeOpe", "a b&c")]
        response = get(transport, server.url, headers={"pagination": "1"}, params=params)
    assert server.seen[0]["path"] == "/?ctxtid=wses&ctxtid=vsn&codeOpe=a+b%26c"
    assert server.seen[0]["pagination"] == "1"
    assert response.request_id == "7"


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
def test_unusable_address_is_config_error(url: str, changes: dict[str, Any]) -> None:
    """An address or a setting that can't be used at all must be corrected; a retry doesn't help."""
    with pytest.raises(EvplConfigError, match="Can't send a request") as raised:
        get_once(url, **changes)
    assert raised.value.next_step == "Check host, token_url, proxy and verify in the connection."


def test_unusable_header_is_config_error() -> None:
    """Text that no header can have is an error before anything is sent."""
    with serving(replying(b"")) as server, transported(settings()) as transport:
        for text in (f"a\n{SECRET}", "\u4e00"):
            with pytest.raises(EvplError) as raised:
                get(transport, server.url, headers={"ApplicationID": text})
            assert type(raised.value) is EvplConfigError
    assert server.seen == []
