"""Pull the samples of a window by the client that openapi-python-client generated, and print them as JSON.

Runs in an environment of its own, which has neither this project nor its dependencies.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from evpl.api.reports import get_report
from evpl.api.token import issue_token
from evpl.client import AuthenticatedClient, Client
from evpl.models import GetReportCtxtidItem, IssueTokenBody, IssueTokenBodyGrantType


def main(base_url: str, connection: dict[str, str], start: str, end: str) -> list[list[str]]:
    """Return each sample as a list: the fields of its entry in the API's order, its time, its value."""
    pages = _pages(_authenticated(base_url, connection), connection, start, end)
    return [
        [*_names(entry), sample.time_stamp, sample.value]
        for page in pages
        for entry in page.entries
        for sample in entry.performance_values
    ]


def _names(entry: Any) -> list[str]:  # noqa: ANN401 of the generated client
    return [value for value in entry.to_dict().values() if isinstance(value, str)]


def _authenticated(base_url: str, connection: dict[str, str]) -> AuthenticatedClient:
    body = IssueTokenBody(
        grant_type=IssueTokenBodyGrantType.CLIENT_CREDENTIALS,
        client_id=connection["client_id"],
        client_secret=connection["client_secret"],
    )
    token = issue_token.sync(client=Client(base_url), body=body)
    return AuthenticatedClient(base_url, token=token.access_token)


def _pages(client: AuthenticatedClient, connection: dict[str, str], start: str, end: str) -> Iterator[Any]:
    first, has_next = 1, True
    while has_next:
        page = get_report.sync(
            "JOBV",
            "UTILIZATION",
            client=client,
            code_ope=connection["code_ope"],
            start_time=start,
            end_time=end,
            offer_type="EVPL",
            granularity="300s",
            ctxtid=[GetReportCtxtidItem.WSES, GetReportCtxtidItem.VSN],
            pagination=str(first),
            application_id=connection["application_id"],
        )
        yield page
        first, has_next = first + len(page.entries), page.has_next


if __name__ == "__main__":
    json.dump(main(**json.load(sys.stdin)), sys.stdout)
