"""Helpers of the API room's tests: a clock, a scripted session, a server on loopback."""

import html
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, quote_plus

import requests_mock

from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.api.rate_limit import RateLimiter
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.transport import Response, Transport, make_session
from airflow_provider_evpl.config.settings import Settings
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
    session = make_session(4)
    session.mount("http://", adapter)
    clock, secrets = Clock(), list[str]()
    matchers = (
        adapter.register_uri("POST", TOKEN_URL, tokens or [answer(json=TOKEN)]),
        adapter.register_uri("GET", REPORT_URL, reports),
    )
    chosen = settings(**changes)
    with Client(chosen, on_secret=secrets.append, session=session, clock=clock, sleep=clock.sleep) as client:
        yield Script(client, clock, *matchers, secrets)


def get(transport: Transport, url: str, **options: Any) -> Response:  # noqa: ANN401 what `send` takes
    """Send a request that nobody cancels, a POST if there is a form."""
    given: dict[str, Any] = {"headers": {}, "cancellation": Cancellation()}
    return transport.send(url, **given | options)


@contextmanager
def transported(chosen: Settings, **options: Any) -> Iterator[Transport]:  # noqa: ANN401 what Transport takes
    """Make a transport over real sockets; its session is closed in the end."""
    time = Clock()
    with make_session(2) as session:
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
