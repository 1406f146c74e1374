import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from starlette.types import Message

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.fault import change
from airflow_provider_evpl.sandbox.faults.replies import Reply
from airflow_provider_evpl.sandbox.faults.wire import WIRE_FAULTS, deliver
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.sandbox import REPORT_PATH, Client

BODY = b'{"code":40,"message":"Missing credentials"}'
HALF = BODY[: len(BODY) // 2]
RIGHT = Reply("report", 401, {"x-oapi-request-id": "7"}, BODY, 0.0, "")
HEAD = "HTTP/1.1 401 Unauthorized\r\nx-oapi-request-id: 7\r\n"
SIZED = f"{HEAD}content-length: {{}}\r\nconnection: close\r\n\r\n"
UNSIZED = f"{HEAD}connection: close\r\n\r\n"
CHUNKED = f"{HEAD}connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNKS = b"%x\r\n%b\r\n%x\r\n%b\r\n" % (len(HALF), HALF, len(BODY) - len(HALF), BODY[len(HALF) :])
# What is written before the body, as which body, and what comes then.
WRITTEN = {
    "length-too-long": (SIZED.format(len(BODY) + 1), BODY, "close"),
    "length-too-short": (SIZED.format(len(BODY) // 2), BODY, "close"),
    "length-missing": (UNSIZED, HALF, "close"),
    "chunks-right": (CHUNKED, CHUNKS + b"0\r\n\r\n", "close"),
    "chunks-cut": (CHUNKED, CHUNKS, "close"),
    "body-dropped": (SIZED.format(len(BODY)), HALF, "close"),
    "body-reset": (SIZED.format(len(BODY)), HALF, "reset"),
    "body-hangs": (SIZED.format(len(BODY)), HALF, "hang"),
    "body-trickles": (SIZED.format(len(BODY)), BODY, "close"),
    "answer-dropped": ("", b"", "close"),
    "answer-reset": ("", b"", "reset"),
    "answer-hangs": ("", b"", "hang"),
    "token-dropped": ("", b"", "close"),
    "token-hangs": ("", b"", "hang"),
}


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    """One sandbox for all."""
    with SandboxServer() as server:
        yield server


def _ask(server: SandboxServer, path: str = REPORT_PATH) -> socket.socket:
    """Ask without a token, which is refused in few bytes; give the line, nothing read of it."""
    address = server.base_url.removeprefix("http://")
    host, port = address.split(":")
    line = socket.create_connection((host, int(port)), timeout=60)
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    return line


def _read(line: socket.socket) -> bytes:
    """Read until the other side has closed."""
    return b"".join(iter(lambda: line.recv(1 << 16), b""))


def test_the_table_above_has_each_fault_of_the_wire() -> None:
    """No fault of the wire is without its line above."""
    assert {fault.name for fault in WIRE_FAULTS} == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_fault_of_the_wire_writes_the_listed_bytes(name: str) -> None:
    """Head, body and end are those above; only one fault takes its time."""
    whole = deliver(RIGHT._replace(endpoint="token" if name.startswith("token-") else "report"))
    delivery = change(whole, seam=WIRE_FAULTS, names=frozenset([name]))
    head, body, end = WRITTEN[name]
    assert (delivery.head.decode(), delivery.body, delivery.end) == (head, body, end)
    assert (delivery.pause_seconds is not None) is (name == "body-trickles")
    other = whole._replace(endpoint="report" if whole.endpoint == "token" else "token")
    assert change(other, seam=WIRE_FAULTS, names=frozenset([name])) == other


@pytest.mark.parametrize("name", [name for name, (_, _, end) in WRITTEN.items() if end == "close"])
def test_a_client_reads_the_broken_answer_and_then_a_right_one(running: SandboxServer, name: str) -> None:
    """A client reads what is written, then the end; once the fault has passed the answer is the right one."""
    path = "/oauth/v3/token" if name.startswith("token-") else REPORT_PATH
    running.set_faults(f"{name}:1")
    with _ask(running, path) as line:
        head, _, body = _read(line).partition(b"\r\n\r\n")
    right = requests.get(running.base_url + path, timeout=60)
    whole = deliver(
        RIGHT._replace(endpoint="token" if name.startswith("token-") else "report", body=right.content)
    )
    expected = change(whole, seam=WIRE_FAULTS, names=frozenset([name]))
    assert right.status_code in {401, 405}
    assert body == expected.body
    lines = head.decode().split("\r\n")[1:]
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers.get("content-length") == expected.headers.get("content-length")
    assert headers.keys() >= expected.headers.keys()


@pytest.mark.parametrize("name", ["answer-reset", "body-reset"])
def test_a_reset_is_an_error_for_the_reader(running: SandboxServer, name: str) -> None:
    """A reset is an error to who reads, not an end."""
    running.set_faults(name)
    with _ask(running) as line, pytest.raises(ConnectionResetError):
        _read(line)


@pytest.mark.parametrize("name", ["answer-hangs", "body-hangs", "body-trickles"])
def test_a_sandbox_that_stops_closes_its_connections(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A sandbox that stops hangs up; no thread, no task and no complaint is left over."""
    before = set(threading.enumerate())
    with ThreadPoolExecutor(1) as pool:
        with SandboxServer() as server:
            server.set_faults(name)
            line = _ask(server)
            if name.startswith("body"):
                assert line.recv(1)
            while not server.requests[REPORT_PATH]:
                assert requests.get(f"{server.base_url}/docs", timeout=60).ok
            rest = pool.submit(_read_all, line)
        rest.result(timeout=60)
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=60)  # AnyIO tells its workers to end, and doesn't wait for them
    assert set(threading.enumerate()) <= before
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


def _read_all(line: socket.socket) -> None:
    with line:
        try:
            _read(line)
        except ConnectionResetError:
            return


class Line:
    """A connection of which the other side hangs up after so many writes."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.has_ended = False

    def is_closing(self) -> bool:
        """Tell whether it has hung up."""
        return self.patience <= 0

    def write(self, _: bytes) -> None:
        """Count a write."""
        self.patience -= 1

    def close(self) -> None:
        """Be closed by this side."""
        self.has_ended = True


def _serve(name: str, line: Line | None) -> list[Message]:
    """Have an application answer on a line; give what it says to the server beside it."""
    client, said = Client(SandboxConfig(faults=(name,))), list[Message]()
    client.app.state.sandbox.line_of = lambda _: line

    async def receive() -> Message:
        return {"type": "http.disconnect"} if line is None or line.is_closing() else {"type": "http.request"}

    async def send(message: Message) -> None:
        said.append(message)

    address = ("127.0.0.1", 1)
    places = {"path": REPORT_PATH, "query_string": b"", "headers": [], "server": address, "client": address}
    asyncio.run(client.app({"type": "http", "method": "GET", **places}, receive, send))
    assert client.app.state.sandbox.held_lines == set()
    return said


@pytest.mark.parametrize(("name", "patience"), [("answer-hangs", 1), ("body-hangs", 2), ("body-trickles", 5)])
def test_a_client_that_disconnects_ends_the_request(name: str, patience: int) -> None:
    """Once the client has hung up the request is over, in the middle of a trickle too."""
    line = Line(patience)
    assert _serve(name, line) == []
    assert (line.patience, line.has_ended) == (0, False)


def test_nothing_is_sent_to_a_client_that_has_left() -> None:
    """Where the client hung up before its answer was made nothing is sent, and nothing fails."""
    assert _serve("answer-hangs", None) == []


def test_an_application_without_our_server_has_no_wire_faults() -> None:
    """An application without a server of ours says that it has no wire."""
    with pytest.raises(RuntimeError, match="SandboxServer"):
        Client(SandboxConfig(faults=("answer-hangs",))).request("GET", REPORT_PATH)
