"""Probes of a sandbox without a port, and of servers; what was sent."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
import requests_mock
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.api.transport import Session
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.flows.probe.answer import Answer, Finding
from airflow_provider_evpl.flows.probe.flow import probe
from airflow_provider_evpl.flows.probe.plan import ProbePlan
from airflow_provider_evpl.sandbox.app import create_app
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.api import TOKEN, Clock, answer, sandboxed, settings

NOW = datetime(2026, 11, 29, 11, 18, 41, tzinfo=UTC)


class AppAdapter(BaseAdapter):
    """Answers the requests of a session by the sandbox's application, and keeps them.

    Attributes:
        sent: the requests in order.
        times: of the clock at each request.
    """

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []
        self.times: list[float] = []
        self._clock = clock
        self._app = create_app(config, clock=clock)

    @property
    def queries(self) -> list[list[tuple[str, str]]]:
        """The parameters of the report requests, in order."""
        return [parse_qsl(urlsplit(str(one.url)).query) for one in self.sent if one.method == "GET"]

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Let the application answer."""
        self.sent.append(request)
        self.times.append(self._clock())
        status, headers, body = asyncio.run(self._ask(request))
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.raw = HTTPResponse(BytesIO(body), preload_content=False, status=status, headers=headers)
        return response

    def close(self) -> None:
        """Nothing to close."""

    async def _ask(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        parts, sent = urlsplit(str(request.url)), list[Any]()
        headers = [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()]
        body = (request.body or "").encode() if isinstance(request.body, str | None) else request.body
        scope = {
            "type": "http",
            "method": request.method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": headers,
            "scheme": "http",
            "server": ("127.0.0.1", 9),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "http_version": "1.1",
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:  # noqa: ANN401 ASGI's
            sent.append(message)

        await self._app(scope, receive, send)
        start, *rest = sent
        pairs = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], pairs, b"".join(one.get("body", b"") for one in rest)


def probe_app(
    config: SandboxConfig,
    arguments: Mapping[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 any field of the settings
) -> tuple[Answer, AppAdapter]:
    """Probe a sandbox without a port, with its credentials; the arguments are those of the plan."""
    clock = Clock()
    api = AppAdapter(config, clock)
    fields = {
        "client_id": config.client_id,
        "client_secret": config.client_secret,
        "application_id": config.application_id,
        "code_ope": config.code_ope,
    }
    return probe_session(api, clock, settings(**fields | changes), arguments), api


def probe_script(
    reports: list[dict[str, Any]],
    tokens: list[dict[str, Any]] | None = None,
    arguments: Mapping[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 any field of the settings
) -> Answer:
    """Probe with lists of responses for requests-mock; the last response of a list is repeated."""
    adapter = requests_mock.Adapter()
    adapter.register_uri("POST", requests_mock.ANY, tokens or [answer(json=TOKEN)])
    adapter.register_uri("GET", requests_mock.ANY, reports)
    return probe_session(adapter, Clock(), settings(**{"code_ope": "0042"} | changes), arguments)


def serve(
    sample: Callable[[int, datetime, int], object],
    *,
    series: int = 4,
    page_size: int = 25,
    steps: Mapping[str, int] | None = None,
    orders: Callable[[list[Any]], object] = list,
) -> list[dict[str, Any]]:
    """Make responses for `probe_script`: an API that is clean, but odd.

    Args:
        sample: gives the value of a series at a time and a step in seconds; an empty tuple for no sample.
        series: how many.
        page_size: elements on a page.
        steps: seconds by granularity.
        orders: changes the order of the elements in place.
    """

    def respond(request: Any, _: object) -> dict[str, object]:  # noqa: ANN401 requests-mock's
        query, at = parse_qs(urlsplit(request.url).query), int(request.headers["pagination"]) - 1
        start, end = (datetime.fromisoformat(query[name][0]) for name in ("startTime", "endTime"))
        step = (steps or {"300s": 300, "1h": 3600, "1d": 86_400})[query["granularity"][0]]
        length = int((end - start).total_seconds())
        times = [start + timedelta(seconds=late) for late in range(0, length, step)]
        entries = []
        for number in range(series):
            values = ((time, sample(number, time, step)) for time in times)
            kept = [{"timeStamp": time.isoformat(), "value": one} for time, one in values if one != ()]
            names = {"objectType": "EVPL", "objectInstanceId": f"c{number}", "metric_name": "in"}
            entries.append({**names, "performanceValues": kept})
        orders(entries)
        return {
            "currentPage": at // page_size + 1,
            "totalPages": -(-series // page_size),
            "hasNext": at + page_size < series,
            "entries": entries[at : at + page_size],
        }

    return [{"json": respond}]


def probe_session(
    adapter: BaseAdapter, clock: Clock, chosen: Settings, arguments: Mapping[str, Any] | None = None
) -> Answer:
    """Probe what an adapter answers."""
    session = Session(1)
    session.mount("http://", adapter)
    plan = ProbePlan.from_arguments(chosen, now=NOW, **(arguments or {}))
    return probe(chosen, plan, make_client=partial(Client, session=session, clock=clock, sleep=clock.sleep))


def probe_server(
    server: SandboxServer,
    arguments: Mapping[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 any extra
) -> Answer:
    """Probe a sandbox over HTTP, without waits."""
    clock, chosen = Clock(), sandboxed(server, **changes)
    plan = ProbePlan.from_arguments(chosen, now=NOW, **(arguments or {}))
    return probe(chosen, plan, make_client=partial(Client, clock=clock, sleep=clock.sleep))


def finding(answer: Answer, question: str) -> Finding:
    """Return the finding of a question."""
    return next(one for one in answer.findings if one.question == question)
