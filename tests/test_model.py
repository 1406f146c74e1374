"""Random sequences of pulls, held against a simple model of the lake."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.errors import EvplNotPublishedError, EvplRefusedError
from airflow_provider_evpl.flows.summary import Summary
from tests.support.fake_api import FakeApi
from tests.support.model import (
    GONE,
    SEQUENCES,
    Content,
    Interval,
    Key,
    Killed,
    ModelLake,
    Request,
    Step,
    mortal_steps,
    number,
    overlap,
    pull_once,
    read,
    samples,
    steps,
)
from tests.support.stores import MemoryStore


def _change(truth: dict[Key, float | str | None], step: Step) -> None:
    truth |= step.news
    for key in [key for key, value in truth.items() if value == GONE or key[1] < step.retention]:
        del truth[key]


def _run(api: FakeApi, store: MemoryStore, request: Request) -> tuple[str, Summary | None]:
    try:
        return "landed", pull_once(api, request, store)
    except EvplRefusedError:
        return "refused", None
    except EvplNotPublishedError:
        return "unpublished", None


@pytest.mark.contract("failing.exact-or-untouched", "lake.replacement", "shrinking.wider-group")
@settings(max_examples=SEQUENCES)
@given(st.lists(steps, min_size=1, max_size=5))
def test_over_any_sequence_of_pulls_the_lake_equals_the_model(sequence: list[Step]) -> None:
    """Any windows and settings, whatever the API learns, revises and forgets: no sample twice, none lost."""
    store, model = MemoryStore(), ModelLake()
    truth: dict[Key, float | str | None] = {}
    for step in sequence:
        _change(truth, step)
        end, summary = _run(FakeApi(samples(truth), page_size=2), store, step.request)
        before = set(model.objects)
        assert end == model.pull(truth, step.request)
        assert read(store) == model.objects
        rejected = sum(path.startswith("rejected/") for path in store.objects)
        assert rejected == sum(one.rejected > 0 for one in model.objects.values())
        if summary is not None:
            for landing in summary.landings:
                interval = number(landing.window.start), number(landing.window.end)
                assert landing.rows == len(model.objects[interval].rows)
                assert landing.replaced == sum(overlap(one, interval) for one in before)


def _visible(lake: dict[Interval, Content]) -> dict[Interval, Content]:
    """Leave out what a run killed between its put and its deletes left behind: the larger one is right."""
    return {
        one: content
        for one, content in lake.items()
        if not any(other != one and other[0] <= one[0] and one[1] <= other[1] for other in lake)
    }


def _killer(calls: int) -> Callable[[], None]:
    left = iter(range(calls))

    def count() -> None:
        if next(left, None) is None:
            raise Killed

    return count


@pytest.mark.contract("lake.longest-interval")
@settings(max_examples=SEQUENCES)
@given(st.lists(mortal_steps, min_size=2, max_size=5))
def test_a_killed_run_leaves_old_or_new_and_the_next_one_tidies_up(sequence: list[Step]) -> None:
    """Wherever runs are killed, each interval is as it was or new, and no left-over misleads a later run."""
    objects: dict[str, bytes] = {}
    model = ModelLake()
    truth: dict[Key, float | str | None] = {}
    for step in sequence:
        _change(truth, step)
        store = MemoryStore(before=_killer(step.calls))
        store.objects = objects
        before = dict(model.objects)
        expected = model.pull(truth, step.request)
        try:
            assert _run(FakeApi(samples(truth), page_size=2), store, step.request)[0] == expected
        except Killed:
            found = _visible(read(store))
            for interval, content in found.items():
                either = [lake[interval].rows for lake in (before, model.objects) if interval in lake]
                assert content.rows in either
            assert all(any(new[0] <= one[0] and one[1] <= new[1] for new in found) for one in before)
            model.objects = found
        assert {one: content.rows for one, content in _visible(read(store)).items()} == {
            one: content.rows for one, content in model.objects.items()
        }
