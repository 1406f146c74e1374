"""Runs at once, each in a process of its own, on a folder and on S3."""

from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from typing import TypeAlias

import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl import errors
from airflow_provider_evpl.config.plans import PullPlan
from tests.machine.conftest import PlaceMaker, Stage
from tests.support.killed_lakes import hours
from tests.support.killing import Files, Job, Place, at_once, pull_to
from tests.support.stores import MemoryStore

Rows: TypeAlias = dict[str, Counter[tuple[object, ...]]]
"""The rows of each object, by its path."""

BEFORE = (hours(-24, 0, 24), hours(0, 12, 2), hours(240, 264, 24))
"""What has landed: a day before, a half one in which runs meet, and one after."""


def _rows(files: Files) -> Rows:
    return {
        path: Counter(tuple(row.values()) for row in pq.read_table(BytesIO(data)).to_pylist())
        for path, data in files.items()
    }


def _landed(stage: Stage, *plans: PullPlan) -> Files:
    """Give the lake that runs one after the other make."""
    store = MemoryStore()
    for plan in plans:
        pull_to(store, stage.connection, plan)
    return store.objects


def _samples(rows: Rows) -> set[tuple[object, ...]]:
    return {row for one in rows.values() for row in one}


def _race(plans: Sequence[PullPlan], stage: Stage, place: Place) -> list[str]:
    """Let runs go at once: what they don't ask for stays untouched, and nothing is out of sight."""
    stage.sandbox.set_faults()
    before = _landed(stage, *BEFORE)
    place.fill(before)
    marks = place.marks()
    ends = at_once([Job(stage.connection, plan, place, reports=False) for plan in plans])
    after = place.files()
    far = {path for path in before if "2026-11-19" in path or "2026-11-30" in path}
    assert len(far) == 2
    assert {path: place.marks()[path] for path in far} == {path: marks[path] for path in far}
    assert (
        _samples(_rows(before)) <= _samples(_rows(after)) <= _samples(_rows(_landed(stage, *BEFORE, *plans)))
    )
    for end in filter(None, ends):
        assert issubclass(getattr(errors, end.partition(":")[0]), errors.EvplRetryableError), end
    return ends


def _run_again(plans: Sequence[PullPlan], ends: Sequence[str], stage: Stage, place: Place) -> None:
    """Do as Airflow does with those that failed."""
    for plan, end in zip(plans, ends, strict=True):
        if end:
            pull_to(place.store(), stage.connection, plan)


@pytest.mark.contract("lake.runs-at-once")
def test_eight_runs_on_different_days_all_land(stage: Stage, make_place: PlaceMaker) -> None:
    """Each of them lands as if it ran alone, and none needs a retry."""
    plans, place = [hours(24 * day, 24 * day + 24, 24) for day in range(8)], make_place()
    assert _race(plans, stage, place) == [""] * 8
    assert _rows(place.files()) == _rows(_landed(stage, *BEFORE, *plans))


def test_eight_runs_that_overlap_by_a_day_land_each_sample_once(stage: Stage, make_place: PlaceMaker) -> None:
    """When all have succeeded, also after retries, each sample is there once."""
    plans, place = [hours(24 * day, 24 * day + 48, 24) for day in range(8)], make_place()
    _run_again(plans, _race(plans, stage, place), stage, place)
    assert _rows(place.files()) == _rows(_landed(stage, *BEFORE, *plans))


@pytest.mark.contract("lake.runs-at-once")
@pytest.mark.parametrize("count", [2, 4])
def test_one_of_several_runs_on_the_same_slices_succeeds(
    count: int, stage: Stage, make_place: PlaceMaker
) -> None:
    """When all have succeeded, also after retries, each sample is there once."""
    plans, place = [hours(0, 36, 6)] * count, make_place()
    ends = _race(plans, stage, place)
    assert "" in ends
    _run_again(plans, ends, stage, place)
    assert _rows(place.files()) == _rows(_landed(stage, *BEFORE, plans[0]))


def test_runs_with_other_slices_land_each_sample_once_after_a_retry(
    stage: Stage, make_place: PlaceMaker
) -> None:
    """Runs that cut a window differently may fail; after one more run each sample is there once."""
    plans, place = [hours(0, 24, 6), hours(0, 24, 12)] * 2, make_place()
    _run_again(plans, _race(plans, stage, place), stage, place)
    pull_to(place.store(), stage.connection, plans[0])
    found = _rows(place.files())
    samples = sum(found.values(), Counter())
    assert samples == sum(_rows(_landed(stage, *BEFORE, plans[0])).values(), Counter())
    assert set(samples.values()) == {1}
