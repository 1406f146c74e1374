"""An API in memory with any content, a pull from it, and servers that send far too much."""

import json
import multiprocessing
import resource
import socket
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.api.transport import Session
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplError
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.window import DAY, Granularity, Window, iso
from tests.support.api import serving


class Sample(NamedTuple):
    """One sample of the circuit `name`; a value as JSON has it."""

    name: str
    timestamp: datetime
    value: object


@dataclass
class FakeApi(BaseAdapter):
    """Serves the samples that it holds, one element a circuit, by element or by page number.

    `changes` overwrites fields of page number N: what a broken API would say. `failing` has the status of the
    reports that start at a moment, `retry_after` how many seconds these ask to wait.
    """

    samples: list[Sample] = field(default_factory=list)
    page_size: int = 3
    changes: Mapping[int, Mapping[str, object]] = field(default_factory=dict)
    page_sizes: tuple[int, ...] = ()
    extra_fields: Mapping[str, object] = field(default_factory=dict)
    failing: Mapping[datetime, int] = field(default_factory=dict)
    retry_after: int | None = None
    indices: list[int] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def client(self, **settings: Any) -> Client:  # noqa: ANN401 whatever Settings takes
        """Make a client of it, without waits."""
        session = Session(1)
        session.mount("https://", self)
        made = Settings(client_id="id", client_secret="secret", application_id="app", **settings)
        return Client(made, session=session, sleep=lambda _: None)

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Answer a token request or a report request."""
        if urlsplit(str(request.url)).path.endswith("/token"):
            return _respond(request, {"access_token": "token", "token_type": "Bearer", "expires_in": 3600})
        index = int(request.headers["pagination"])
        self.indices.append(index)
        self.urls.append(str(request.url))
        query = parse_qs(urlsplit(str(request.url)).query)
        start, end = (datetime.fromisoformat(query[name][0]) for name in ("startTime", "endTime"))
        if start in self.failing:
            waits = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
            return _respond(request, {"message": "told to fail"}, status=self.failing[start], headers=waits)
        return _respond(request, self._page(self._entries(start, end), index))

    def close(self) -> None:
        """Nothing to close."""

    def _entries(self, start: datetime, end: datetime) -> list[dict[str, object]]:
        inside = [sample for sample in self.samples if start <= sample.timestamp < end]
        return [
            {
                "objectType": "EVPL",
                "objectInstanceId": name,
                "metric_name": "in",
                "performanceValues": [
                    {"timeStamp": iso(one.timestamp), "value": one.value, **self.extra_fields}
                    for one in inside
                    if one.name == name
                ],
            }
            for name in dict.fromkeys(sample.name for sample in inside)
        ]

    def _page(self, entries: list[dict[str, object]], index: int) -> dict[str, object]:
        bounds = [0]
        sizes = iter(self.page_sizes)
        while bounds[-1] < len(entries) or len(bounds) == 1:
            bounds.append(min(len(entries), bounds[-1] + next(sizes, self.page_size)))
            if not entries:
                break
        starts = [bound + 1 for bound in bounds[:-1]]
        number = starts.index(index) + 1 if index in starts else 0
        page = {
            "currentPage": number,
            "totalPages": len(starts),
            "hasNext": number < len(starts),
            "entries": entries[bounds[number - 1] : bounds[number]] if number else [],
        }
        return {**page, **self.changes.get(number, {})}


def grid(name: str, start: datetime, count: int, *, value: object = "1.5") -> list[Sample]:
    """Make samples of a circuit, five minutes apart."""
    return [Sample(name, start + n * timedelta(minutes=5), value) for n in range(count)]


def _respond(
    request: requests.PreparedRequest,
    body: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.url = str(request.url)
    response.headers.update(headers or {})
    text = BytesIO(json.dumps(body).encode())
    response.raw = HTTPResponse(text, preload_content=False, status=status, headers=headers)
    return response


MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
A_DAY = PullPlan(
    code_ope="0042",
    granularity=Granularity("300s"),
    window=Window(MIDNIGHT, MIDNIGHT + DAY),
    slice_length=DAY,
)
HOURS = replace(A_DAY, window=Window(MIDNIGHT, MIDNIGHT + 3 * HOUR), slice_length=HOUR)


def run(api: FakeApi, root: Path, plan: PullPlan = A_DAY, **settings: Any) -> Summary:  # noqa: ANN401 whatever Settings takes
    """Pull once."""
    with api.client(**settings) as client:
        return pull(client, LocalStore(str(root)), plan, provenance={"run_id": "r"})


FOR_EVER = -1
MIB = 1 << 20

_MOST_ADDRESSES = 8 << 30  # where a limit fails the process does, not the machine
_MOST_CPU_SECONDS = 60
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_PATIENCE_SECONDS = 120
_TOKEN = b'HTTP/1.1 200 OK\r\n\r\n{"token_type":"Bearer","access_token":"token-1","expires_in":3600}'

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.api.hostile"])


@dataclass(frozen=True)
class Attack:
    """What is sent: a beginning, something again and again, an end.

    Attributes:
        times: how often, or `FOR_EVER`: until the other side hangs up.
        on_token: whether it answers the request for a token, else that for the report.
        timeout_seconds: of the connection; ten times that ends what nothing else does.
    """

    begin: bytes
    again: bytes = b""
    times: int = 0
    end: bytes = b""
    on_token: bool = False
    timeout_seconds: float = 60.0

    def pieces(self) -> Iterator[bytes]:
        """Give it, in parts."""
        yield self.begin
        at_once = max(1, MIB // max(1, len(self.again)))
        block = self.again * at_once
        whole, rest = divmod(self.times, at_once)
        yield from repeat(block) if self.times == FOR_EVER else repeat(block, whole)
        yield self.again * rest + self.end


class Ended(NamedTuple):
    """How a process ended: the kind of its error, what it says, the most memory it had, in bytes."""

    error: str
    says: str
    peak_bytes: int


class Outcome(NamedTuple):
    """How a pull ended, how often it asked, how many bytes the server got rid of."""

    process: Ended
    requests: int
    sent_bytes: int


def pull_under(attack: Attack, root: Path) -> Outcome:
    """Pull a day from such a server, once, in a process of its own."""
    sent: list[int] = []
    lines: list[socket.socket] = []

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if (handler.command == "POST") != attack.on_token:
            handler.wfile.write(_TOKEN)
            return
        lines.append(handler.connection)
        with suppress(OSError):  # the other side has hung up
            for piece in attack.pieces():
                handler.wfile.write(piece)
                sent.append(len(piece))

    with serving(reply) as server, ProcessPoolExecutor(1, mp_context=_processes) as pool:
        pulled = pool.submit(_pull, server.url, str(root), attack.timeout_seconds)
        ended = pulled.result(_PATIENCE_SECONDS)
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)  # whose reader is gone, with its window shut
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
