"""Which months are computed again, what a changing lake gives, and the bytes of an equal lake."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from airflow_provider_evpl.errors import EvplOverlapError, EvplRetryableError, EvplStoreError
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import Window
from tests.support.figures_stores import (
    HOUR,
    LiveStore,
    day_of,
    figure_paths,
    figures,
    lake_of_days,
    land_window,
    rows_of,
    writes,
)
from tests.support.stores import MemoryStore

DAYS = [f"2026-{month:02}-{day:02}" for month in range(1, 12) for day in (1, 28)]
D22 = day_of("2026-11-22")


def months_put(store: MemoryStore) -> list[str]:
    """List the months that were put since the calls were cleared, and clear the calls."""
    paths = writes(store)
    store.calls.clear()
    assert all(path.startswith("figures/operator_code=op-0042/granularity=1h/month=") for path in paths)
    return [path.split("=")[-1][:7] for path in paths]


def assert_same_as_from_scratch(store: MemoryStore, **arguments: object) -> None:
    """Compare all months with those that a first run computes."""
    fresh = MemoryStore()
    fresh.objects = {path: data for path, data in store.objects.items() if path.startswith("samples/")}
    figures(fresh, **arguments)
    assert {path: fresh.objects[path] for path in figure_paths(fresh)} == {
        path: store.objects[path] for path in figure_paths(store)
    }


@pytest.fixture(scope="module")
def year() -> Mapping[str, bytes]:
    """Land days in eleven months, and compute them."""
    store = lake_of_days(*DAYS, values=lambda moment: moment.timestamp() % 1000 / 10)
    figures(store)
    assert months_put(store) == [f"2026-{month:02}" for month in range(1, 12)]
    return store.objects


@pytest.fixture
def computed(year: Mapping[str, bytes]) -> MemoryStore:
    """Give a lake whose months are computed."""
    store = MemoryStore()
    store.objects = dict(year)
    return store


@pytest.mark.contract("figures.unchanged")
def test_unchanged_months_are_not_computed_again(computed: MemoryStore) -> None:
    """Nothing is put, and nothing but footers is read."""
    result = figures(computed).as_dict()
    assert months_put(computed) == []
    assert result["months"] == [f"2026-{month:02}" for month in range(1, 12)]
    assert (result["computed"], result["unchanged"]) == (0, 11)


@pytest.mark.contract("figures.unchanged")
@pytest.mark.parametrize(
    ("day", "first", "last"),
    # The 26 full weeks before the end of August start on Monday, 2026-03-02; those of July on 2026-01-26.
    [("2026-03-02", 3, 8), ("2026-03-01", 3, 7), ("2026-11-28", 11, 11), ("2026-01-01", 1, 6)],
)
def test_late_samples_compute_the_months_that_depend_on_them(
    computed: MemoryStore, day: str, first: int, last: int
) -> None:
    """Months after the day need it for their trend, and for what is expected."""
    land_window(computed, day_of(day), lambda _: 7.0, pulled_at=day_of("2026-12-24").start)
    computed.calls.clear()
    figures(computed)
    assert months_put(computed) == [f"2026-{month:02}" for month in range(first, last + 1)]
    assert_same_as_from_scratch(computed)


@pytest.mark.parametrize(("day", "months"), [("2026-11-29", [11]), ("2026-12-02", [11, 12])])
def test_new_day_computes_the_month_that_was_not_over(
    computed: MemoryStore, day: str, months: list[int]
) -> None:
    """A month ends with the newest slice, until a slice after its end has landed."""
    land_window(computed, day_of(day))
    computed.calls.clear()
    figures(computed)
    assert months_put(computed) == [f"2026-{month:02}" for month in months]
    assert_same_as_from_scratch(computed)


def test_day_in_two_local_months_computes_both() -> None:
    """In Kathmandu the last UTC day of a month has the first hours of the next one."""
    store = lake_of_days("2026-09-29", "2026-10-30", "2026-10-31", "2026-11-02")
    figures(store, time_zone="Asia/Kathmandu")
    store.calls.clear()
    land_window(store, day_of("2026-10-31"), lambda _: 7.0, pulled_at=D22.end)
    store.calls.clear()
    figures(store, time_zone="Asia/Kathmandu")
    assert months_put(store) == ["2026-10", "2026-11"]
    assert_same_as_from_scratch(store, time_zone="Asia/Kathmandu")


@pytest.mark.parametrize(
    "arguments",
    [
        {"min_coverage": 0.5},
        {"critical": 91},
        {"time_zone": "Asia/Kathmandu"},
        {"directions": {"in": "none"}},
    ],
)
def test_other_arguments_compute_all_months(arguments: Mapping[str, object]) -> None:
    """An object says with which arguments it was computed."""
    store = lake_of_days("2026-10-20", "2026-11-20")
    figures(store)
    store.calls.clear()
    figures(store, **arguments)
    assert months_put(store) == ["2026-10", "2026-11"]
    assert_same_as_from_scratch(store, **arguments)


def test_month_whose_objects_vanished_stays(computed: MemoryStore) -> None:
    """Figures outlive the samples they were computed from."""
    gone = [path for path in computed.objects if "/date=2026-01-" in path and path.startswith("samples/")]
    for path in gone:
        del computed.objects[path]
    figures(computed)
    assert "2026-01" not in months_put(computed)
    assert any("month=2026-01" in path for path in figure_paths(computed))


# --- a lake that changes while it is read


def versions() -> tuple[MemoryStore, MemoryStore]:
    """Make two versions of a lake: the second has other values, and hours joined to a day."""
    series = [Series(name, "in", None, None, None, "EVPL") for name in "ab"]
    old, new = MemoryStore(), MemoryStore()
    for start in range(0, 24, 8):
        part = Window(D22.start + start * HOUR, D22.start + (start + 8) * HOUR)
        land_window(old, part, lambda moment: float(moment.hour), series=series)
    land_window(new, D22, lambda moment: 50.0 + moment.hour, series=series, pulled_at=D22.end + HOUR)
    day = day_of("2026-11-23")
    land_window(old, day, lambda _: 1.0, series=series)
    land_window(new, day, lambda _: 90.0, series=series, pulled_at=day.end + HOUR)
    return old, new


def replace(store: LiveStore, new: MemoryStore) -> None:
    """Land the second version: put all objects, then delete those that they supersede."""
    figures_so_far = {path: data for path, data in store.objects.items() if path.startswith("figures/")}
    store.objects = {**new.objects, **figures_so_far}


@pytest.mark.contract("figure.objects")
def test_objects_replaced_while_they_are_read_give_no_mix() -> None:
    """Whenever the lake changes, the figures are those of one version, or the error is temporary."""
    assert find_outcomes(*versions()) >= {0, 1}


def test_day_that_lands_while_others_are_read_gives_no_mix() -> None:
    """The month ends with the slice that was the newest one at the start."""
    old, new = lake_of_days("2026-11-22"), lake_of_days("2026-11-22", "2026-11-23")
    assert find_outcomes(old, new) == {0}


def test_days_replaced_between_two_files_give_no_mix() -> None:
    """Files that are open stay whole, so only the list of objects shows the change."""
    days = ("2026-11-22", "2026-11-23")
    old = lake_of_days(*days, values=lambda _: 1.0)
    new = lake_of_days(*days, values=lambda _: 90.0, pulled_at=D22.end + 48 * HOUR)
    assert find_outcomes(old, new, keeps_open=True) == {0, 1}


def find_outcomes(old: MemoryStore, new: MemoryStore, *, keeps_open: bool = False) -> set[int | None]:
    """Change the lake at each read: return which versions' figures were put, None for a temporary error.

    After the change, the next run puts what a first run would put.
    """
    fresh = [LiveStore(version.objects, lambda _: None) for version in (old, new)]
    for one in fresh:
        figures(one)
    expected = [rows_of(one) for one in fresh]
    outcomes = set[int | None]()
    for moment in count(step=1 if keeps_open else 3):
        reads = count()

        def change(store: LiveStore, moment: int = moment, reads: Iterator[int] = reads) -> None:
            if next(reads) == moment:
                replace(store, new)

        store = LiveStore(old.objects, change, keeps_open=keeps_open)
        try:
            figures(store)
        except EvplRetryableError:
            outcomes.add(None)
            assert not figure_paths(store)
        else:
            outcomes.add(expected.index(rows_of(store)))
        if next(reads) <= moment:
            break
        figures(store)
        assert store.objects == fresh[1].objects
    return outcomes


def test_lake_that_never_rests_is_a_temporary_error() -> None:
    """If the lake changes during each attempt, nothing is written."""
    both = versions()
    reads = count()
    store = LiveStore(both[0].objects, lambda one: replace(one, both[next(reads) % 2]))
    with pytest.raises((EvplOverlapError, EvplStoreError)):
        figures(store)
    assert not figure_paths(store)


@pytest.mark.contract("figures.error")
def test_store_that_fails_leaves_whole_months() -> None:
    """At whichever call the store fails, each month is as it was, or new."""
    old = lake_of_days("2026-10-31", "2026-11-01")
    whole = LiveStore(old.objects, lambda _: None)
    figures(whole)
    listed = {path.rpartition("/")[0] for path in old.objects}
    calls = [at for at, (method, path) in enumerate(whole.calls, 1) if method != "listing" or path in listed]
    for at in calls:
        store = MemoryStore(fail_at=at)
        store.objects = dict(old.objects)
        with suppress(EvplStoreError):
            figures(store)
        assert all(store.objects[path] == whole.objects[path] for path in figure_paths(store))


# --- the same bytes


SCRIPT = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[2])])
from airflow_provider_evpl.lake.store import LocalStore
from tests.support.figures_stores import figures
figures(LocalStore(sys.argv[1]), time_zone="Europe/Paris")
"""


@pytest.mark.contract("figures.unchanged")
def test_same_lake_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two processes, with one and with two processors, write equal objects."""
    found = []
    for name, processors in (("one", 1), ("all", len(os.sched_getaffinity(0)))):
        root = tmp_path / name
        for day in ("2026-10-31", "2026-11-01", "2026-11-02"):
            land_window(LocalStore(str(root)), day_of(day), lambda moment: 1 / (1 + moment.timestamp() % 977))
        subprocess.run([sys.executable, "-c", SCRIPT, str(root), str(processors)], check=True)
        objects = sorted(root.glob("figures/**/*.parquet"))
        found.append([(path.relative_to(root), path.read_bytes()) for path in objects])
    assert len(found[0]) == 2
    assert found[0] == found[1]
