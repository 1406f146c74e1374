"""What a look over a lake finds: each hour of a range is landed once and whole, or to be pulled again."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.coverage import Coverage, look_over
from airflow_provider_evpl.window import Window
from tests.lake.build import HOUR, MIDNIGHT, Answer, circuit, collect, fewer, hourly, hours, microseconds
from tests.lake.memory import MemoryStore
from tests.lake.runs import DATASET, DAY, lake_of, run

HOURLY_OF_288 = 24 / 288
"""What the helpers land of a day at five minutes: a sample an hour."""


def look(store: MemoryStore, window: Window = DAY, *, min_coverage: float = HOURLY_OF_288) -> Coverage:
    """Look over a store."""
    return look_over(lake_of(store), window, min_coverage=min_coverage)


def kinds(coverage: Coverage) -> list[tuple[str, Window]]:
    """Of each finding its kind and window."""
    return [(one.kind, one.window) for one in coverage.findings]


def test_a_whole_day_has_nothing_to_pull() -> None:
    """Whether it landed as one object or as many."""
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
        "missing": 0,
        "empty": 0,
        "overlap": 0,
        "foreign": 0,
        "incomplete": 0,
        "vanished": 0,
        "findings": [],
    }


def test_an_empty_lake_is_missing_day_by_day() -> None:
    """Each window to pull is within one UTC day."""
    range_of_days = Window(MIDNIGHT - 6 * HOUR, MIDNIGHT + 30 * HOUR)
    coverage = look(MemoryStore(), range_of_days)
    assert coverage.windows == [hours(-6, 0), DAY, hours(24, 30)]
    assert {kind for kind, _ in kinds(coverage)} == {"missing"}


def test_windows_that_only_touch_stay_apart() -> None:
    """Where one can't be mended the other still can: a gap isn't joined to the thin object beside it."""
    store = MemoryStore()
    run(store, hours(0, 5), hours(6, 24))
    coverage = look(store, hours(3, 24))
    assert kinds(coverage) == [("missing", hours(5, 6))]
    thin = look(store, min_coverage=1)
    assert thin.windows == [hours(0, 5), hours(5, 6), hours(6, 24)]


def test_samples_in_two_objects_are_found() -> None:
    """An hour that a killed run left beside its day is tidied up by a pull of the day."""
    store = MemoryStore()
    run(store, hours(3, 4))
    left_over = dict(store.objects)
    run(store, DAY)
    store.objects |= left_over
    coverage = look(store)
    assert kinds(coverage) == [("overlap", DAY)]
    assert coverage.windows == [DAY]


def test_findings_that_overlap_are_one_pull() -> None:
    """A left-over hour, its day and the two of them together: the day is pulled once."""
    store = MemoryStore()
    run(store, hours(3, 4))
    left_over = dict(store.objects)
    run(store, DAY)
    store.objects |= left_over
    coverage = look(store, min_coverage=1)
    assert sorted(kinds(coverage)) == sorted(
        [("overlap", DAY), ("incomplete", DAY), ("incomplete", hours(3, 4))]
    )
    assert coverage.windows == [DAY]


def test_what_another_source_landed_is_told_and_left_alone() -> None:
    """It is not ours to count, and a pull of its window would be refused."""
    store = MemoryStore()
    lake = lake_of(store, {"base_url": "https://sandbox"})
    [target] = lake.targets([hours(0, 12)])
    lake.land(target, hourly(target.window), {})
    store.objects[DATASET.samples_path(hours(12, 18))] = b"not Parquet"
    coverage = look(store)
    assert kinds(coverage) == [
        ("foreign", hours(0, 12)),
        ("foreign", hours(12, 18)),
        ("missing", hours(18, 24)),
    ]
    assert (coverage.windows, coverage.landed) == ([hours(18, 24)], {})


@pytest.mark.parametrize(("threshold", "found"), [(HOURLY_OF_288, []), (HOURLY_OF_288 + 0.001, [DAY])])
def test_an_object_under_the_threshold_is_found(threshold: float, found: list[Window]) -> None:
    """Of its expected samples that share has to be there."""
    store = MemoryStore()
    run(store, DAY)
    assert look(store, min_coverage=threshold).windows == found


def test_each_empty_day_is_found_until_it_has_something() -> None:
    """Nothing was there when it was pulled: an outage of three days heals in one night, whenever it ends."""
    store = MemoryStore()
    days = list(hours(0, 4 * 24).slices(24 * HOUR))
    run(store, days[0])
    for day in days[1:]:
        [target] = lake_of(store).targets([day])
        lake_of(store).land(target, collect([], day), {})
    coverage = look(store, hours(0, 4 * 24))
    assert kinds(coverage) == [("empty", day) for day in days[1:]]
    assert coverage.windows == days[1:]
    run(store, *days[1:])
    assert look(store, hours(0, 4 * 24)).windows == []


def test_series_that_are_gone_are_found() -> None:
    """In an object with fewer series than the last of its length nothing tells that theirs are missing."""
    store = MemoryStore()
    some = ((hours(0, 8), "ab"), (hours(8, 16), "a"), (hours(16, 23), "a"), (hours(23, 24), "abc"))
    for window, circuits in some:
        [target] = lake_of(store).targets([window])
        lake_of(store).land(target, hourly(window, circuits=circuits), {})
    coverage = look(store)
    assert kinds(coverage) == [("vanished", hours(8, 16))]
    (told,) = coverage.told
    assert told.endswith("vanished: 1 series, 2 in 2026-11-22T00:00:00Z/2026-11-22T08:00:00Z")


def test_an_empty_object_is_no_yardstick() -> None:
    """Series that are gone after it are held against what was before it."""
    store = MemoryStore()
    for window, circuits in ((hours(0, 8), "ab"), (hours(8, 16), ""), (hours(16, 24), "a")):
        [target] = lake_of(store).targets([window])
        lake_of(store).land(target, hourly(window, circuits=circuits), {})
    assert kinds(look(store)) == [("empty", hours(8, 16)), ("vanished", hours(16, 24))]


def test_what_lies_over_another_sources_object_is_left_alone() -> None:
    """A pull of it would be refused: it is told, and only the rest is pulled."""
    store = MemoryStore()
    run(store, hours(0, 12), hours(12, 24))
    store.objects[DATASET.samples_path(hours(3, 4))] = b"not Parquet"
    coverage = look(store, min_coverage=1)
    assert [kind for kind, _ in kinds(coverage)].count("foreign") == 1
    assert coverage.windows == [hours(12, 24)]


def test_a_left_over_is_no_yardstick() -> None:
    """An hour inside a day is held against nothing: the day counts."""
    store = MemoryStore()
    [target] = lake_of(store).targets([hours(5, 6)])
    lake_of(store).land(target, hourly(target.window, circuits="abc"), {})
    left_over = dict(store.objects)
    run(store, DAY)
    store.objects |= left_over
    run(store, hours(24, 29), hours(29, 30))
    assert kinds(look(store, hours(0, 30))) == [("overlap", DAY)]


def test_few_of_many_doubled_objects_are_named() -> None:
    """A day beside all its five minutes is one short line."""
    store = MemoryStore()
    run(store, *hours(0, 24).slices(HOUR / 12))
    left_over = dict(store.objects)
    run(store, DAY)
    store.objects |= left_over
    (told,) = look(store).told
    assert "289 objects" in told
    assert len(told) < 300


def test_each_finding_is_told_in_words() -> None:
    """In order of time; what is counted adds up over all objects, the empty one too."""
    store = MemoryStore()
    one_sample = collect([Answer([(circuit("a"), microseconds(MIDNIGHT), 1.0)], [])], hours(0, 6))
    for samples in (one_sample, collect([], hours(6, 12))):
        [target] = lake_of(store).targets([samples.window])
        lake_of(store).land(target, samples, {})
    store.objects[DATASET.samples_path(hours(12, 18))] = b"not Parquet"
    run(store, hours(24, 25))
    left_over = dict(store.objects)
    run(store, hours(24, 27))
    store.objects |= left_over
    told = look(store, hours(0, 27)).as_dict()
    assert told["findings"] == [
        f"{hours(0, 6)} incomplete: 1 of 72 expected samples (1.4%)",
        f"{hours(6, 12)} empty: no sample has landed",
        f"{hours(12, 18)} foreign: an object that this connection didn't land",
        f"{hours(18, 24)} missing: nothing has landed",
        f"{hours(24, 27)} overlap: 2 objects have the same samples: {hours(24, 25)}, {hours(24, 27)}",
    ]
    assert (told["objects"], told["rows"], told["expected"], told["observed"]) == (4, 9, 168, 9)


def test_no_more_than_a_hundred_are_told() -> None:
    """The result travels through XCom: it is small, and its counts are whole."""
    coverage = look(MemoryStore(), Window(MIDNIGHT - 150 * 24 * HOUR, MIDNIGHT))
    assert len(coverage.told) == 100
    assert coverage.as_dict()["missing"] == len(coverage.windows) == 150


spans = st.tuples(st.integers(0, 47), st.integers(1, 24)).map(lambda pair: (pair[0], min(48, sum(pair))))


@fewer
@given(st.lists(spans, max_size=5), spans)
def test_each_hour_is_landed_once_or_pulled(landed: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    """Windows to pull hold all hours of the range that no object has; they touch no other, nor midnight."""
    store = MemoryStore()
    for span in landed:
        for part in hours(*span).slices(24 * HOUR):
            lake = lake_of(store)
            [target] = lake.targets([part])
            lake.land(target, hourly(target.window), {})
    found = look(store, hours(*asked)).windows
    has = {hour for start, end in landed for hour in range(start, end)}
    for hour in range(*asked):
        assert any(one.contains(hours(hour, hour + 1)) for one in found) == (hour not in has)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert [part for one in found for part in one.slices(24 * HOUR)] == found
