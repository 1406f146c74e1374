"""The test of a connection requests a token, the last two hours, and an older window if these are empty."""

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplError,
    EvplForbiddenError,
    EvplRateLimitError,
    EvplUnavailableError,
)
from airflow_provider_evpl.flows.connection_test import check_connection
from tests.support.api import TOKEN, URL, answer, problem, report, scripted

NOW = datetime(2026, 11, 29, 11, 18, 41, tzinfo=UTC)
NEW, OLD, ODD = "2026-11-29T11:05:00Z", "2026-11-27T00:00:00Z", "2026-11-29T11:15:00Z"


def entry(*times: str) -> dict[str, Any]:
    """Return a series with a sample at each of the times."""
    samples = [{"timeStamp": time, "value": 1} for time in times]
    return {"objectInstanceId": "a", "metric_name": "in", "performanceValues": samples}


def check(
    *reports: dict[str, Any], code_ope: str | None = "0042", tokens: list[dict[str, Any]] | None = None
) -> list[str]:
    """Test a connection without waits, and return the lines of the result."""
    with scripted([*reports], tokens, code_ope=code_ope, max_retry_seconds=0) as api:
        lines = check_connection(api.client, now=NOW).splitlines()
        assert api.client.requests_sent == len(reports)
    return lines


def test_status_has_six_lines_and_takes_two_requests() -> None:
    """A sample outside the window is not the newest one."""
    *lines, response_time, next_setting = check(answer(json=report(entry(NEW), entry(OLD, ODD))))
    assert lines == [
        "Token: accepted, valid for 3,600 seconds.",
        f"Report: reached at 300s from {URL}.",
        "Series: 2 on the first page of 2026-11-29T09:15/11:15Z.",
        "Newest sample: 2026-11-29T11:05:00Z, 13 minutes old.",
    ]
    assert response_time.startswith("Response time: 0.")
    assert next_setting == "Next: no setting needs a change."


@pytest.mark.parametrize(
    ("older", "next_setting"),
    [
        (report(entry(OLD)), "schedule pulls later, because 2026-11-27T00:00/00:05Z has samples."),
        (report(), "check code_ope, because 2026-11-27T00:00/00:05Z has no sample either."),
    ],
)
def test_status_without_a_new_sample_tries_an_older_window(older: dict[str, Any], next_setting: str) -> None:
    """The third request separates late samples from an operator code without samples."""
    lines = check(answer(json=report(entry())), answer(json=older))
    assert lines[2].startswith("Series: 1 on the first page")
    assert lines[3] == "Newest sample: none of the last two hours on the first page."
    assert lines[5] == f"Next: {next_setting}"


@pytest.mark.parametrize(
    ("timestamp", "advice"),
    [
        (
            "2026-11-29T11:05:00",
            "check naive_timestamps, because a sample is rejected: timeStamp has no",
        ),
        ("soon", "show Orange this message, because a sample is rejected: timeStamp"),
    ],
)
def test_status_names_the_reason_of_a_rejected_sample(timestamp: str, advice: str) -> None:
    """A sample without a zone needs a setting. Any other needs Orange."""
    assert check(answer(json=report(entry(NEW, timestamp))))[5].startswith(f"Next: {advice}")


def test_error_of_the_older_window_says_that_the_report_was_reached() -> None:
    """So the first request worked."""
    with pytest.raises(EvplUnavailableError, match="Report: reached without a new sample, then none at 300s"):
        check(answer(json=report()), problem(503, 5))


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        ({"expires_in": 90_000}, "valid for a day or longer"),
        ({}, "the response names no lifetime"),
    ],
)
def test_status_without_operator_code_is_about_the_token_only(
    expires_in: dict[str, int], lifetime: str
) -> None:
    """There is no report to request."""
    token = {name: value for name, value in TOKEN.items() if name != "expires_in"} | expires_in
    assert check(code_ope=None, tokens=[answer(json=token)]) == [
        f"Token: accepted, {lifetime}.",
        "Report: not requested, because the connection has no code_ope.",
        "Next: set code_ope to test the report too.",
    ]


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
    with pytest.raises(kind, match=r"^Token: none from http://.*/oauth/v3/token: ") as error:
        check(tokens=[problem(status, 41)])
    assert next_step in error.value.next_step


@pytest.mark.parametrize(
    ("response", "kind", "next_step"),
    [
        (problem(429, 53), EvplRateLimitError, "in a minute"),
        (answer(json={"status": "UP"}), EvplError, "Check host"),
        (problem(400, 26), EvplError, "application_id"),
        (problem(401, 41), EvplAuthError, "Login and password are right"),
        (problem(403, 50), EvplForbiddenError, "does not say which"),
    ],
)
def test_error_with_a_token_says_so(response: dict[str, Any], kind: type[EvplError], next_step: str) -> None:
    """So login and password are right."""
    begin = r"^Token: accepted, valid for 3,600 seconds\.\nReport: none at 300s from http://"
    with pytest.raises(kind, match=begin) as error:
        check(response)
    assert next_step in str(error.value)
