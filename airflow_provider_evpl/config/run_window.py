"""Finds the window of a run from the arguments and from what the scheduler says, never from the clock."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_evpl.config.readers import read_length, read_moment
from airflow_provider_evpl.errors import EvplConfigError, wrong
from airflow_provider_evpl.window import DAY, Window, floor, iso, to_utc

__all__ = ["RunTimes", "read_window", "resolve_window", "within_dates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """What the scheduler says of a run; None where it says nothing, as for a manual run of Airflow 3."""

    partition_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    logical_date: datetime | None = None

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> "RunTimes":
        """Take what a task's context has of them."""
        return cls(
            partition_date=context.get("partition_date"),
            data_interval_start=context.get("data_interval_start"),
            data_interval_end=context.get("data_interval_end"),
            logical_date=context.get("logical_date"),
        )


def resolve_window(
    *, start: datetime | None, end: datetime | None, length: timedelta | None, run: RunTimes
) -> Window:
    """Find a run's window, in the contract's order; never from the clock.

    Raises:
        EvplConfigError: nothing says which window to pull; the message says what to set.
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
    raise EvplConfigError(
        "window: this run has no data interval; set window_start and window_end, or window_length"
    )


def _explicit(start: datetime | None, end: datetime | None) -> Window:
    if start is None or end is None:
        raise EvplConfigError("window_start and window_end: set both or neither")
    if end <= start:
        raise EvplConfigError(f"window_end: {iso(end)} must come after window_start, {iso(start)}")
    return Window(start, end)


def _interval(start: datetime, end: datetime) -> Window:
    """A run by hand may have one that ends at the very moment it was asked for."""
    if start.microsecond or end.microsecond:
        raise EvplConfigError(
            f"window: this run's data interval {start.isoformat()}/{end.isoformat()} isn't in whole seconds; "
            "set window_start and window_end, or window_length"
        )
    return Window(start, end)


def _latest(run: RunTimes) -> datetime | None:
    """The interval's end; one without width is none: `airflow dags trigger` takes it from the clock."""
    if run.logical_date and run.data_interval_start == run.data_interval_end:
        return run.logical_date
    return run.data_interval_end or run.logical_date


def _last_full(length: timedelta, run: RunTimes) -> Window:
    until = _latest(run)
    if until is None:
        raise EvplConfigError(
            "window_length: this run has neither a data interval nor a logical date; "
            "set window_start and window_end"
        )
    end = floor(to_utc(until), min(length, DAY))
    return Window(end - length, end)


def read_window(given: Mapping[str, object], run: RunTimes) -> Window:
    """Find the window that `window_start`, `window_end`, `window_length` and the run mean.

    Raises:
        EvplConfigError: one of them is wrong, or nothing says which window is meant.
        OverflowError: it lies outside of what dates can say.
    """
    length = read_length(given, "window_length")
    if length is not None and DAY % length and length % DAY:
        raise wrong("window_length: must divide a day or be whole days", given["window_length"])
    start, end = _moment(given, "window_start"), _moment(given, "window_end")
    return resolve_window(start=start, end=end, length=length, run=run)


def _moment(given: Mapping[str, object], field: str) -> datetime | None:
    return read_moment(given[field], field) if field in given else None


@contextmanager
def within_dates() -> Iterator[None]:
    """Say in words what an overflow of dates means.

    Raises:
        EvplConfigError: in place of an OverflowError.
    """
    try:
        yield
    except OverflowError:
        raise EvplConfigError("window: lies outside of what dates can say") from None
