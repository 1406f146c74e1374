"""An exchange that takes too long, or is canceled, is aborted wherever it is."""

import socket
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.deadline import DeadlineAdapter, deadline
from airflow_provider_evpl.errors import EvplUnavailableError
from tests.support.api import QUERY, answer, get, replying, report, scripted, serving, settings, transported
from tests.support.network import make_certificate, with_tls

HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "header": (HEAD + b"X-Long: ", b"x"),
    "interim header": (b"HTTP/1.1 103 Early Hints\r\nX-Long: ", b"x"),
    "body": (HEAD + b"Content-Length: 1000\r\n\r\n", b"x"),
    "error": (b"HTTP/1.1 500 x\r\nContent-Length: 1000\r\n\r\n", b"x"),
    "redirect": (b"HTTP/1.1 302 x\r\nLocation: /else\r\n\r\n", b"x"),
    "chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n", b"x"),
    "chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "packed nothing": (
        HEAD + b"Content-Encoding: deflate\r\nContent-Length: 100000\r\n\r\n" + zlib.compress(b"")[:2],
        b"\x00\x00\x00\xff\xff",
    ),
}


def _dripping(begin: bytes, drop: bytes, over: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(begin)
        try:
            while not over.wait(0.01):
                handler.wfile.write(drop)
        except OSError:
            return  # the other side has hung up

    return reply


@pytest.mark.contract("connection.timeout_seconds")
@pytest.mark.parametrize(("begin", "drop"), ENDLESS.values(), ids=ENDLESS)
def test_endless_response_reaches_the_deadline(begin: bytes, drop: bytes) -> None:
    """Wherever a server drips, never silent for long, the request is aborted after a while."""
    over = threading.Event()
    with (
        serving(_dripping(begin, drop, over)) as server,
        transported(settings(timeout_seconds=60.0), longest_seconds=0.2) as transport,
    ):
        try:
            with pytest.raises(
                EvplUnavailableError, match=r"the whole response took longer than 0\.2 s"
            ) as raised:
                get(transport, server.url)
        finally:
            over.set()
    assert "Raise timeout_seconds" in raised.value.next_step


def test_deadline_is_ten_times_the_timeout() -> None:
    """The setting limits a silence; a whole exchange may take ten times as long."""

    def give(_request: object, _context: object) -> dict[str, object]:
        time.sleep(0.3)
        return report()

    with (
        scripted([answer(json=give)], timeout_seconds=0.01, max_retry_seconds=0) as api,
        pytest.raises(EvplUnavailableError, match=r"the whole response took longer than 0\.1 s"),
    ):
        api.client.page(QUERY, 1)


def test_deadline_ends_tls_too(tmp_path: Path) -> None:
    """TLS changes nothing, because the socket below it is shut down."""
    over = threading.Event()
    certificate = make_certificate(tmp_path / "both.pem")
    with (
        serving(_dripping(HEAD, b"X: y\r\n", over), with_tls(certificate)) as server,
        transported(settings(verify=str(certificate)), longest_seconds=0.2) as transport,
    ):
        try:
            with pytest.raises(EvplUnavailableError, match="the whole response took longer"):
                get(transport, f"https://127.0.0.1:{server.port}")
        finally:
            over.set()


TUNNEL = b"HTTP/1.1 200 OK\r\n"
RECORD = b"\x16\x03\x03\x3e\x80"  # the head of a TLS record of 16,000 bytes
BEFORE_THE_REQUEST = {
    "handshake": (False, [RECORD], b"x"),
    "tunnel's status line": (True, [b"HTTP/1.1 200 "], b"O"),
    "tunnel's header": (True, [TUNNEL + b"X-Long: "], b"x"),
    "handshake in a tunnel": (True, [TUNNEL + b"\r\n", RECORD], b"x"),
    "silent handshake": (False, [b""], b""),
    "silent tunnel": (True, [b""], b""),
}


@pytest.mark.parametrize(("is_proxy", "replies", "drop"), BEFORE_THE_REQUEST.values(), ids=BEFORE_THE_REQUEST)
def test_cancellation_ends_handshake_and_tunnel(
    is_proxy: bool,  # noqa: FBT001 one of the parameters
    replies: list[bytes],
    drop: bytes,
) -> None:
    """A handshake, or a proxy's response to CONNECT, that never ends is aborted like a response."""
    begun, over, cancellation = threading.Event(), threading.Event(), Cancellation()

    def speak(listener: socket.socket) -> None:
        connected, _ = listener.accept()
        with connected, suppress(OSError):  # the client closes the connection
            for reply in replies:
                connected.recv(1 << 16)
                connected.sendall(reply)
            begun.set()
            while not over.wait(0.01):
                connected.sendall(drop)

    def cancel_once_begun() -> None:
        begun.wait()
        cancellation.set()

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        speaker = pool.submit(speak, listener)
        pool.submit(cancel_once_begun)
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        changes = {"proxy": f"http://{place}"} if is_proxy else {}
        url = "https://evpl.invalid" if is_proxy else f"https://{place}"
        try:
            with (
                transported(settings(**changes)) as transport,
                pytest.raises(EvplUnavailableError, match="the request was aborted"),
            ):
                get(transport, url, cancellation=cancellation)
        finally:
            begun.set()
            over.set()
        speaker.result()


def test_canceled_connection_does_not_start_tls() -> None:
    """A connection that is made after the cancellation is closed at once: TLS would lose its socket."""
    cancellation = Cancellation()

    def connect(port: int) -> None:
        url = f"https://127.0.0.1:{port}"
        connection = DeadlineAdapter().poolmanager.connection_from_url(url).ConnectionCls("127.0.0.1", port)
        with deadline(60.0, cancellation):
            cancellation.set()
            connection.connect()

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(ConnectionAbortedError, match="aborted"),
    ):
        connect(listener.getsockname()[1])


def test_reused_connection_is_aborted_too() -> None:
    """A request on a connection that earlier requests used is aborted; their cancellations don't close it."""
    earlier, cancellation, over = Cancellation(), Cancellation(), threading.Event()
    connections: list[object] = []

    def reply(handler: BaseHTTPRequestHandler) -> None:
        connections.append(handler.client_address)
        handler.protocol_version = "HTTP/1.1"
        if len(connections) < 3:
            replying(b"whole")(handler)
            handler.close_connection = False
        else:
            cancellation.set()
            over.wait(60)

    with serving(reply) as server, transported(settings()) as transport:
        try:
            for _ in range(2):
                assert get(transport, server.url, cancellation=earlier).body == b"whole"
            earlier.set()
            with pytest.raises(EvplUnavailableError, match="the request was aborted"):
                get(transport, server.url, cancellation=cancellation)
        finally:
            over.set()
    assert len(connections) == 3
    assert len(set(connections)) == 1


def test_response_that_ends_with_the_abort_is_an_error() -> None:
    """A body of unknown length looks complete when its socket is shut down: it is not used."""
    cancellation, over = Cancellation(), threading.Event()

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(HEAD + b"\r\nhalf")
        cancellation.set()
        over.wait(60)

    with serving(reply) as server, transported(settings()) as transport:
        try:
            with pytest.raises(EvplUnavailableError, match="the request was aborted"):
                get(transport, server.url, cancellation=cancellation)
        finally:
            over.set()


def test_deadline_leaves_no_timer() -> None:
    """The timer of an exchange ends with it."""
    with deadline(60.0, Cancellation()):
        timers = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    assert timers
    for timer in timers:
        timer.join(10)
        assert not timer.is_alive()


def test_other_errors_pass_through_a_deadline() -> None:
    """Without an abort, an error comes out as it is."""
    with pytest.raises(KeyError), deadline(60.0, Cancellation()):
        raise KeyError
