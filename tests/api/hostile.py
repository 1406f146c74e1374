"""Servers that send too much, and a pull from such a server in its own process."""

import multiprocessing
import resource
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplError
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.lake.store import LocalStore
from tests.api.support import serving
from tests.runs import A_DAY

FOR_EVER = -1
MIB = 1 << 20

_MOST_ADDRESSES = 8 << 30  # if a limit fails, the process ends, not the machine
_MOST_CPU_SECONDS = 60
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_PATIENCE_SECONDS = 120
_TOKEN = b'HTTP/1.1 200 OK\r\n\r\n{"token_type":"Bearer","access_token":"token-1","expires_in":3600}'

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.api.hostile"])


@dataclass(frozen=True)
class Attack:
    """What a server sends: a beginning, a repeated part, an end.

    Attributes:
        times: how often the part is repeated; `FOR_EVER` until the client closes the connection.
        on_token: whether this is the response to the token request, or else to the report request.
        timeout_seconds: of the connection; ten times that is the deadline of the exchange.
    """

    begin: bytes
    again: bytes = b""
    times: int = 0
    end: bytes = b""
    on_token: bool = False
    timeout_seconds: float = 60.0

    def pieces(self) -> Iterator[bytes]:
        """Give the response in parts."""
        yield self.begin
        at_once = max(1, MIB // max(1, len(self.again)))
        block = self.again * at_once
        whole, rest = divmod(self.times, at_once)
        yield from repeat(block) if self.times == FOR_EVER else repeat(block, whole)
        yield self.again * rest + self.end


class Ended(NamedTuple):
    """How a process ended: the class and text of its error, and its most memory in bytes."""

    error: str
    says: str
    peak_bytes: int


class Outcome(NamedTuple):
    """How a pull ended, how many requests it sent, how many bytes the server could send."""

    process: Ended
    requests: int
    sent_bytes: int


def pull_under(attack: Attack, root: Path) -> Outcome:
    """Pull a day from such a server, once, in its own process."""
    sent: list[int] = []
    lines: list[socket.socket] = []

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if (handler.command == "POST") != attack.on_token:
            handler.wfile.write(_TOKEN)
            return
        lines.append(handler.connection)
        with suppress(OSError):  # the client has closed the connection
            for piece in attack.pieces():
                handler.wfile.write(piece)
                sent.append(len(piece))

    with serving(reply) as server, ProcessPoolExecutor(1, mp_context=_processes) as pool:
        pulled = pool.submit(_pull, server.url, str(root), attack.timeout_seconds)
        ended = pulled.result(_PATIENCE_SECONDS)
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)  # its reader is gone, and its TCP window is closed
    return Outcome(ended, len(server.seen), sum(sent))


def _pull(url: str, root: str, timeout_seconds: float) -> Ended:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESSES, _MOST_ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU_SECONDS, _MOST_CPU_SECONDS))
    chosen = Settings(
        client_id="client",
        client_secret="a secret that nobody knows",
        application_id="application",
        base_url=url,
        token_url=f"{url}/token",
        timeout_seconds=timeout_seconds,
        max_retry_seconds=0.0,
    )
    try:
        with Client(chosen) as client:
            pull(client, LocalStore(root), A_DAY, provenance={})
        error, says = "", ""
    except EvplError as raised:
        error, says = type(raised).__name__, str(raised)
    return Ended(error, says, _MAXRSS_BYTES * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
