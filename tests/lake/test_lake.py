import io

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.errors import (
    EvplForeignError,
    EvplOverlapError,
    EvplRetryableError,
)
from airflow_provider_evpl.lake.lake import Landing
from airflow_provider_evpl.lake.revisions import Revisions
from airflow_provider_evpl.window import Window
from tests.support.lake import (
    DATASET,
    DAY,
    FOLDER,
    HOUR,
    PULLED_AT,
    SOURCE,
    collect,
    damaged,
    fewer,
    hourly,
    hours,
    intervals,
    lake_of,
    land,
    names_of,
    run,
    shown,
)
from tests.support.stores import MemoryStore


@pytest.mark.contract("lake.path", "slices.object")
def test_slice_lands_as_one_object() -> None:
    """The object is named by its interval. The landing says what was put."""
    store = MemoryStore()
    [landing] = run(store, DAY)
    path = DATASET.samples_path(DAY)
    assert list(store.objects) == [path]
    assert landing == Landing(
        window=DAY,
        path=f"memory://{path}",
        rows=48,
        bytes=len(store.objects[path]),
        replaced=0,
        rejected_path=None,
        revisions=Revisions(),
    )


@pytest.mark.contract("lake.rerun")
def test_second_run_gives_the_same_bytes() -> None:
    """Names and bytes are the same, and the landings say that objects were replaced."""
    store = MemoryStore()
    run(store, hours(0, 12), hours(12, 24))
    before = dict(store.objects)
    again = run(store, hours(0, 12), hours(12, 24))
    assert store.objects == before
    assert [landing.replaced for landing in again] == [1, 1]


@pytest.mark.contract("rejected.removed", "lake.whole-objects", "lake.list-after-put")
def test_day_supersedes_its_hours() -> None:
    """The hours and their rejected samples are deleted after the day is put."""
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6), rejections=1)
    store.calls.clear()
    [landing] = run(store, DAY, value=2.0)
    assert landing.replaced == 2
    assert list(store.objects) == [DATASET.samples_path(DAY)]
    methods = [method for method, _ in store.calls]
    footers, rows = ["listing", "open", "open"], ["open", "open"]
    assert methods == [
        *footers,
        *footers,
        *rows,
        "listing",
        *footers,
        "put",
        "listing",
        "listing",
        *["delete"] * 4,
    ]
    assert set(shown(store).values()) == {2.0}


def test_hour_of_a_landed_day_pulls_the_day() -> None:
    """A slice inside a landed interval grows to that interval, so nothing of the day is lost."""
    store = MemoryStore()
    run(store, DAY)
    [target] = lake_of(store).targets([hours(3, 4)])
    assert target.window == DAY
    [footer] = target.landed.values()
    assert (set(target.landed), footer.ledger.rows, footer.source) == ({DAY}, 48, SOURCE)
    run(store, hours(3, 4), value=2.0)
    assert intervals(store) == names_of(DAY)
    assert shown(store) == dict.fromkeys(range(24), 2.0)


@pytest.mark.contract("lake.empty-slice")
def test_empty_slice_lands_without_rows() -> None:
    """An object without rows says that the slice was pulled, and that no sample was there."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    landing = land(lake_of(store), target, collect([], DAY))
    assert (landing.rows, landing.bytes) == (0, len(store.objects[DATASET.samples_path(DAY)]))
    [footer] = lake_of(store).targets([DAY])[0].landed.values()
    assert footer.ledger.rows == footer.ledger.observed == footer.ledger.values == 0


hour_slices = st.tuples(st.integers(0, 23), st.integers(1, 24)).map(
    lambda pair: hours(pair[0], min(24, sum(pair)))
)


@fewer
@given(st.lists(st.lists(hour_slices, min_size=1, max_size=3), min_size=1, max_size=4))
def test_any_runs_show_the_last_value_of_each_hour(runs: list[list[Window]]) -> None:
    """After any runs the landed intervals are disjoint, and each hour has the values of its last run."""
    store = MemoryStore()
    expected: dict[int, float | None] = {}
    for number, slices in enumerate(runs):
        targets = lake_of(store).targets(slices)
        assert all(any(target.window.contains(one) for target in targets) for one in slices)
        for target in targets:
            expected |= dict.fromkeys(
                range(target.window.start.hour, target.window.end.hour or 24), float(number)
            )
        run(store, *slices, value=float(number))
    assert shown(store) == expected
    rows = sum(pq.ParquetFile(io.BytesIO(data)).metadata.num_rows for data in store.objects.values())
    assert rows == 2 * len(expected)  # two circuits: no hour is in two objects


def test_completeness_counts_all_landed_objects() -> None:
    """If a slice is not landed, the values of all landed objects in its interval count."""
    store = MemoryStore()
    run(store, hours(0, 12), hours(12, 24))
    [target] = lake_of(store).targets([DAY])
    kept = lake_of(store).completeness(target, hourly(DAY, circuits="bc"))
    assert kept is not None
    assert (kept.window, kept.expected, kept.values) == (DAY, 3 * 288, 48)
    assert [str(lack) for lack in kept.lacking(24 / 288)] == ["c in EVPL (0 of 288)"]
    path = DATASET.samples_path(hours(0, 12))
    store.objects[path] = damaged(store.objects[path])
    assert lake_of(store).completeness(target, hourly(DAY)) is None


def test_completeness_counts_objects_that_landed_meanwhile() -> None:
    """Another run has joined two of the landed hours. Their new object counts, and nothing fails."""
    store = MemoryStore()
    run(store, hours(0, 2), hours(2, 4), hours(12, 24))
    [target] = lake_of(store).targets([DAY])
    run(store, hours(1, 3))
    assert intervals(store) == names_of(hours(0, 4), hours(12, 24))
    samples = hourly(DAY, circuits="a")
    assert lake_of(store).change(target, samples).losses
    kept = lake_of(store).completeness(target, samples)
    assert kept is not None
    assert kept.values == 2 * (4 + 12)


@pytest.mark.contract("lake.pulled-at")
def test_first_pull_outlives_its_object() -> None:
    """A day that replaces hours says when the first of them was pulled, and when the day was pulled."""
    store = MemoryStore()
    for number, window in enumerate((hours(0, 1), hours(5, 6), DAY)):
        [target] = lake_of(store).targets([window])
        land(lake_of(store), target, hourly(window, pulled_at=PULLED_AT + number * HOUR))
    [target] = lake_of(store).targets([DAY])
    footer = target.landed[DAY]
    assert (footer.first_pulled_at, footer.pulled_at) == (PULLED_AT, PULLED_AT + 2 * HOUR)


@pytest.mark.contract("lake.list-after-put")
def test_object_of_another_run_stays_and_raises_overlap_error() -> None:
    """The object appeared after the listing. Airflow retries, and the next run joins both."""
    store = MemoryStore()
    run(store, hours(0, 1))
    [target] = lake_of(store).targets([DAY])
    run(store, hours(3, 5), value=7.0)
    with pytest.raises(EvplOverlapError, match="2026-11-22T03:00/05:00Z") as caught:
        land(lake_of(store), target, hourly(DAY, 2.0))
    assert isinstance(caught.value, EvplRetryableError)
    assert sorted(intervals(store)) == sorted(names_of(DAY, hours(3, 5)))
    run(store, DAY, value=2.0)
    assert intervals(store) == names_of(DAY)


def test_two_runs_on_one_interval_both_land() -> None:
    """Both runs listed the same objects. The later put stays, and no run raises an overlap."""
    store = MemoryStore()
    run(store, hours(0, 1))
    first, second = ([target] for target in (lake_of(store).targets([DAY]) * 2))
    for value, targets in ((2.0, first), (3.0, second)):
        land(lake_of(store), targets[0], hourly(DAY, value))
    assert intervals(store) == names_of(DAY)
    assert shown(store) == dict.fromkeys(range(24), 3.0)


@pytest.mark.contract("lake.runs-at-once")
def test_runs_on_neighboring_intervals_both_land() -> None:
    """Intervals that only touch do not overlap."""
    store = MemoryStore()
    [early], [late] = (lake_of(store).targets([one]) for one in (hours(0, 12), hours(12, 24)))
    for target in (late, early):
        land(lake_of(store), target, hourly(target.window))
    assert intervals(store) == names_of(hours(0, 12), hours(12, 24))


WITHOUT_FOOTER = [b"", b"PAR1 no footer PAR1", b"id,value\n1,2\n"]


@pytest.mark.contract("foreign.refused")
@pytest.mark.parametrize("content", WITHOUT_FOOTER)
def test_object_without_our_footer_raises_foreign_error(content: bytes) -> None:
    """Its name is an interval that overlaps a slice. The error is permanent, and the object stays."""
    store = MemoryStore()
    path = DATASET.samples_path(hours(3, 5))
    store.objects[path] = content
    with pytest.raises(EvplForeignError, match=f"(?s)memory://{path}.*was not written by this provider"):
        run(store, hours(4, 6))
    assert store.objects == {path: content}
    run(store, hours(0, 3), hours(5, 6))
    assert store.objects[path] == content


@pytest.mark.contract("foreign.refused")
def test_object_of_another_source_raises_foreign_error() -> None:
    """The error is permanent. The object stays, and slices beside it land."""
    store = MemoryStore()
    sandbox = {**SOURCE, "base_url": "http://127.0.0.1:8075"}
    [target] = lake_of(store, sandbox).targets([hours(3, 5)])
    land(lake_of(store, sandbox), target, hourly(hours(3, 5)))
    before = dict(store.objects)
    with pytest.raises(EvplForeignError, match=r"comes from .*8075.*api\.orange\.com"):
        run(store, DAY)
    assert store.objects == before
    run(store, hours(5, 24))
    assert before.items() <= store.objects.items()


@pytest.mark.contract("foreign.ours", "foreign.left-alone")
@pytest.mark.parametrize(
    "name",
    [
        "_SUCCESS",
        ".20261122T000000Z-20261123T000000Z.parquet.0123.tmp",
        "part-0.parquet",
        "20261121T000000Z-20261122T000000Z.parquet",
        "20261122T000000Z-20261124T000000Z.parquet",
    ],
)
def test_files_with_other_names_are_left_alone(name: str) -> None:
    """Files whose name is no interval of the day are not read, and not deleted."""
    store = MemoryStore()
    store.objects[f"{FOLDER}/{name}"] = b"theirs"
    run(store, hours(3, 4))
    run(store, DAY)
    assert store.objects.pop(f"{FOLDER}/{name}") == b"theirs"
    assert list(store.objects) == [DATASET.samples_path(DAY)]
    assert ("open", f"{FOLDER}/{name}") not in store.calls
