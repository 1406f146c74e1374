"""An API in memory, as an adapter of requests: what the core's flows are tested against, with any content."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.api.transport import make_session
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.window import iso


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
        session = make_session(1)
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
