"""Runs at once on one lake, interleaved call by call."""

from functools import partial
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.errors import EvplRetryableError
from tests.support.fake_api import FakeApi
from tests.support.model import (
    KILL,
    SEQUENCES,
    Key,
    Killed,
    Request,
    choices,
    in_turns,
    overlap,
    pull_once,
    read,
    requests,
    samples,
    shown,
    truths,
)
from tests.support.stores import MemoryStore


def _tolerant(request: Request) -> Request:
    return request._replace(allow_empty=True)


@pytest.mark.contract("lake.runs-at-once")
@settings(max_examples=SEQUENCES)
@given(truths, st.lists(requests(), max_size=3), st.lists(requests(), min_size=2, max_size=3), choices)
def test_runs_at_once_in_any_order_lose_and_double_nothing(
    truth: dict[Key, float | None], before: list[Request], at_once: list[Request], order: list[int]
) -> None:
    """Runs interleaved call by call, some of them killed: nothing that has landed is ever out of sight.

    After a retry of those that did not end well every sample is there once.
    """
    store, api = MemoryStore(), FakeApi(samples(truth), page_size=3)
    for request in before:
        pull_once(api, _tolerant(request), store)
    runs = [partial(pull_once, api, _tolerant(request)) for request in at_once]
    landed = shown(store)
    looked_at = dict(store.objects)

    def look() -> None:
        nonlocal looked_at
        if store.objects != looked_at:
            looked_at = dict(store.objects)
            assert landed.items() <= shown(store).items() <= truth.items()

    outcomes = in_turns(runs, store.objects, iter(order), look)
    for run, outcome in zip(runs, outcomes, strict=True):
        assert outcome is None or isinstance(outcome, EvplRetryableError | Killed)
        if outcome is not None:
            run(store)
    lake = read(store)
    assert not any(overlap(one, other) for one, other in combinations(lake, 2))
    asked = [(one.start, one.end) for one in [*before, *at_once]]
    inside = {key: value for key, value in truth.items() if any(low <= key[1] < high for low, high in asked)}
    assert inside.items() <= shown(store).items()


@pytest.mark.contract("lake.runs-at-once")
@settings(max_examples=SEQUENCES // 4)
@given(truths, st.lists(requests(), max_size=2), requests(), st.integers(2, 3), choices)
def test_one_of_several_runs_on_the_same_interval_succeeds(
    truth: dict[Key, float | None], before: list[Request], asked: Request, count: int, order: list[int]
) -> None:
    """Runs on the same interval may disturb each other, but at least one of them succeeds."""
    store, api = MemoryStore(), FakeApi(samples(truth), page_size=3)
    for request in before:
        pull_once(api, _tolerant(request), store)
    runs = [partial(pull_once, api, _tolerant(asked))] * count
    alive = (choice for choice in order if choice != KILL)
    assert None in in_turns(runs, store.objects, alive, lambda: None)
