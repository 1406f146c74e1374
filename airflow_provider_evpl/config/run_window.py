"""Finds the window of a run from its arguments and from the times of the scheduler, never from the clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_evpl.config.readers import read_moment
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.window import DAY, Window, floor, iso, to_utc

__all__ = ["RunTimes", "resolve_window"]

_SET_A_WINDOW = "Set window_start and window_end, or window_length."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """The times that the scheduler gives to a run. Each may be None: a manual run of Airflow 3 has none."""

    partition_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    logical_date: datetime | None = None

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> "RunTimes":
        """Take the times from the context of a task."""
        return cls(
            partition_date=context.get("partition_date"),
            data_interval_start=context.get("data_interval_start"),
            data_interval_end=context.get("data_interval_end"),
            logical_date=context.get("logical_date"),
        )


def resolve_window(
    *, start: datetime | None, end: datetime | None, length: timedelta | None, run: RunTimes
) -> Window:
    """Find the window of a run. The first of these that is given counts, in the order of the contract.

    Raises:
        EvplConfigError: the window is in none of them; the message says what to set.
    """
    if start is not None or end is not None:
        return _explicit(start, end)
    if run.partition_date is not None:
        start = read_moment(run.partition_date, "partition_date")
        return Window(start, start + (length or DAY))
    if length is not None:
        return _last_full(length, run)
    if run.data_interval_start and run.data_interval_end and run.data_interval_end > run.data_interval_start:
        return _interval(run.data_interval_start, run.data_interval_end)
    raise EvplConfigError("window: this run has no data interval.", _SET_A_WINDOW)


def _explicit(start: datetime | None, end: datetime | None) -> Window:
    if start is None or end is None:
        raise EvplConfigError("window_start and window_end: set both or neither.")
    if end <= start:
        bounds = [iso(end), iso(start)]
        raise EvplConfigError(
            "window_end: must come after window_start.",
            detail=f"They are {' and '.join(bounds)}.",
            shown=bounds,
        )
    return Window(start, end)


def _interval(start: datetime, end: datetime) -> Window:
    """The interval of a manual run may end at the time of the trigger, with a fraction of a second."""
    if start.microsecond or end.microsecond:
        raise EvplConfigError(
            "window: this run's data interval is not in whole seconds.",
            _SET_A_WINDOW,
            f"The interval is {start.isoformat()}/{end.isoformat()}.",
        )
    return Window(start, end)


def _latest(run: RunTimes) -> datetime | None:
    """Return the end of the interval. An empty interval does not count: `airflow dags trigger` makes one."""
    if run.logical_date and run.data_interval_start == run.data_interval_end:
        return run.logical_date
    return run.data_interval_end or run.logical_date


def _last_full(length: timedelta, run: RunTimes) -> Window:
    until = _latest(run)
    if until is None:
        raise EvplConfigError(
            "window_length: this run has neither a data interval nor a logical date.",
            "Set window_start and window_end.",
        )
    end = floor(to_utc(until), min(length, DAY))
    return Window(end - length, end)
