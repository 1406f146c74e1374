from itertools import chain

import pytest

from airflow_provider_evpl.sandbox.faults.rows import ROW_FAULTS
from airflow_provider_evpl.sandbox.faults.times import TIME_FAULTS
from tests.support.sandbox import HEALTHY, HOURS, Page, ask, client_of, element, hours, pages, query

DAY = list(HOURS)
ALL = [(number, DAY) for number in range(1, 9)]


def _each(hours: list[int]) -> list[tuple[int, list[int]]]:
    return [(number, hours) for number in range(1, 9)]


# The elements in order, and the hours of each, in the first pull of the day and in the second.
SERVED = {
    "end-inclusive": (_each([*DAY, 24]), _each([*DAY, 24])),
    "start-early": (_each([-1, *DAY]), _each([-1, *DAY])),
    "start-exclusive": (_each(DAY[1:]), _each(DAY[1:])),
    "window-cut": (_each(DAY[:12]), _each(DAY[:12])),
    "steps-coarser": (_each(DAY[::2]), _each(DAY[::2])),
    "samples-descending": (_each(DAY[::-1]), _each(DAY[::-1])),
    "series-split": ([*_each(DAY[:12]), *_each(DAY[12:])],) * 2,
    "entry-repeated": ([*ALL, (1, DAY), (2, DAY)],) * 2,
    "samples-late": (_each(DAY[:-1]), ALL),
    "retention-empty": (ALL, _each(DAY[12:])),
    "retention-null": (ALL, ALL),
    "window-unpublished": ([], []),
    "window-without-samples": (_each([]), _each([])),
}
RIGHT = {
    (element(entry), sample["timeStamp"]): sample["value"]
    for page in HEALTHY
    for entry in page["entries"]
    for sample in entry["performanceValues"]
}


def _walk(name: str, *, pull: int) -> list[Page]:
    client, read = client_of(name), []
    for _ in range(pull):
        read = [ask(client, index).json() for index in (1, 4, 7, 10, 13, 16)]
    return read


def test_the_table_above_has_each_fault_of_rows_or_times() -> None:
    """No fault of rows or time is without its line above."""
    assert {fault.name for fault in (*ROW_FAULTS, *TIME_FAULTS)} == set(SERVED)


@pytest.mark.parametrize("pull", [1, 2])
@pytest.mark.parametrize("name", SERVED)
def test_a_fault_of_times_serves_the_listed_hours(name: str, pull: int) -> None:
    """The elements and hours are those above, on pages that add up; the values are the right ones."""
    read = _walk(name, pull=pull)
    entries = list(chain.from_iterable(page["entries"] for page in read))
    assert [(element(entry), hours(entry)) for entry in entries] == SERVED[name][pull - 1]
    total = max(1, -(-len(entries) // 3))
    assert [page["hasNext"] for page in read] == [number < total for number in range(1, 7)]
    assert {page["totalPages"] for page in read} == {total}
    for entry in entries:
        for hour, sample in zip(hours(entry), entry["performanceValues"], strict=True):
            blank = name == "retention-null" and pull > 1 and hour < 12
            right = None if blank else RIGHT.get((element(entry), sample["timeStamp"]), sample["value"])
            assert sample["value"] == right


def test_each_window_counts_its_own_pulls() -> None:
    """The first pull of another window is its first, whatever was pulled before."""
    client = client_of("samples-late")
    for _ in range(2):
        ask(client, 1)
    hour = query(granularity="3600s", endTime="2026-11-22T02:00:00.000Z")
    (entry, *_) = client.report(hour).json()["entries"]
    assert hours(entry) == [0]


def test_only_the_first_page_starts_a_pull() -> None:
    """Only asking for the first element begins a pull; pages asked for on their own belong to it."""
    client = client_of("samples-late")
    assert {tuple(hours(entry)) for entry in ask(client, 4).json()["entries"]} == {tuple(DAY[:-1])}
    assert {tuple(hours(entry)) for entry in ask(client, 1).json()["entries"]} == {tuple(DAY[:-1])}
    assert pages("retention-empty", pull=3)[1] == pages("retention-empty", pull=2)[1] != HEALTHY[1]
