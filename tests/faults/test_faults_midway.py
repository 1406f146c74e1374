"""Faults of the network, a gateway and the token endpoint in the middle of a run, and what is asked."""

import socket
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.faults_pulls import (
    EXCHANGES,
    HOURLY,
    PLACES,
    SLOW,
    TRUTH,
    Case,
    Fails,
    Lands,
    Time,
    bytes_of,
    rows_of,
    run,
)
from tests.support.faults_table import EIGHT_SLICES
from tests.support.sandbox import REPORT_PATH, TOKEN_PATH

TWO_SLICES = replace(HOURLY, slice_length=timedelta(hours=12))
AFTERNOON = Counter(place.row for place in PLACES if place.hour >= 12)
ONE_BY_ONE = {"page_parallelism": "1"}


def _midway(case: Case) -> Case:
    """A refused token is final from the beginning only: once tokens were good in a run it may pass."""
    if case.faults[0] in ("error-401-41", "error-401-42"):
        return replace(case, outcome=Fails(EvplUnavailableError, "Other tokens were accepted in this run"))
    return case


OF_REPORT = [_midway(case) for case in EXCHANGES if not case.faults[0].startswith("token-")]
OF_TOKEN = [case for case in EXCHANGES if case.faults[0].startswith("token-")]


def _fails_or_lands(server: SandboxServer, root: Path, case: Case, settings: dict[str, str]) -> bool:
    """Pull two slices; tell whether they landed."""
    if isinstance(case.outcome, Lands):
        run(server, root, TWO_SLICES, settings)
        return True
    with pytest.raises(case.outcome.error, match=case.outcome.why):
        run(server, root, TWO_SLICES, settings)
    return False


@pytest.mark.parametrize("case", OF_REPORT, ids=str)
def test_a_fault_in_the_second_slice_leaves_the_first_one_exact(
    server: SandboxServer, tmp_path: Path, case: Case
) -> None:
    """The slice before the fault is exact, that with the fault has no object; the next run completes both."""
    server.set_faults(f"{case.faults[0]}@4")  # each slice has three pages
    is_landed = _fails_or_lands(server, tmp_path, case, {**case.settings, **ONE_BY_ONE})
    assert rows_of(tmp_path) == (TRUTH if is_landed else AFTERNOON)
    server.set_faults()
    run(server, tmp_path, TWO_SLICES)
    assert rows_of(tmp_path) == TRUTH


@pytest.mark.parametrize("case", OF_REPORT, ids=str)
def test_a_fault_on_the_second_page_changes_nothing(
    server: SandboxServer, tmp_path: Path, case: Case
) -> None:
    """The first page alone lands nothing: no byte of a landed day changes."""
    run(server, tmp_path, TWO_SLICES)
    before = bytes_of(tmp_path)
    server.set_faults(f"{case.faults[0]}@2")
    is_landed = _fails_or_lands(server, tmp_path, case, {**case.settings, **ONE_BY_ONE})
    assert rows_of(tmp_path) == TRUTH
    assert is_landed or bytes_of(tmp_path) == before


@pytest.mark.parametrize("case", OF_TOKEN, ids=str)
def test_a_failed_token_renewal_keeps_the_finished_slices(
    server: SandboxServer, tmp_path: Path, case: Case
) -> None:
    """If the first token expires and the endpoint gives no new one, the finished slices are exact."""
    server.set_faults("token-revoked", f"{case.faults[0]}@2")
    settings = {**case.settings, **ONE_BY_ONE}
    if isinstance(case.outcome, Lands):
        run(server, tmp_path, EIGHT_SLICES, settings)
        assert rows_of(tmp_path) == TRUTH
        return
    with pytest.raises(case.outcome.error, match=case.outcome.why):
        run(server, tmp_path, EIGHT_SLICES, settings)
    assert rows_of(tmp_path) == Counter(place.row for place in PLACES if place.hour >= 15)


def test_intermittent_faults_are_retried_until_all_rows_land(server: SandboxServer, tmp_path: Path) -> None:
    """Faults that come and go during a run are retried, and all rows land."""
    faults = ("error-503-5", "rate-limit-429", "json-cut", "body-dropped", "token-error-503")
    server.set_faults(*(f"{fault}~0.05" for fault in faults), "token-revoked")
    settings = {**ONE_BY_ONE, "max_retry_seconds": "100000"}
    days = [run(server, tmp_path / str(day), EIGHT_SLICES, settings) for day in range(3)]
    assert sum(day["retries"] for day in days) > 3  # those are for the tokens alone
    assert [rows_of(tmp_path / str(day)) for day in range(3)] == [TRUTH] * 3


@pytest.mark.parametrize("fault", ["redirect-elsewhere", "token-redirect-elsewhere"])
def test_no_redirect_is_followed(server: SandboxServer, tmp_path: Path, fault: str) -> None:
    """Nobody asks at the Location, with credentials or without, and the refused request isn't sent again."""
    server.set_faults(fault)
    before = Counter(server.requests)
    with pytest.raises(EvplResponseError, match=r"Redirects are never followed|Check login"):
        run(server, tmp_path)
    asked = Counter(server.requests) - before
    assert asked == Counter(
        {TOKEN_PATH: 1} if fault.startswith("token-") else {TOKEN_PATH: 1, REPORT_PATH: 1}
    )
    assert bytes_of(tmp_path) == {}


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        ("error-401-40", 1),
        ("error-401-41", 2),
        ("error-401-42", 2),
        ("error-403-50", 1),
        ("error-404-60", 1),
        ("error-422-business", 1),
        ("rate-limit-403-huge", 1),
        ("error-503-5", 10),
        ("rate-limit-429", 10),
    ],
)
def test_a_request_is_sent_as_often_as_its_fault_may_pass(
    server: SandboxServer, tmp_path: Path, fault: str, requests: int
) -> None:
    """A permanent fault gets one request, a refused token one renewal, a temporary fault ten tries."""
    server.set_faults(fault)
    before = Counter(server.requests)
    case = next(case for case in EXCHANGES if case.faults == (fault,))
    assert isinstance(case.outcome, Fails)
    with pytest.raises(case.outcome.error):
        run(server, tmp_path)
    asked = Counter(server.requests) - before
    assert asked[REPORT_PATH] == requests
    assert asked[TOKEN_PATH] == requests or requests == 10  # the waits outlast a token


@pytest.mark.parametrize("limit", ["rate-limit-403", "rate-limit-429"])
@pytest.mark.parametrize(("told", "least"), [("", 0.5), ("-seconds", 30), ("-date", 15), ("-word", 0.5)])
def test_a_retry_waits_as_long_as_retry_after_says(
    server: SandboxServer, tmp_path: Path, limit: str, told: str, least: float
) -> None:
    """With a `Retry-After` that can't be read it waits briefly; then all rows land."""
    server.set_faults(f"{limit}{told}@2:1")
    clock = Time()
    run(server, tmp_path, settings=ONE_BY_ONE, clock=clock)
    assert rows_of(tmp_path) == TRUTH
    assert least <= clock.seconds
    assert (clock.seconds < 3) is (least < 1)


def test_tokens_that_expire_at_once_are_renewed_for_each_page(server: SandboxServer, tmp_path: Path) -> None:
    """Each page gets its own token, and all rows land."""
    server.set_faults("expires-in-tiny")
    issued = server.tokens_issued
    summary = run(server, tmp_path, settings=ONE_BY_ONE, clock=Time(tick=1))
    assert rows_of(tmp_path) == TRUTH
    assert (summary["retries"], server.tokens_issued - issued) == (0, 3)


def test_an_unreachable_token_endpoint_changes_nothing(server: SandboxServer, tmp_path: Path) -> None:
    """If the token endpoint refuses the connection, no byte of a landed day changes."""
    run(server, tmp_path)
    before = bytes_of(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as one:
        url = f"http://127.0.0.1:{one.getsockname()[1]}/token"
    with pytest.raises(EvplUnavailableError, match=r"refused\)(.|\n)*Gave up after 10 attempts"):
        run(server, tmp_path, settings={"token_url": url})
    assert bytes_of(tmp_path) == before


def test_a_page_that_hangs_is_requested_again(server: SandboxServer, tmp_path: Path) -> None:
    """A page that hangs once is requested again after the timeout; the other pages are not."""
    server.set_faults("body-hangs@2:1", "answer-hangs@5:1")
    summary = run(server, tmp_path, TWO_SLICES, {**SLOW, **ONE_BY_ONE, "max_retry_seconds": "300"})
    assert rows_of(tmp_path) == TRUTH
    assert summary["retries"] >= 2
