import gzip
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from airflow_provider_evpl.api.transport import Transport
from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError
from tests.support.api import replying, serving, settings, transported

MIB = 1 << 20


@pytest.mark.parametrize("status", [302, 401, 403, 429, 500, 503])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_goes_on_is_not_read(status: int, pack: Callable[[bytes], bytes]) -> None:
    """Of an answer whose status says it all a MiB is enough; it stays the answer that it is."""
    headers = {"Content_Encoding": "gzip"} if pack is gzip.compress else {}
    reply = replying(pack(bytes(4 * MIB)), status=status, **headers)
    with serving(reply) as server, transported(settings()) as transport:
        answer = transport.send("GET", server.url, headers={})
    assert answer.status == status
    assert MIB <= len(answer.body) < 2 * MIB


PACKED = [
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


@pytest.mark.parametrize("encoding", PACKED)
def test_an_encoding_that_was_not_asked_for(encoding: str) -> None:
    """What is packed in another way, or more than once, is refused unread; an error stays what it is."""
    body = gzip.compress(b"{}")
    with (
        serving(replying(body, Content_Encoding=encoding)) as server,
        transported(settings()) as transport,
        pytest.raises(EvplResponseError, match="Content-Encoding is neither gzip nor deflate"),
    ):
        transport.send("GET", server.url, headers={})
    reply = replying(body, status=503, Content_Encoding=encoding)
    with serving(reply) as server, transported(settings()) as transport:
        answer = transport.send("GET", server.url, headers={})
    assert (answer.status, answer.body) == (503, b"")


@pytest.mark.parametrize("encoding", ["gzip", "GZip", "deflate"])
def test_an_encoding_that_was_asked_for(encoding: str) -> None:
    """Only gzip and deflate are asked for; their names are of any case."""
    body = zlib.compress(b"{}") if encoding == "deflate" else gzip.compress(b"{}")
    with serving(replying(body, Content_Encoding=encoding)) as server, transported(settings()) as transport:
        assert transport.send("GET", server.url, headers={"Accept-Encoding": "br"}).body == b"{}"
    assert server.seen[0]["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("line", ["HTTP/1.1 \x1b[2J{}\r\n\r\n", "{}\r\n\r\n"])
def test_what_a_library_says_is_one_short_line(line: str) -> None:
    """It quotes what it can't read, and that may be a line of 64 kB."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(line.format("\x9b2J\x85" + "x" * 60_000).encode("latin-1"))
        handler.close_connection = True

    with (
        serving(reply) as server,
        transported(settings()) as transport,
        pytest.raises(EvplUnavailableError) as error,
    ):
        transport.send("GET", server.url, headers={})
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 1000


def _form(transport: Transport, url: str) -> int:
    return len(transport.send("POST", url, headers={}, data={"grant_type": "client_credentials"}).body)


def test_an_answer_to_a_form_is_small() -> None:
    """A token has no megabytes: one byte more is an error."""
    with serving(replying(bytes(MIB))) as server, transported(settings()) as transport:
        assert _form(transport, server.url) == MIB
    with (
        serving(replying(bytes(MIB + 1))) as server,
        transported(settings()) as transport,
        pytest.raises(EvplResponseError, match="larger than 1 MiB"),
    ):
        _form(transport, server.url)
