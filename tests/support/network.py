"""Between a client and its server: a proxy that sees and changes requests, certificates, ports."""

import os
import ssl
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from trustme import CA

_BETWEEN_TWO = {"connection", "content-length", "keep-alive", "transfer-encoding"}


class Request(NamedTuple):
    """What a client asks."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


HANG_UP = 0
"""In the place of a status: no answer at all."""

Change = Callable[[Request], Request | int | bytes]
"""Passes a request on, or another one; or answers at once with a status, or with an error document (400)."""

Done = Callable[[Request], int | None]
"""Is told of what the server has done; may answer with a status in its place."""


@dataclass(frozen=True)
class Proxy:
    """Where it listens, what it was asked, and how long the bodies were that it answered."""

    url: str
    seen: list[Request] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)


@contextmanager
def proxied(
    url: str, change: Change = lambda request: request, done: Done = lambda _: None
) -> Iterator[Proxy]:
    """Serve on loopback in front of a server."""
    parts = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # who asks has died: a store does nothing with a part
                self.close_connection = True
                return
            asked = Request(self.command, self.path, dict(self.headers), body)
            proxy.seen.append(asked)
            changed = change(asked)
            if isinstance(changed, Request):
                answer = _ask(parts.netloc, changed)
                status = done(asked)
                self.answer(*((status, Message(), b"") if status is not None else answer))
            elif isinstance(changed, bytes):
                self.answer(400, Message(), changed)
            else:
                self.answer(changed, Message(), b"")

        do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815 names that http.server looks for

        def answer(self, status: int, headers: Message, body: bytes) -> None:
            self.close_connection = True
            if status == HANG_UP:
                return
            proxy.answered.append(len(body))
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in _BETWEEN_TWO:
                    self.send_header(name, value)
            length = str(len(body)) if self.command != "HEAD" else headers["Content-Length"] or "0"
            self.send_header("Content-Length", length)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}{parts.path}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _ask(netloc: str, request: Request) -> tuple[int, Message, bytes]:
    connection = HTTPConnection(netloc)
    try:
        connection.request(request.method, request.target, request.body, dict(request.headers))
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


DAY = timedelta(days=1)


def make_certificate(path: Path, *, address: str = "127.0.0.1", ends: timedelta = DAY) -> Path:
    """Write a certificate, its key and its authority into one file, which is a bundle for it too.

    Args:
        path: of the file, for OpenSSL (PEM).
        address: of the only host that it is for.
        ends: when it expires, from now; it was made two days before.
    """
    authority, end = CA(), datetime.now(UTC) + ends
    issued = authority.issue_cert(address, not_before=end - 2 * DAY, not_after=end)
    path.write_bytes(issued.private_key_and_cert_chain_pem.bytes() + authority.cert_pem.bytes())
    return path


def tls(certificate: Path) -> ssl.SSLContext:
    """Make a server's side of TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def with_tls(certificate: Path) -> Callable[[ThreadingHTTPServer], None]:
    """Put TLS around a server's socket."""
    context = tls(certificate)

    def wrap(server: ThreadingHTTPServer) -> None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
        )

    return wrap


def listening() -> dict[str, set[str]]:
    """Give the hosts by the name of the program, of TCP's listening ports."""
    hosts = defaultdict(set)
    ours = [f"pid={pid}," for pid in (os.getpid(), *_children())]
    for line in subprocess.check_output(["ss", "-Hltnp"], text=True).splitlines():  # noqa: S607 of PATH
        if any(pid in line for pid in ours):
            _, _, _, address, _, users, *_ = line.split()
            hosts[users.split('"')[1]].add(address.rpartition(":")[0])
    return hosts


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        yield from map(int, (task / "children").read_text().split())
