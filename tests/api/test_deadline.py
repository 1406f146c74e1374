import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.api.deadline import Watchdog, WatchedAdapter, watched
from airflow_provider_evpl.api.pagination import read_pages
from airflow_provider_evpl.errors import EvplRequestError, EvplUnavailableError
from tests.support.api import QUERY, TOKEN, replying, report, serving, settings, transported
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
def test_an_answer_that_never_ends_is_given_up(begin: bytes, drop: bytes) -> None:
    """Wherever a server drips, never silent for long, the line is hung up at ten times the time-out."""
    over, limits = threading.Event(), list[float]()

    def watch(seconds: float) -> AbstractContextManager[Watchdog]:
        limits.append(seconds)
        return watched(0.2)

    with (
        serving(_dripping(begin, drop, over)) as server,
        transported(settings(timeout_seconds=60.0), watch=watch) as transport,
    ):
        try:
            with pytest.raises(EvplUnavailableError, match="the whole answer took longer than 600 s"):
                transport.send("GET", server.url, headers={})
        finally:
            over.set()
    assert limits == [600]


def test_so_it_is_over_tls(tmp_path: Path) -> None:
    """TLS changes nothing: it is the socket below that is shut."""
    over = threading.Event()
    certificate = make_certificate(tmp_path / "both.pem")
    with (
        serving(_dripping(HEAD, b"X: y\r\n", over), with_tls(certificate)) as server,
        transported(settings(verify=str(certificate)), watch=lambda _: watched(0.2)) as transport,
    ):
        try:
            with pytest.raises(EvplUnavailableError, match="the whole answer took longer than 600 s"):
                transport.send("GET", f"https://127.0.0.1:{server.port}", headers={})
        finally:
            over.set()


TUNNEL = b"HTTP/1.1 200 OK\r\n"
RECORD = b"\x16\x03\x03\x3e\x80"  # the head of a record of TLS, 16,000 bytes long
BEFORE_THE_REQUEST = {
    "handshake": (False, [RECORD], b"x"),
    "tunnel's status line": (True, [b"HTTP/1.1 200 "], b"O"),
    "tunnel's header": (True, [TUNNEL + b"X-Long: "], b"x"),
    "handshake in a tunnel": (True, [TUNNEL + b"\r\n", RECORD], b"x"),
    "silent handshake": (False, [b""], b""),
    "silent tunnel": (True, [b""], b""),
}


@pytest.mark.parametrize(("is_proxy", "replies", "drop"), BEFORE_THE_REQUEST.values(), ids=BEFORE_THE_REQUEST)
def test_so_it_is_before_the_request(
    is_proxy: bool,  # noqa: FBT001 one of the parameters
    replies: list[bytes],
    drop: bytes,
) -> None:
    """A handshake, or a proxy's answer to CONNECT, that never ends is hung up on like an answer."""
    begun, over = threading.Event(), threading.Event()

    def speak(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line, suppress(OSError):  # the other side hangs up
            for reply in replies:
                line.recv(1 << 16)
                line.sendall(reply)
            begun.set()
            while not over.wait(0.01):
                line.sendall(drop)

    def bite_once_begun(dog: Watchdog) -> None:
        begun.wait()
        dog.bite()

    @contextmanager
    def watch(_: float) -> Iterator[Watchdog]:
        with watched(3600) as dog:
            pool.submit(bite_once_begun, dog)
            yield dog

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        speaker = pool.submit(speak, listener)
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        changes = {"proxy": f"http://{place}"} if is_proxy else {}
        url = "https://evpl.invalid" if is_proxy else f"https://{place}"
        try:
            with (
                transported(settings(**changes), watch=watch) as transport,
                pytest.raises(EvplUnavailableError, match="the whole answer took longer than 600 s"),
            ):
                transport.send("GET", url, headers={})
        finally:
            begun.set()
            over.set()
        speaker.result()


def test_no_tls_is_begun_on_a_line_that_is_hung_up() -> None:
    """Where the time is over before the line is there it is closed at once: TLS would lose its socket."""
    pools = WatchedAdapter().poolmanager
    with socket.create_server(("127.0.0.1", 0)) as listener, watched(60.0) as dog:
        port = listener.getsockname()[1]
        connection = pools.connection_from_url(f"https://127.0.0.1:{port}").ConnectionCls("127.0.0.1", port)
        dog.bite()
        with pytest.raises(ConnectionAbortedError, match="hung up"):
            connection.connect()


@pytest.mark.parametrize("is_early", [False, True])
def test_a_line_is_hung_up_once_the_time_is_over(is_early: bool) -> None:  # noqa: FBT001 drawn from the two
    """Whether it is connected before the time is over, or only after it; a second time does no harm."""
    dog = Watchdog()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(0)
        if is_early:
            dog.bite()
        dog.take(ours)
        if not is_early:
            dog.bite()
        assert theirs.recv(1) == b""
        dog.bite()
        ours.close()
        dog.bite()
        dog.let_go()
        dog.let_go()
    assert dog.has_bitten


def test_a_line_that_is_down_needs_no_hanging_up() -> None:
    """Where the other side was quicker, it is no error."""
    dog = Watchdog()
    with socket.socket() as line:
        dog.take(line)
        dog.bite()
        dog.let_go()
    assert dog.has_bitten


def test_a_line_that_is_let_go_is_not_hung_up() -> None:
    """What is connected after the exchange is somebody else's line, and stays."""
    dog = Watchdog()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        dog.take(ours)
        dog.let_go()
        dog.bite()
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"


def test_a_line_in_time_is_left_alone() -> None:
    """An exchange that is over before its time isn't bitten any more."""
    with watched(60) as dog:
        timers = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    for timer in timers:
        timer.join()
    assert not dog.has_bitten


def test_an_error_does_not_wait_for_the_pages_in_flight() -> None:
    """Where one page is refused for good the others, which never come, are hung up on."""
    waiting = threading.Semaphore(0)
    hung_up = []

    def reply(handler: BaseHTTPRequestHandler) -> None:
        index = handler.headers["pagination"]
        if index is None:
            replying(json.dumps(TOKEN).encode())(handler)
        elif index == "1":
            first = report({"objectInstanceId": "a", "metric_name": "in"}, totalPages=4, hasNext=True)
            replying(json.dumps(first).encode())(handler)
        elif index == "2":
            waiting.acquire()
            waiting.acquire()
            replying(b"", status=400)(handler)
        else:
            waiting.release()
            hung_up.append(handler.connection.recv(1))

    with serving(reply) as server, ThreadPoolExecutor() as pool:
        urls = {"base_url": server.url, "token_url": f"{server.url}/token"}
        with Client(settings(**urls, timeout_seconds=3600.0)) as client:
            ended = threading.Event()
            pages = read_pages(
                lambda index: client.page(QUERY, index, cancelled=ended.is_set),
                parallelism=3,
                on_end=ended.set,
                hang_up=client.hang_up,
            )
            error = pool.submit(list, pages).exception(timeout=60)
    assert isinstance(error, EvplRequestError)
    assert hung_up == [b"", b""]
