"""Half-open UTC windows: where a run's window comes from, and its slices on the UTC grid."""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.fields import DURATION_UNITS, text_of, wrong

__all__ = [
    "DAY",
    "EPOCH",
    "Granularity",
    "RunTimes",
    "Window",
    "floor",
    "iso",
    "microseconds",
    "read_moment",
    "resolve_window",
]

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FRACTION = re.compile(r"[.,]\d*[1-9]", re.ASCII)
_GRANULARITY = re.compile(r"(\d{0,300})(ms|s|m|h|d|w|y)", re.ASCII)
# `m` and `y` have no length here: Orange's document calls `m` months [O]; whoever means minutes says 300s.
_GRANULARITY_UNITS = {"ms": timedelta(milliseconds=1), "w": timedelta(weeks=1), **DURATION_UNITS}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """All moments from `start` up to, not including, `end`: UTC, whole seconds, never empty.

    Raises:
        EvplConfigError: a bound has no zone or a fraction of a second, or the end isn't after the
            start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Bring the bounds to UTC and check them."""
        for name in ("start", "end"):
            bound = getattr(self, name)
            if bound.tzinfo is None or bound.microsecond:
                raise EvplConfigError(
                    f"window {name}: {bound.isoformat()} must have a zone and whole seconds"
                )
            object.__setattr__(self, name, _plain(bound))
        if self.end <= self.start:
            raise EvplConfigError(
                f"window: the end {iso(self.end)} must come after the start {iso(self.start)}"
            )

    def __str__(self) -> str:
        """Both bounds in ISO 8601, as an interval."""
        return f"{iso(self.start)}/{iso(self.end)}"

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start

    def overlaps(self, other: "Window") -> bool:
        """Whether a moment lies in both."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: "Window") -> bool:
        """Whether all of the other lies in this one."""
        return self.start <= other.start and other.end <= self.end

    def slices(self, length: timedelta) -> Iterator["Window"]:
        """Cut on the UTC grid of `length`, which divides a day; edges are shorter, none crosses midnight."""
        start = self.start
        while start < self.end:
            end = min(floor(start, length) + length, self.end)
            yield Window(start, end)
            start = end


@dataclass(frozen=True, slots=True)
class Granularity:
    """A step of the API's grid: `X?(ms|s|m|h|d|w|y)`, X > 0 [O]; `h` becomes `1h`, `0300s` `300s`.

    Raises:
        EvplConfigError: the text has another form.
    """

    text: str

    def __post_init__(self) -> None:
        """Normalise, and see that a length can be reckoned with."""
        try:
            number, unit = self._parts()
            object.__setattr__(self, "text", f"{number}{unit}")
            _ = self.step
        except (ValueError, OverflowError):
            must = "granularity: must be a number above 0 and one of ms, s, m, h, d, w, y, like 300s or 1h"
            raise wrong(must, self.text) from None

    def _parts(self) -> tuple[int, str]:
        match = _GRANULARITY.fullmatch(self.text)
        number = int(match[1] or 1) if match else 0
        if not match or not number:
            raise ValueError(self.text)
        return number, match[2]

    @property
    def step(self) -> timedelta | None:
        """Its length; None for `m` and `y`, which have no fixed one."""
        number, unit = self._parts()
        return number * _GRANULARITY_UNITS[unit] if unit in _GRANULARITY_UNITS else None

    def steps_in(self, window: Window) -> int | None:
        """Count the steps of a window, on the grid of the step since the epoch.

        Returns:
            None if the step has no fixed length, or if the window isn't made of whole steps.
        """
        if (step := self.step) is None or (window.start - EPOCH) % step or (window.end - EPOCH) % step:
            return None
        return window.length // step

    def last_step_in(self, window: Window) -> datetime:
        """Find the last multiple of the step since the epoch in a window.

        Raises:
            EvplConfigError: the window has none, or the step has no fixed length.
        """
        if self.step is None:
            raise EvplConfigError(
                f"granularity: {self.text} has no fixed length, so nobody knows where its last step begins; "
                "only ms, s, h, d and w have one"
            )
        last = floor(window.end - timedelta.resolution, self.step)
        if last < window.start:
            raise EvplConfigError(f"granularity: no step of {self.text} begins in the window {window}")
        return last


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


def iso(moment: datetime) -> str:
    """Write a UTC moment in ISO 8601, with `Z`."""
    return moment.isoformat().replace("+00:00", "Z")


def microseconds(length: timedelta) -> int:
    """Count the whole microseconds of a length of time: of `moment - EPOCH` those since the epoch."""
    return length // timedelta.resolution


def floor(moment: datetime, length: timedelta) -> datetime:
    """Go back to a multiple of a length since the epoch: the UTC grid, where it divides a day."""
    return moment - (moment - EPOCH) % length


def read_moment(value: object, field: str) -> datetime:
    """Read a moment since 1970: a datetime with a zone, ISO 8601 with one, or a bare date (midnight UTC).

    Raises:
        EvplConfigError: it has another form, no zone, or a fraction of a second other than zero.
    """
    text = text_of(value)
    moment = _parse_moment(text.strip()) if isinstance(text, str) else None
    if moment is None or moment.tzinfo is None or moment < EPOCH:
        raise wrong(
            f"{field}: must be a moment in whole seconds with a zone, like 2026-11-22T00:00:00Z, "
            "or a date, like 2026-11-22",
            text,
        )
    try:
        return _plain(moment)
    except OverflowError:
        raise wrong(f"{field}: lies outside of what dates can say", text) from None


def _plain(moment: datetime) -> datetime:
    """Bring a moment to UTC, and to the standard library's class: schedulers have their own."""
    return EPOCH + timedelta(seconds=math.floor(moment.timestamp()))


def _parse_moment(text: str) -> datetime | None:
    if _FRACTION.search(text):
        return None
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    return None


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
    end = floor(_plain(until), min(length, DAY))
    return Window(end - length, end)
