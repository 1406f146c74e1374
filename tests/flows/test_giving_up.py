"""A window that stays incomplete is pulled less and less often, then given up."""

from datetime import datetime

import pytest

from airflow_provider_evpl.flows.findings import Outcome
from tests.support.lake import (
    DAY,
    HOUR,
    MIDNIGHT,
    ONE_DAY,
    PULLED_AT,
    damaged,
    day,
    earlier,
    hours,
    kinds,
    lake_of,
    leave_over,
    look,
    outcomes,
    put,
)
from tests.support.stores import MemoryStore


@pytest.mark.contract("finding.empty", "coverage.age")
def test_incomplete_window_returns_when_its_age_has_doubled() -> None:
    """First pulled an hour after its end, it returns after about 1, 2, 4 and 8 days, and no more."""
    store = MemoryStore()
    [target] = lake_of(store).targets([hours(0, 12)])
    put(store, hours(0, 12), "", pulled_at=MIDNIGHT + 13 * HOUR)
    found, coverage = [], look(store, target.window)
    for night in range(1, 30):
        now = MIDNIGHT + night * ONE_DAY + 6 * HOUR
        coverage = look(store, target.window, give_up_after=7 * ONE_DAY, now=now)
        assert kinds(coverage) == [("empty", target.window)]
        if coverage.windows:
            found.append(night)
            put(store, target.window, "", pulled_at=now)
    assert found == [1, 2, 4, 8]
    assert coverage.findings[0].outcome is Outcome.GIVEN_UP
    assert coverage.as_dict()["given_up"] == 1
    assert "set give_up_after=None" in coverage.messages[0]


@pytest.mark.contract("coverage.age")
def test_window_that_is_never_pulled_is_given_up_at_twice_the_age() -> None:
    """A slice that is kept or refused keeps the time of its last pull."""
    store = MemoryStore()
    put(store, hours(0, 12), "", pulled_at=MIDNIGHT + 13 * HOUR)
    found = [
        night
        for night in range(1, 30)
        if look(
            store,
            hours(0, 12),
            give_up_after=7 * ONE_DAY,
            now=MIDNIGHT + night * ONE_DAY + 6 * HOUR,
        ).windows
    ]
    assert found == list(range(1, 15))


@pytest.mark.contract("finding.missing", "finding.overlap")
def test_missing_and_overlapping_windows_are_never_given_up() -> None:
    """They are returned whatever their age."""
    store = MemoryStore()
    leave_over(store, hours(3, 4))
    late = MIDNIGHT + 300 * ONE_DAY
    assert look(store, hours(0, 48), give_up_after=ONE_DAY, now=late).windows == [DAY, day(1)]


@pytest.mark.contract("coverage.give_up_after")
def test_nothing_is_given_up_without_a_limit() -> None:
    """None disables it: the window returns each night."""
    store = MemoryStore()
    put(store, hours(0, 12), "", pulled_at=PULLED_AT)
    late = MIDNIGHT + 300 * ONE_DAY
    assert look(store, hours(0, 12), now=late).windows == [hours(0, 12)]


@pytest.mark.contract("coverage.age")
def test_age_begins_with_a_late_first_pull() -> None:
    """The age of an old window that was backfilled counts from the backfill."""
    store = MemoryStore()
    pulled_at = MIDNIGHT + 100 * ONE_DAY
    put(store, hours(0, 12), "", pulled_at=pulled_at)
    for age, count in ((1, 1), (13, 1), (15, 0)):
        now = pulled_at + age * ONE_DAY
        assert len(look(store, hours(0, 12), give_up_after=7 * ONE_DAY, now=now).windows) == count


@pytest.mark.contract("coverage.age")
def test_waiting_window_is_reported() -> None:
    """Between two pulls its finding says that it waits, and it is not returned."""
    store = MemoryStore()
    put(store, hours(0, 12), "", pulled_at=MIDNIGHT + 13 * HOUR)
    put(store, hours(0, 12), "", pulled_at=MIDNIGHT + 4 * ONE_DAY)
    now = MIDNIGHT + 5 * ONE_DAY
    coverage = look(store, hours(0, 12), give_up_after=7 * ONE_DAY, now=now)
    assert outcomes(coverage) == [("empty", hours(0, 12), Outcome.WAITS)]
    assert coverage.windows == []
    assert "not pulled again yet" in coverage.messages[0]


@pytest.mark.parametrize(
    ("text", "begin"),
    [("2026-11-24T00:00:00Z", PULLED_AT), ("", MIDNIGHT + 12 * HOUR)],
    ids=["its pull", "its window"],
)
def test_object_of_an_earlier_version_has_an_age(text: str, begin: datetime) -> None:
    """The age counts from the pull time in its footer, else from the end of its window."""
    store = MemoryStore()
    put(store, hours(0, 12), "", pulled_at=PULLED_AT)
    [(path, data)] = store.objects.items()
    store.objects[path] = earlier(data, pulled_at=text)
    for age, count in ((13, 1), (15, 0)):
        now = begin + age * ONE_DAY
        assert len(look(store, hours(0, 12), give_up_after=7 * ONE_DAY, now=now).windows) == count


def test_pull_time_in_the_future_is_ignored() -> None:
    """The clock of the worker was ahead; the window is returned until its age from its end is reached."""
    store = MemoryStore()
    put(store, hours(0, 12), "", pulled_at=MIDNIGHT + 13 * HOUR)
    put(store, hours(0, 12), "", pulled_at=MIDNIGHT + 300 * ONE_DAY)
    for age, count in ((2, 1), (13, 1), (15, 0)):
        now = MIDNIGHT + 12 * HOUR + age * ONE_DAY
        assert len(look(store, hours(0, 12), give_up_after=7 * ONE_DAY, now=now).windows) == count


@pytest.mark.parametrize(
    ("age_at_last_pull", "age", "outcome"),
    [
        (0, 0, Outcome.RETURNED),
        (2, 4, Outcome.RETURNED),
        (2, 3, Outcome.WAITS),
        (3, 3, Outcome.WAITS),
        (7, 14, Outcome.RETURNED),
        (8, 9, Outcome.GIVEN_UP),
        (0, 14, Outcome.RETURNED),
        (0, 15, Outcome.GIVEN_UP),
    ],
)
def test_bounds_of_the_age_are_inclusive(age_at_last_pull: int, age: int, outcome: Outcome) -> None:
    """Exactly twice the age is due, and exactly `give_up_after` is not too late."""
    store = MemoryStore()
    for days in {0, age_at_last_pull}:
        put(store, hours(0, 12), "", pulled_at=MIDNIGHT + 12 * HOUR + days * ONE_DAY)
    now = MIDNIGHT + 12 * HOUR + age * ONE_DAY
    [finding] = look(store, hours(0, 12), give_up_after=7 * ONE_DAY, now=now).findings
    assert finding.outcome is outcome


def test_unreadable_object_is_given_up() -> None:
    """It is pulled again as long as any other incomplete window."""
    store = MemoryStore()
    put(store, hours(0, 12), "a", pulled_at=MIDNIGHT + 12 * HOUR)
    [(path, data)] = store.objects.items()
    store.objects[path] = damaged(data)
    now = MIDNIGHT + 30 * ONE_DAY
    [finding] = look(store, hours(0, 12), give_up_after=7 * ONE_DAY, now=now).findings
    assert (finding.kind, finding.outcome) == ("absent", Outcome.GIVEN_UP)
