"""The test of a connection requests a token, then one small window."""

from typing import Any

import pytest

from airflow_provider_evpl.errors import EvplAuthError, EvplError, EvplRateLimitError, EvplUnavailableError
from airflow_provider_evpl.flows.connection_test import check_connection
from tests.support.api import answer, problem, report, scripted

ENTRY = {"objectInstanceId": "a", "metric_name": "in", "performanceValues": []}


def check(
    *reports: dict[str, Any], code_ope: str | None = "0042", tokens: list[dict[str, Any]] | None = None
) -> str:
    """Test a connection without waits."""
    with scripted([*reports], tokens, code_ope=code_ope, max_retry_seconds=0) as api:
        return check_connection(api.client)


def test_result_says_how_many_series_the_report_has() -> None:
    """Zero series may be right, but the operator code is worth a check."""
    found = check(answer(json=report(ENTRY)))
    assert found.startswith("Got a token and a report: 1 series on the first page of ")
    assert "check code_ope" not in found
    assert check(answer(json=report())).endswith("If there should be some, check code_ope.")


def test_result_without_operator_code_is_about_the_token_only() -> None:
    """There is no report to request."""
    found = "Got a token. The report was not tried, because the connection has no code_ope."
    assert check(answer(json=report()), code_ope=None) == found


@pytest.mark.parametrize(
    ("status", "kind", "next_step"),
    [
        (401, EvplAuthError, "login"),
        (503, EvplUnavailableError, "Check host, token_url"),
        (404, EvplError, "token_url"),
    ],
)
def test_error_without_a_token_names_the_token_url(
    status: int, kind: type[EvplError], next_step: str
) -> None:
    """The next step fits the error; the error keeps its class."""
    with pytest.raises(kind, match=r"^No token from http://.*/oauth/v3/token: ") as error:
        check(tokens=[problem(status, 41)])
    assert next_step in error.value.next_step


@pytest.mark.parametrize(
    ("response", "kind", "next_step"),
    [
        (problem(429, 53), EvplRateLimitError, "in a minute"),
        (answer(json={"status": "UP"}), EvplError, "Check host"),
        (problem(400, 26), EvplError, "application_id"),
    ],
)
def test_error_with_a_token_says_so(response: dict[str, Any], kind: type[EvplError], next_step: str) -> None:
    """So login and password are right."""
    with pytest.raises(kind, match=r"^Got a token, but no report at 300s from http://") as error:
        check(response)
    assert next_step in str(error.value)
