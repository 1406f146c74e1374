"""Stand-ins for the API's tests: a clock, a scripted session, a server on loopback, a report in memory."""

import html
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from typing import Any
from urllib.parse import quote, quote_plus

import requests_mock

from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.api.rate_limit import RateLimiter
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.transport import Response, Session, Transport
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.models import Entry, Page, Series
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import Granularity, Window

URL = "http://127.0.0.1:9"
TOKEN_URL = f"{URL}/oauth/v3/token"
REPORT_URL = f"{URL}/api-monitoring-live/v1/pm_jobs/JOBV/reports/UTILIZATION"
SECRET = "S3cr/t+ <&>\"'=é\\%"
REQUEST_ID = "oapi-request-7"
TOKEN = {"token_type": "Bearer", "access_token": "token-1", "expires_in": 3600}
START = datetime(2026, 11, 22, tzinfo=UTC)
QUERY = Query(
    code_ope="0042",
    granularity=Granularity("300s"),
    window=Window(START, START + timedelta(hours=1)),
)
ECHOES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "percent-encoded-lower-case": lambda secret: quote(secret, safe="").replace("%2F", "%2f"),
    "form-encoded": quote_plus,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json-utf-8": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "json-for-html": lambda secret: (
        secret.encode("utf-16-be").hex("|", 2).upper().join("||").replace("|", r"\u")[:-2]
    ),
    "json-with-escaped-slash": lambda secret: json.dumps(secret)[1:-1].replace("/", r"\/"),
    "html": html.escape,
    "xml": lambda secret: html.escape(secret).replace("&#x27;", "&apos;"),
    "misread": lambda secret: secret.encode(errors="surrogatepass").decode("latin-1"),
    "misread-in-python": lambda secret: ascii(secret.encode(errors="surrogatepass").decode("latin-1"))[1:-1],
    "html-numeric": lambda secret: "".join(f"&#{ord(character)};" for character in secret),
}


class Clock:
    """Monotonic seconds that pass only in a sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Give the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds

    def wait(self, seconds: float, cancellation: Cancellation) -> None:
        """Let time pass at once, unless it is canceled."""
        if not cancellation.is_set:
            self.sleep(seconds)


def settings(**changes: Any) -> Settings:  # noqa: ANN401 any field
    """Make settings of a client with no server, and a rate limit that never waits long."""
    fields: dict[str, Any] = {
        "client_id": "client",
        "client_secret": SECRET,
        "application_id": "application",
        "base_url": URL,
        "token_url": TOKEN_URL,
        "requests_per_second": 1000.0,
    }
    return Settings(**fields | changes)


def sandboxed(server: SandboxServer, **changes: Any) -> Settings:  # noqa: ANN401 any extra
    """Make the settings of a connection to the sandbox."""
    fields = server.connection()
    extra = fields["extra"] | {"requests_per_second": 1000} | changes
    return Settings.from_connection(
        login=fields["login"], password=fields["password"], host=fields["host"], extra=extra
    )


def report(*entries: object, **changes: object) -> dict[str, object]:
    """Make the body of a report: the only page, unless it is changed."""
    return {"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": list(entries)} | changes


def answer(status: int = 200, **options: Any) -> dict[str, Any]:  # noqa: ANN401 requests-mock's
    """Make a response for requests-mock, with a request id."""
    headers = {"X-OAPI-Request-Id": REQUEST_ID} | options.pop("headers", {})
    return {"status_code": status, "headers": headers, **options}


def problem(status: int, code: object, text: str = "told") -> dict[str, Any]:
    """Make an error response of the API."""
    body = {"code": code, "message": "what", "description": text, "infoURL": ""}
    return answer(status, json=body)


@dataclass(frozen=True)
class Script:
    """A client with prepared responses, and what it sent."""

    client: Client
    clock: Clock
    tokens: Any
    reports: Any
    secrets: list[str]
    session: Session

    @property
    def sent_tokens(self) -> list[str]:
        """The tokens of the report requests, in order."""
        return [request.headers["Authorization"] for request in self.reports.request_history]


@contextmanager
def scripted(
    reports: list[dict[str, Any]],
    tokens: list[dict[str, Any]] | None = None,
    **changes: Any,  # noqa: ANN401 any field of the settings
) -> Iterator[Script]:
    """Make a client with lists of responses; the last response of a list is repeated."""
    adapter = requests_mock.Adapter()
    session = Session(4)
    session.mount("http://", adapter)
    clock, secrets = Clock(), list[str]()
    matchers = (
        adapter.register_uri("POST", TOKEN_URL, tokens or [answer(json=TOKEN)]),
        adapter.register_uri("GET", REPORT_URL, reports),
    )
    chosen = settings(**changes)
    with Client(chosen, on_secret=secrets.append, session=session, clock=clock, sleep=clock.sleep) as client:
        yield Script(client, clock, *matchers, secrets, session)


def get(transport: Transport, url: str, **options: Any) -> Response:  # noqa: ANN401 what `send` takes
    """Send a request that nobody cancels, a POST if there is a form."""
    given: dict[str, Any] = {"headers": {}, "cancellation": Cancellation()}
    return transport.send(url, **given | options)


@contextmanager
def transported(chosen: Settings, **options: Any) -> Iterator[Transport]:  # noqa: ANN401 what Transport takes
    """Make a transport over real sockets; its session is closed in the end."""
    time = Clock()
    with Session(2) as session:
        secrets = Secrets(lambda _: None)
        for secret in chosen.secrets:
            secrets.add(secret)
        limiter = RateLimiter(1000, clock=time, sleep=time.wait)
        yield Transport(
            chosen,
            session=session,
            rate_limiter=limiter,
            secrets=secrets,
            **({"max_body_bytes": 1 << 24} | options),
        )


@dataclass(frozen=True)
class Loopback:
    """A server that responds as a function says, and the headers and paths of its requests."""

    url: str
    seen: list[Mapping[str, str]]

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rsplit(":", 1)[1])


@contextmanager
def serving(
    reply: Callable[[BaseHTTPRequestHandler], object],
    wrap: Callable[[ThreadingHTTPServer], None] = lambda _: None,
) -> Iterator[Loopback]:
    """Serve on loopback, one connection a request; `wrap` may put TLS around the socket."""
    seen: list[Mapping[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers.items()) | {"path": self.path})
            self.rfile.read(
                int(self.headers.get("Content-Length", 0))
            )  # a body that is not read resets the connection
            reply(self)

        do_POST = do_PUT = do_CONNECT = do_GET  # noqa: N815 names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    url = f"http://127.0.0.1:{server.server_port}"
    wrap(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Loopback(url, seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def replying(body: bytes, *, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Make a reply of a whole response; header names with underscores."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def all_at_once(count: int, work: Callable[[int], None]) -> None:
    """Run work in that many threads that start together; raise the first error."""
    barrier = threading.Barrier(count)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


class FakeReport:
    """Answers by index, and remembers what it was asked.

    Args:
        total: entries in all.
        page_size: of every page but the last; `sizes` goes before it.
        base: the first page's number; None for pages without one.
        counted: whether it tells the number of pages.
        meet: let so many requests wait for each other, from the second page on.
    """

    def __init__(  # noqa: PLR0913 one argument for each thing that Orange leaves open
        self,
        total: int,
        page_size: int,
        *,
        pagination: str = "element",
        base: int | None = 1,
        counted: bool = True,
        sizes: list[int] | None = None,
        meet: int = 1,
    ) -> None:
        series = Series("circuit", "metric", None, None, None, None)
        self.truth = [Entry(series, [number], pack([float(number)])) for number in range(total)]
        self.asked: list[int] = []
        self.most_in_flight = 0
        self._sizes = sizes or [page_size] * max(1, -(-total // page_size))
        self._starts = [0, *accumulate(self._sizes)]
        self._pagination = pagination
        self._base = base
        self._counted = counted
        self._barrier = threading.Barrier(meet)
        self._meetings = (self.page_count - 1) // meet * meet
        self._in_flight = 0
        self._lock = threading.Lock()

    @property
    def page_count(self) -> int:
        """How many pages there are; an empty report has one."""
        return len(self._sizes)

    def index(self, number: int) -> int:
        """What to ask for to get a page, by its number from 0."""
        return 1 + (self._starts[number] if self._pagination == "element" else number)

    def fetch(self, index: int) -> Page:
        """Answer a request."""
        with self._lock:
            self.asked.append(index)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            meets = 1 < len(self.asked) <= 1 + self._meetings
        if meets:
            self._barrier.wait(10)
        page = self._page(index)
        with self._lock:
            self._in_flight -= 1
        return page

    def _page(self, index: int) -> Page:
        start = index - 1 if self._pagination == "element" else self._starts[index - 1]
        number = next(n for n, bound in enumerate(self._starts[1:]) if start < bound)
        entries = self.truth[start : self._starts[number + 1]]
        return Page(
            current_page=None if self._base is None else self._base + number,
            total_pages=self.page_count if self._counted else None,
            has_next=number + 1 < self.page_count,
            entry_count=len(entries),
            entries=entries,
        )


def entry(number: int) -> Entry:
    """A series of its own with one sample."""
    return Entry(Series("circuit", "metric", None, None, None, None), [number], pack([1.0]))


def page(number: int | None, total: int | None = 3, *, has_next: bool = True, first: int = 0) -> Page:
    """A page of two entries."""
    entries = [entry(first or 2 * (number or 0)), entry(1 + (first or 2 * (number or 0)))]
    return Page(current_page=number, total_pages=total, has_next=has_next, entry_count=2, entries=entries)


def without(number: int | None, total: int | None = 3, *, has_next: bool = True) -> Page:
    """A page without entries."""
    return Page(current_page=number, total_pages=total, has_next=has_next, entry_count=0, entries=[])


def listed(*pages: Page) -> tuple[Callable[[int], Page], list[int]]:
    """Pages of two entries each, found by element index, and what is asked for."""
    asked: list[int] = []

    def fetch(index: int) -> Page:
        asked.append(index)
        return pages[(index - 1) // 2]

    return fetch, asked
