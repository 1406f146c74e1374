"""A small sandbox with faults, page by page: two circuits, eight series, a sample an hour, three pages."""

from collections.abc import Mapping
from typing import Any

import httpx

from airflow_provider_evpl.sandbox.config import SandboxConfig
from tests.sandbox.client import Client, query

PAGE_STARTS = (1, 4, 7)
HOURS = range(24)
STRUCK_HOURS = (3, 11, 19)
STRUCK_ELEMENTS = (1, 2)
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
