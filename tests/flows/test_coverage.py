"""Findings in a lake: each hour of a range has landed once and whole, or is to be pulled again."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.flows.coverage import find_gaps
from airflow_provider_evpl.flows.findings import Outcome
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.objects import Objects
from airflow_provider_evpl.window import Granularity, Window
from tests.support.lake import (
    DATASET,
    DAY,
    HOUR,
    HOURLY_OF_288,
    MIDNIGHT,
    ONE_DAY,
    PULLED_AT,
    SOURCE,
    Answer,
    Row,
    circuit,
    collect,
    damaged,
    day,
    earlier,
    fewer,
    hours,
    kinds,
    lake_of,
    land,
    leave_over,
    look,
    microseconds,
    outcomes,
    put,
    run,
    with_footer,
)
from tests.support.stores import MemoryStore


@pytest.mark.contract("coverage.xcom")
def test_whole_day_has_nothing_to_pull() -> None:
    """It may have landed as one object or as many."""
    store = MemoryStore()
    run(store, hours(0, 12), hours(12, 24))
    coverage = look(store)
    assert coverage.windows == []
    assert coverage.as_dict() == {
        "window_start": "2026-11-22T00:00:00Z",
        "window_end": "2026-11-23T00:00:00Z",
        "objects": 2,
        "rows": 48,
        "expected": 576,
        "observed": 48,
        "values": 48,
        "missing": 0,
        "empty": 0,
        "overlap": 0,
        "foreign": 0,
        "absent": 0,
        "vanished": 0,
        "null": 0,
        "given_up": 0,
        "findings": [],
    }


def test_empty_lake_is_missing_day_by_day() -> None:
    """Each window to pull is within one UTC day."""
    range_of_days = Window(MIDNIGHT - 6 * HOUR, MIDNIGHT + 30 * HOUR)
    coverage = look(MemoryStore(), range_of_days)
    assert coverage.windows == [hours(-6, 0), DAY, hours(24, 30)]
    assert {kind for kind, _ in kinds(coverage)} == {"missing"}


@pytest.mark.contract("coverage.fail_on_gaps", "finding.missing")
def test_days_before_the_first_one_are_not_pulled() -> None:
    """There is nothing to repair before a data set begins; a gap after its beginning is one."""
    store = MemoryStore()
    put(store, day(0))
    put(store, day(2))
    coverage = look(store, hours(-30, 72))
    assert outcomes(coverage) == [
        ("missing", hours(-30, -24), Outcome.BEFORE_FIRST_DAY),
        ("missing", day(-1), Outcome.BEFORE_FIRST_DAY),
        ("missing", day(1), Outcome.RETURNED),
    ]
    assert coverage.windows == [day(1)]
    assert [one.window for one in coverage.gaps] == [day(1)]
    assert coverage.messages[0].endswith(
        "; not pulled again: the data set begins later. Use a backfill for it"
    )


@pytest.mark.contract("coverage.result")
def test_adjacent_windows_are_not_merged() -> None:
    """A gap and the object beside it are pulled separately, so that one failing doesn't block the other."""
    store = MemoryStore()
    run(store, hours(0, 5), hours(6, 24))
    coverage = look(store, hours(3, 24))
    assert kinds(coverage) == [("missing", hours(5, 6))]
    incomplete = look(store, min_coverage=1)
    assert incomplete.windows == [hours(0, 5), hours(5, 6), hours(6, 24)]


@pytest.mark.contract("finding.overlap")
def test_samples_in_two_objects_are_an_overlap() -> None:
    """A killed run left an hour beside its day; a pull of the day removes it."""
    store = MemoryStore()
    leave_over(store, hours(3, 4))
    coverage = look(store)
    assert kinds(coverage) == [("overlap", DAY)]
    assert coverage.windows == [DAY]


@pytest.mark.contract("coverage.xcom")
def test_leftover_is_not_counted_twice() -> None:
    """The sums are those of the day, which is the longest interval."""
    store = MemoryStore()
    leave_over(store, *hours(0, 24).slices(HOUR))
    coverage = look(store).as_dict()
    assert coverage["objects"] == 25
    assert (coverage["rows"], coverage["expected"], coverage["values"]) == (48, 576, 48)


def test_overlapping_findings_are_one_window() -> None:
    """A leftover hour beside a day that is incomplete: the day is pulled once."""
    store = MemoryStore()
    leave_over(store, hours(3, 4))
    coverage = look(store, min_coverage=1)
    assert sorted(kinds(coverage)) == sorted([("overlap", DAY), ("absent", DAY)])
    assert coverage.windows == [DAY]


@pytest.mark.contract("coverage.min_coverage")
@pytest.mark.parametrize(("threshold", "found"), [(HOURLY_OF_288, []), (HOURLY_OF_288 + 0.001, [DAY])])
def test_series_below_min_coverage_is_found(threshold: float, found: list[Window]) -> None:
    """Each series must have a value in that share of an object's steps."""
    store = MemoryStore()
    run(store, DAY)
    assert look(store, min_coverage=threshold).windows == found


@pytest.mark.contract("coverage.min_coverage", "finding.absent")
def test_one_incomplete_series_of_many_is_found() -> None:
    """It is found by name, though nearly all values of its object are there."""
    store = MemoryStore()
    names = [f"c{number:02}" for number in range(99)]
    moments = [microseconds(MIDNIGHT + hour * HOUR) for hour in range(24)]
    rows: list[Row] = [(circuit(name), moment, 1.0) for name in names for moment in moments]
    rows += [(circuit("thin"), moment, 1.0) for moment in moments[:-2]]
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, collect([Answer(rows, [])], DAY))
    coverage = look(store)
    assert kinds(coverage) == [("absent", DAY)]
    assert coverage.messages[0].endswith("absent: 1 series lack values: thin in EVPL (22 of 288)")


@pytest.mark.contract("finding.empty")
def test_empty_day_is_found_until_it_has_samples() -> None:
    """All days of an outage are pulled again on one night, whenever it ends."""
    store = MemoryStore()
    days = [day(number) for number in range(4)]
    run(store, days[0])
    for one in days[1:]:
        [target] = lake_of(store).targets([one])
        land(lake_of(store), target, collect([], one))
    coverage = look(store, hours(0, 4 * 24))
    assert kinds(coverage) == [("empty", one) for one in days[1:]]
    assert coverage.as_dict()["expected"] == 4 * 2 * 288
    assert coverage.windows == days[1:]
    run(store, *days[1:])
    assert look(store, hours(0, 4 * 24)).windows == []


@pytest.mark.contract("coverage.expected-series")
def test_object_without_whole_steps_expects_nothing() -> None:
    """With a granularity of a week, a day is never incomplete, and an empty day is no finding."""
    store = MemoryStore()
    dataset = Dataset("0042", "1w")
    for number, rows in enumerate(([(circuit("a"), microseconds(MIDNIGHT), 1.0)], [])):
        window = day(number)
        samples = collect([Answer([*rows], [])], window, Granularity("1w"))
        lake = lake_of(store, dataset=dataset)
        [target] = lake.targets([window])
        land(lake, target, samples)
    objects = Objects(store, dataset, SOURCE)
    coverage = find_gaps(objects, hours(0, 48), min_coverage=1, give_up_after=None, now=PULLED_AT)
    assert kinds(coverage) == []
    assert (coverage.rows, coverage.expected, coverage.observed, coverage.values) == (1, 0, 0, 0)


@pytest.mark.contract("lake.earlier-versions")
def test_objects_of_an_earlier_version_give_the_same_findings() -> None:
    """What their footers lack is counted from their rows."""
    store = MemoryStore()
    for number, circuits in enumerate(["ab", "a", "ab"]):
        put(store, day(number), circuits)
    expected = look(store, hours(0, 72)).as_dict()
    for path, data in store.objects.items():
        store.objects[path] = earlier(data, pulled_at="2026-11-24T00:00:00Z")
    assert look(store, hours(0, 72)).as_dict() == expected
    assert look(store, hours(0, 72), min_coverage=1).windows == [day(0), day(1), day(2)]


@pytest.mark.contract("coverage.reads")
def test_rows_are_read_once_for_the_same_series() -> None:
    """Of many objects with the same series only one is read whole, the others by their footers."""
    store = MemoryStore()
    run(store, *hours(0, 24).slices(HOUR))
    store.calls.clear()
    assert look(store).findings == []
    assert Counter(method for method, _ in store.calls) == {"listing": 1, "tail": 24, "open": 1}


@pytest.mark.parametrize("wrong", [None, b"", b"PAR1", bytes(100), b"cut off"])
def test_footer_missing_from_the_tail_is_read_again(wrong: bytes | None) -> None:
    """The object was replaced since the listing, or its footer is longer; the findings are the same."""

    class Changing(MemoryStore):
        def tails(self, sizes: Mapping[str, int], length: int) -> Iterator[bytes | None]:
            for tail in super().tails(sizes, length):
                assert tail is not None
                yield tail[5:-5] if wrong == b"cut off" else wrong

    store = Changing()
    run(store, hours(0, 12))
    run(store, hours(12, 24), value=None)
    store.objects[DATASET.samples_path(hours(3, 4))] = b"not Parquet"
    same = MemoryStore()
    same.objects = store.objects
    assert look(store) == look(same)
    assert len(look(store).findings) == 2


def test_long_footer_is_read_whole() -> None:
    """The footer of a large object is longer than the tail that is read of each object."""
    store = MemoryStore()
    run(store, DAY)
    [(path, data)] = store.objects.items()
    store.objects[path] = with_footer(data, unknown_fields=json.dumps(["x" * 100_000]))
    assert look(store).findings == []
    assert [call for call in store.calls if call[0] == "tail"] == [("tail", path)]


@pytest.mark.contract("finding.absent")
@pytest.mark.parametrize("is_earlier", [False, True], ids=["", "earlier version"])
def test_unreadable_rows_are_absent(is_earlier: bool) -> None:  # noqa: FBT001 a parameter of the test
    """The footer counts rows that can't be read, so the object is pulled again."""
    store = MemoryStore()
    run(store, DAY)
    path = DATASET.samples_path(DAY)
    data = earlier(store.objects[path], pulled_at="") if is_earlier else store.objects[path]
    store.objects[path] = damaged(data)
    coverage = look(store)
    assert (kinds(coverage), coverage.windows) == ([("absent", DAY)], [DAY])
    assert "its rows can't be read: OSError" in coverage.messages[0]


@pytest.mark.parametrize("is_earlier", [False, True], ids=["", "earlier version"])
def test_empty_object_is_found_and_replaced(is_earlier: bool) -> None:  # noqa: FBT001 a parameter of the test
    """Earlier versions wrote a row group without rows; that object is empty too."""
    store = MemoryStore()
    put(store, DAY, "")
    if is_earlier:
        [(path, data)] = store.objects.items()
        store.objects[path] = earlier(data, pulled_at="")
    assert pq.ParquetFile(io.BytesIO(*store.objects.values())).num_row_groups == is_earlier
    assert kinds(look(store)) == [("empty", DAY)]
    [landing] = run(store, DAY)
    assert landing.revisions is not None
    assert landing.revisions[:3] == (48, 0, 0)
    assert look(store).findings == []


def test_series_of_a_leftover_are_not_expected() -> None:
    """A series that only a leftover hour has is not expected, because the day replaced the hour."""
    store = MemoryStore()
    put(store, hours(5, 6), "abc")
    leftover = dict(store.objects)
    run(store, DAY)
    store.objects |= leftover
    run(store, hours(24, 29), hours(29, 30))
    assert kinds(look(store, hours(0, 30))) == [("overlap", DAY)]


def test_overlap_names_five_objects() -> None:
    """A day beside 96 objects of a quarter of an hour is one short line."""
    store = MemoryStore()
    leave_over(store, *hours(0, 24).slices(HOUR / 4))
    [told] = [str(one) for one in look(store).findings if one.kind == "overlap"]
    assert "97 objects" in told
    assert len(told) < 350


@pytest.mark.contract("coverage.one-finding")
def test_findings_are_texts_in_order_of_time() -> None:
    """Sums add up over all objects, also the empty one."""
    store = MemoryStore()
    one_sample = collect([Answer([(circuit("a"), microseconds(MIDNIGHT), 1.0)], [])], hours(0, 6))
    for samples in (one_sample, collect([], hours(6, 12))):
        [target] = lake_of(store).targets([samples.window])
        land(lake_of(store), target, samples)
    store.objects[DATASET.samples_path(hours(12, 18))] = b"not Parquet"
    put(store, hours(24, 25), "a")
    leftover = dict(store.objects)
    put(store, hours(24, 27), "a")
    store.objects |= leftover
    told = look(store, hours(0, 27)).as_dict()
    foreign = (
        "an object that this connection didn't land: it was not written by this provider; "
        "a pull would refuse it: move the object away"
    )
    doubled = "2026-11-23T00:00/01:00Z, 2026-11-23T00:00/03:00Z"
    assert told["findings"] == [
        "2026-11-22T00:00/06:00Z absent: 1 series lack values: a in EVPL (1 of 72)",
        "2026-11-22T06:00/12:00Z empty: no sample has landed",
        f"2026-11-22T12:00/18:00Z foreign: {foreign}",
        f"{hours(18, 24).label} missing: nothing has landed",
        f"2026-11-23T00:00/03:00Z overlap: 2 objects have the same samples: {doubled}",
    ]
    assert (told["objects"], told["rows"], told["expected"], told["observed"]) == (4, 4, 180, 4)


@pytest.mark.contract("coverage.xcom")
def test_result_has_a_hundred_findings() -> None:
    """The result is small enough for XCom, and its counts cover all findings."""
    coverage = look(MemoryStore(), Window(MIDNIGHT - 150 * ONE_DAY, MIDNIGHT))
    assert len(coverage.messages) == 100
    assert coverage.as_dict()["missing"] == len(coverage.windows) == 150


spans = st.tuples(st.integers(0, 47), st.integers(1, 24)).map(lambda pair: (pair[0], min(48, sum(pair))))


@pytest.mark.contract("coverage.result", "finding.missing")
@fewer
@given(st.lists(spans, max_size=5), spans)
def test_each_hour_is_landed_or_pulled_again(landed: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    """The windows to pull are exactly the hours that no object has, in order, within UTC days.

    Days before the data set's first one are left out.
    """
    store = MemoryStore()
    for span in landed:
        for part in hours(*span).slices(ONE_DAY):
            put(store, part)
    found = look(store, hours(*asked)).windows
    has = {hour for start, end in landed for hour in range(start, end)}
    first = min(has, default=0) // 24 * 24
    for hour in range(*asked):
        is_pulled = any(one.contains(hours(hour, hour + 1)) for one in found)
        assert is_pulled == (hour not in has and hour >= first)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert [part for one in found for part in one.slices(ONE_DAY)] == found
