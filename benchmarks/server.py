"""A server of the API: it sends prepared bodies straight from their files, and counts the requests.

It is a separate process, so that its work does not count for any participant:
`python -m benchmarks.server FOLDER PAGE_ENTRIES LATENCY MOST_PER_SECOND any|even`, where 0 is no limit.
"""

import json
import sys
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.job import APPLICATION_ID, CREDENTIALS

__all__ = ["Counts", "Gateway", "ReportServer"]

_TOKEN = "bench-token"  # noqa: S105 only valid for this server
_BASIC = f"Basic {b64encode(':'.join(CREDENTIALS).encode()).decode()}"


@dataclass
class Counts:
    """The requests since the counts were last fetched.

    Attributes:
        pages: responses with a page.
        tokens: responses with a token.
        refused: all other responses.
        connections: connections with at least one request.
    """

    pages: int = 0
    tokens: int = 0
    refused: int = 0
    connections: int = 0


@dataclass(frozen=True)
class _Day:
    file: Path
    starts: tuple[int, ...]
    lengths: tuple[int, ...]

    @classmethod
    def read(cls, told: Path) -> "_Day":
        lengths = tuple(json.loads(told.read_text())["lengths"])
        return cls(told.with_suffix(".bodies"), (0, *accumulate(lengths)), lengths)


@dataclass
class _Meter:
    """The counts of all threads."""

    counts: Counts = field(default_factory=Counts)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str) -> None:
        with self.lock:
            setattr(self.counts, name, getattr(self.counts, name) + 1)

    def take(self) -> Counts:
        with self.lock:
            taken, self.counts = self.counts, Counts()
            return taken


class Gateway:
    """A rate limit over all threads.

    Args:
        most_per_second: how many requests are allowed in any second; 0 is no limit.
        is_even: also require an even spacing of the requests, as a spike arrest does.
    """

    def __init__(self, most_per_second: int, *, is_even: bool = False) -> None:
        self._most = 1 if is_even else most_per_second
        self._within = 1 / most_per_second if is_even else 1.0
        self._times: deque[float] = deque(maxlen=self._most)
        self._lock = threading.Lock()

    def lets_in(self, now: float) -> bool:
        """Return True if a request at that time (monotonic seconds) is allowed."""
        with self._lock:
            if self._most and len(self._times) == self._most and now - self._times[0] < self._within:
                return False
            self._times.append(now)
            return True


class ReportServer(ThreadingHTTPServer):
    """Serves the days of a folder on loopback, with one thread per connection.

    Args:
        folder: a folder made by `data.make`.
        page_entries: elements on a page.
        latency_seconds: the latency of a page.
        gateway: the rate limit for pages; None allows all.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self, folder: Path, *, page_entries: int, latency_seconds: float, gateway: Gateway | None = None
    ) -> None:
        self.days = {told.stem: _Day.read(told) for told in folder.glob("*.json")}
        self.page_entries = page_entries
        self.latency_seconds = latency_seconds
        self.gateway = gateway or Gateway(0)
        self.meter = _Meter()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def base_url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer
    protocol_version = "HTTP/1.1"  # so that connections stay open
    disable_nagle_algorithm = True  # else the last bytes of a page wait for an acknowledgment
    wbufsize = 0
    is_counted = False

    def do_POST(self) -> None:
        """Issue a token."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._count_connection()
        if self.headers.get("Authorization") != _BASIC:
            self._refuse(HTTPStatus.UNAUTHORIZED)
            return
        self.server.meter.add("tokens")
        self._say({"access_token": _TOKEN, "token_type": "Bearer", "expires_in": 3600})

    def do_GET(self) -> None:
        """Serve a page, or the counts to the benchmark itself."""
        url = urlsplit(self.path)
        if url.path == "/counts":
            self._say(asdict(self.server.meter.take()))
            return
        self._count_connection()
        if self.server.gateway.lets_in(time.monotonic()):
            time.sleep(self.server.latency_seconds)
            self._serve(parse_qs(url.query))
        else:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS)

    def _serve(self, query: Mapping[str, list[str]]) -> None:
        day = self.server.days.get(query.get("startTime", [""])[0][:10])
        page, odd = divmod(int(self.headers.get("pagination", 1)) - 1, self.server.page_entries)
        known = (f"Bearer {_TOKEN}", APPLICATION_ID)
        if (self.headers.get("Authorization"), self.headers.get("ApplicationID")) != known:
            self._refuse(HTTPStatus.UNAUTHORIZED)
        elif day is None or odd or not 0 <= page < len(day.lengths):
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            self.server.meter.add("pages")
            self._begin(HTTPStatus.OK, day.lengths[page])
            with day.file.open("rb") as file:
                self.connection.sendfile(file, day.starts[page], day.lengths[page])

    def _count_connection(self) -> None:
        if not self.is_counted:
            self.is_counted = True
            self.server.meter.add("connections")

    def _refuse(self, status: HTTPStatus) -> None:
        self.server.meter.add("refused")
        self._say({"code": 60, "message": status.phrase}, status)

    def _say(self, answer: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> None:
        body = json.dumps(answer).encode()
        self._begin(status, len(body))
        self.wfile.write(body)

    def _begin(self, status: HTTPStatus, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main(folder: str, page_entries: str, latency: str, most_per_second: str, spacing: str) -> None:
    """Print the base URL, then serve until the process is ended."""
    server = ReportServer(
        Path(folder),
        page_entries=int(page_entries),
        latency_seconds=float(latency),
        gateway=Gateway(int(most_per_second), is_even=spacing == "even"),
    )
    print(server.base_url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
