"""A client of the sandbox without a port, and a small sandbox with faults."""

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


PAGE_STARTS = (1, 4, 7)
HOURS = range(24)
AFFECTED_HOURS = (3, 11, 19)
AFFECTED_ELEMENTS = (1, 2)
WINDOW = query(granularity="3600s", endTime="2026-11-23T00:00:00.000Z")

Page = Mapping[str, Any]


def client_of(*faults: str) -> Client:
    """Give a client of a new sandbox."""
    return Client(SandboxConfig(circuits=2, granularity="3600s", page_size=3, faults=faults))


def ask(client: Client, index: int) -> httpx.Response:
    """Ask for a page of the day."""
    return client.report(WINDOW, headers={"pagination": str(index)})


def pages(*faults: str, pull: int = 1) -> list[Page]:
    """Ask for the pages where they should be, in one pull after the other; give the last pull's."""
    client = client_of(*faults)
    pulls = [[ask(client, index).json() for index in PAGE_STARTS] for _ in range(pull)]
    return pulls[-1]


HEALTHY = pages()
_NUMBERS = {
    (entry["objectInstanceId"], entry["metric_name"], entry["pop_name"]): number
    for number, entry in enumerate((entry for page in HEALTHY for entry in page["entries"]), start=1)
}


def element(entry: Page) -> int:
    """Tell which element an entry is, from 1 to 8."""
    return _NUMBERS[entry["objectInstanceId"], entry["metric_name"], entry["pop_name"]]


def hours(entry: Page) -> list[int]:
    """Tell the hours of an entry's samples since the day's beginning, below 0 for the day before."""
    stamps = [sample["timeStamp"] for sample in entry["performanceValues"]]
    return [24 * (int(stamp[8:10]) - 22) + int(stamp[11:13]) for stamp in stamps]
