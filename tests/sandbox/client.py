"""A client of the sandbox that speaks to the application itself, without a port."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from airflow_provider_evpl.sandbox.app import create_app
from airflow_provider_evpl.sandbox.config import SandboxConfig

TOKEN_PATH = "/oauth/v3/token"
REPORT_PATH = "/api-monitoring-live/v1/pm_jobs/JOBV/reports/UTILIZATION"
DAY = 1_795_305_600  # 2026-11-22T00:00:00Z, a Sunday
QUERY = (
    ("codeOpe", "0042"),
    ("startTime", "2026-11-22T00:00:00.000Z"),
    ("endTime", "2026-11-22T01:00:00.000Z"),
    ("offer_type", "EVPL"),
    ("granularity", "300s"),
    ("ctxtid", "wses"),
    ("ctxtid", "vsn"),
)

Query = Iterable[tuple[str, str]]
Headers = Mapping[str, str | None]


def query(**changes: str | None) -> Query:
    """The right query with parameters changed, added, or (None) left out."""
    kept = [(name, value) for name, value in QUERY if name not in changes]
    return [*kept, *((name, value) for name, value in changes.items() if value is not None)]


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Tell the seconds it shows."""
        return self.seconds


class Client:
    """Right requests by default; each part can be changed."""

    def __init__(self, config: SandboxConfig | None = None, *, clock: Clock | None = None) -> None:
        self.config = config or SandboxConfig()
        self.app = create_app(self.config, clock=clock or Clock())

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 httpx's
        """Send one request to the application."""
        return asyncio.run(self._request(method, path, **options))

    def token(self) -> str:
        """Get a token."""
        auth = (self.config.client_id, self.config.client_secret)
        data = {"grant_type": "client_credentials"}
        answer = self.request("POST", TOKEN_PATH, data=data, auth=auth)
        return str(answer.json()["access_token"])

    def report(
        self,
        params: Query = QUERY,
        *,
        token: str | None = None,
        path: str = REPORT_PATH,
        headers: Headers | None = None,
    ) -> httpx.Response:
        """Get a page, with a new token if none is given; a header that is None is left out."""
        sent = {
            "Authorization": f"Bearer {token or self.token()}",
            "ApplicationID": self.config.application_id,
            **(headers or {}),
        }
        return self.request("GET", path, params=list(params), headers=_given(sent))

    def walk(self, params: Query = QUERY) -> list[Mapping[str, Any]]:
        """Get all pages by the literal reading: next index = index + entries received."""
        pages: list[Mapping[str, Any]] = []
        token, index = self.token(), 1
        while not pages or pages[-1]["hasNext"]:
            pages.append(self.report(params, token=token, headers={"pagination": str(index)}).json())
            index += len(pages[-1]["entries"])
        return pages

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 httpx's
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            return await client.request(method, path, **options)


def _given(headers: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if value is not None}
