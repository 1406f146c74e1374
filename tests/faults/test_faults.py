"""Every fault of the sandbox, through the whole flow: HTTP, pages, samples, lake."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplNotPublishedError,
    EvplPagingError,
    EvplRateLimitError,
    EvplRefusedError,
    EvplUnavailableError,
)
from airflow_provider_evpl.sandbox.faults.pages import PAGE_FAULTS
from airflow_provider_evpl.sandbox.faults.paging import PAGING_FAULTS
from airflow_provider_evpl.sandbox.faults.registry import FAULTS
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.faults_pulls import (
    AFFECTED_HOURS,
    TRUTH,
    Case,
    Fails,
    LakeRow,
    Lands,
    bytes_of,
    rejections_of,
    rows_of,
    run,
    unknown_fields_of,
)
from tests.support.faults_table import CASES, UNSEEN

ASKED_AGAIN = (EvplPagingError, EvplUnavailableError, EvplRateLimitError, EvplAuthError)
ABOUT_PAGES = {*(fault.name for fault in PAGE_FAULTS), *(fault.name for fault in PAGING_FAULTS)}


@pytest.mark.contract("connection.pagination", "result.rows", "lake.table", "values.number")
@pytest.mark.contract("values.timestamp", "rejected.file", "errors.message", "gap.A4", "gap.A7", "gap.A8")
@pytest.mark.contract("gap.A13")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_on_an_empty_lake_lands_the_readable_rows_or_nothing(
    server: SandboxServer, tmp_path: Path, case: Case
) -> None:
    """What can be read lands once and the rest is accounted for; or there is an error and no object."""
    server.set_faults(*case.faults)
    if isinstance(case.outcome, Fails):
        with pytest.raises(case.outcome.error, match=case.outcome.why) as error:
            run(server, tmp_path, case.plan, case.settings)
        _check_message(str(error.value), case.outcome)
        assert bytes_of(tmp_path) == {}
        return
    summary = run(server, tmp_path, case.plan, case.settings)
    assert rows_of(tmp_path) == case.outcome.rows()
    assert _ledger(summary) == _expected_ledger(case.outcome)
    assert summary["received"] == sum(
        summary[name] for name in ("rows", "duplicates", "out_of_window", "rejected")
    )
    assert unknown_fields_of(tmp_path) == case.outcome.unknown
    _check_rejections(tmp_path, case.outcome)


def _check_message(text: str, outcome: Fails) -> None:
    """It says where, and, where there is an answer to blame, which; a permanent one ends in advice."""
    assert "2026-11-20" in text or "127.0.0.1" in text or "token" in text
    if outcome.answered and outcome.error is not EvplNotPublishedError:
        assert re.search(r"Request id: [0-9a-f-]{16,}", text)


def _ledger(summary: dict[str, Any]) -> dict[str, Any]:
    names = ("rows", "duplicates", "conflicts", "out_of_window", "rejected", "null_values")
    return {name: summary[name] for name in names}


def _expected_ledger(outcome: Lands) -> dict[str, Any]:
    rows = outcome.rows()
    return {
        "rows": rows.total(),
        "duplicates": outcome.duplicates,
        "conflicts": outcome.conflicts,
        "out_of_window": outcome.out_of_window,
        "rejected": sum(outcome.rejected.values()),
        "null_values": sum(row[-1] is None for row in rows),
    }


def _check_rejections(root: Path, outcome: Lands) -> None:
    """What is rejected lies beside the rows, as it came, with its place."""
    lines = rejections_of(root)
    samples = Counter[str]()
    for line in lines:
        samples[line["reason"]] += line["samples"]
    assert samples == outcome.rejected
    of_samples = {(1, entry, hour) for entry in (0, 1) for hour in AFFECTED_HOURS}
    of_entries = {(1, entry, None) for entry in (0, 1)}
    places = {(line["page"], line["entry"], line["sample"]) for line in lines}
    assert places in ([set()] if not lines else [of_samples, of_entries])
    assert len(places) == len(lines)


@pytest.mark.contract("failing.exact-or-untouched")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_on_a_landed_day_never_loses_rows(server: SandboxServer, tmp_path: Path, case: Case) -> None:
    """A fault lands what can be read; if that is less than before, it changes no byte."""
    run(server, tmp_path)
    before = bytes_of(tmp_path)
    server.set_faults(*case.faults)
    outcome = case.outcome
    if isinstance(outcome, Lands) and not _shrinks(outcome):
        run(server, tmp_path, case.plan, case.settings)
        assert rows_of(tmp_path) == outcome.rows()
        return
    error, why = (
        (outcome.error, outcome.why) if isinstance(outcome, Fails) else (EvplRefusedError, "would erase")
    )
    with pytest.raises(error, match=why):
        run(server, tmp_path, case.plan, case.settings)
    assert bytes_of(tmp_path) == before


def _shrinks(outcome: Lands) -> bool:
    """Tell whether a circuit would have fewer rows of a metric, or fewer values."""
    return not _count_by_circuit(TRUTH) <= _count_by_circuit(outcome.rows())


def _count_by_circuit(rows: Counter[LakeRow]) -> Counter[tuple[object, ...]]:
    """Count the values of each circuit and metric; a row without one is not what it was."""
    counts = Counter[tuple[object, ...]]()
    for row, count in rows.items():
        counts[row[1:3]] += count * (row[-1] is not None)
    return counts


REJECTED = [
    case
    for case in CASES
    if isinstance(case.outcome, Lands) and (case.outcome.rejected or case.outcome.conflicts)
]


@pytest.mark.contract("failing.refused-slice")
@pytest.mark.parametrize("case", REJECTED, ids=str)
def test_too_many_rejected_samples_refuse_the_slice(
    server: SandboxServer, tmp_path: Path, case: Case
) -> None:
    """More than 1 % rejected or in conflict is refused, and the error counts the reasons."""
    assert isinstance(case.outcome, Lands)
    server.set_faults(*case.faults)
    counts = {
        **case.outcome.rejected,
        **({"conflict": case.outcome.conflicts} if case.outcome.conflicts else {}),
    }
    with pytest.raises(EvplRefusedError) as error:
        run(server, tmp_path, case.plan, case.settings, limit=0.01)
    assert ", ".join(f"{count} x {reason}" for reason, count in counts.items()) in str(error.value)
    assert bytes_of(tmp_path) == {}


@pytest.mark.contract("gap.A27")
@pytest.mark.parametrize(
    "case", [case for case in CASES if isinstance(case.outcome, Fails) and case.faults], ids=str
)
def test_after_a_temporary_fault_all_rows_land(server: SandboxServer, tmp_path: Path, case: Case) -> None:
    """All rows land at once if a retry helps, or else with the next run."""
    assert isinstance(case.outcome, Fails)
    counts = {"pagination-by-page": "" if case.settings else ":1", "window-without-samples": ":3"}
    server.set_faults(*(name + counts.get(name, ":1") for name in case.faults))
    settings = {**case.settings, "max_retry_seconds": "300"}
    if case.outcome.final or not issubclass(case.outcome.error, ASKED_AGAIN):
        with pytest.raises(case.outcome.error, match=case.outcome.why):
            run(server, tmp_path, case.plan, settings)
        assert bytes_of(tmp_path) == {}
    run(server, tmp_path, case.plan, settings)
    assert rows_of(tmp_path) == TRUTH


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.faults and ABOUT_PAGES & set(case.faults)], ids=str
)
def test_page_parallelism_does_not_change_the_result(
    server: SandboxServer, tmp_path: Path, case: Case
) -> None:
    """With one page in flight, each fault gives the same result."""
    server.set_faults(*case.faults)
    if isinstance(case.outcome, Fails):
        with pytest.raises(case.outcome.error, match=case.outcome.why):
            run(server, tmp_path, case.plan, {**case.settings, "page_parallelism": "1"})
        assert bytes_of(tmp_path) == {}
    else:
        run(server, tmp_path, case.plan, {**case.settings, "page_parallelism": "1"})
        assert rows_of(tmp_path) == case.outcome.rows()


@pytest.mark.parametrize("difference", ["sample-repeated:1", "value-comma:1", "value-comma"])
def test_a_repeated_page_with_a_difference_is_found(
    server: SandboxServer, tmp_path: Path, difference: str
) -> None:
    """A repeated page is found even if one copy has a sample more, or one that can't be read."""
    server.set_faults("page-repeated", difference)
    with pytest.raises(EvplPagingError, match="page 2: its elements were on an earlier page"):
        run(server, tmp_path)
    assert bytes_of(tmp_path) == {}


def test_the_table_has_each_fault_of_the_sandbox() -> None:
    """Each fault of the sandbox has an expected result."""
    told = {name for case in CASES for name in case.faults}
    assert told | {name for names in UNSEEN for name in names.split()} == set(FAULTS)
