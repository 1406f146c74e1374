"""Looks over a lake in memory, and what lands there before."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from airflow_provider_evpl.flows.coverage import find_gaps
from airflow_provider_evpl.flows.findings import Coverage, Outcome
from airflow_provider_evpl.window import Window
from tests.lake.build import PULLED_AT, hourly, hours
from tests.lake.memory import MemoryStore
from tests.lake.runs import DAY, lake_of, land, objects_of, run

HOURLY_OF_288 = 24 / 288
"""What the helpers land of a day at five minutes: a sample an hour."""

ONE_DAY = timedelta(days=1)


def look(
    store: MemoryStore,
    window: Window = DAY,
    *,
    min_coverage: float = HOURLY_OF_288,
    give_up_after: timedelta | None = None,
    now: datetime = PULLED_AT,
) -> Coverage:
    """Look over a store."""
    return find_gaps(
        objects_of(store), window, min_coverage=min_coverage, give_up_after=give_up_after, now=now
    )


def put(
    store: MemoryStore,
    window: Window,
    circuits: Iterable[str] = "ab",
    *,
    value: float | None = 1.0,
    pulled_at: datetime = PULLED_AT,
) -> None:
    """Land a slice of some circuits, and replace all objects that overlap it."""
    [target] = lake_of(store).targets([window])
    land(lake_of(store), target, hourly(target.window, value, circuits=circuits, pulled_at=pulled_at))


def day(number: int) -> Window:
    """Give a UTC day, counted from MIDNIGHT."""
    return hours(24 * number, 24 * number + 24)


def kinds(coverage: Coverage) -> list[tuple[str, Window]]:
    """Of each finding its kind and window."""
    return [(one.kind, one.window) for one in coverage.findings]


def outcomes(coverage: Coverage) -> list[tuple[str, Window, Outcome]]:
    """Of each finding its kind and window, and what happens to it."""
    return [(one.kind, one.window, one.outcome) for one in coverage.findings]


def leave_over(store: MemoryStore, *windows: Window) -> None:
    """Land some hours, then their day, and bring the hours back, as a killed run leaves them."""
    run(store, *windows)
    leftover = dict(store.objects)
    run(store, DAY)
    store.objects |= leftover
