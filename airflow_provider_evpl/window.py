"""Half-open UTC windows, their slices on the UTC grid, and the steps of a granularity."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from airflow_provider_evpl.errors import EvplConfigError, wrong

__all__ = [
    "DAY",
    "DURATION_UNITS",
    "EPOCH",
    "Granularity",
    "Window",
    "floor",
    "iso",
    "microseconds",
    "to_utc",
]


DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DURATION_UNITS = {"s": timedelta(seconds=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

_GRANULARITY = re.compile(r"(\d{0,300})(ms|s|m|h|d|w|y)", re.ASCII)
# `m` and `y` have no fixed length: `m` means months in Orange's document [O]. For minutes, write 300s.
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
        """Convert the bounds to UTC and check them."""
        for name in ("start", "end"):
            bound = getattr(self, name)
            if bound.tzinfo is None or bound.microsecond:
                raise EvplConfigError(
                    f"window {name}: {bound.isoformat()} must have a zone and whole seconds."
                )
            object.__setattr__(self, name, to_utc(bound))
        if self.end <= self.start:
            raise EvplConfigError(
                f"window: the end {iso(self.end)} must come after the start {iso(self.start)}."
            )

    def __str__(self) -> str:
        """Return both bounds in ISO 8601, as an interval."""
        return f"{iso(self.start)}/{iso(self.end)}"

    @property
    def label(self) -> str:
        """The window in a message: `2026-11-22` for a UTC day, `2026-11-22T10:00/11:00Z` for a part of it."""
        if self.start.time() == time() and self.length == DAY:
            return f"{self.start:%Y-%m-%d}"
        if floor(self.start, DAY) == floor(self.end, DAY):
            return f"{self.start:%Y-%m-%dT}{_clock(self.start)}/{_clock(self.end)}Z"
        return str(self)

    @property
    def length(self) -> timedelta:
        """The time from start to end."""
        return self.end - self.start

    def overlaps(self, other: "Window") -> bool:
        """Return whether both windows have a moment in common."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: "Window") -> bool:
        """Return whether the other window is completely inside this window."""
        return self.start <= other.start and other.end <= self.end

    def slices(self, length: timedelta) -> Iterator["Window"]:
        """Cut the window on the UTC grid of `length`, which divides a day. Edge slices may be shorter."""
        start = self.start
        while start < self.end:
            end = min(floor(start, length) + length, self.end)
            yield Window(start, end)
            start = end


@dataclass(frozen=True, slots=True)
class Granularity:
    """The step between two samples: `X?(ms|s|m|h|d|w|y)`, X > 0 [O]. `h` becomes `1h`, and `0300s` `300s`.

    Raises:
        EvplConfigError: the text has another form.
    """

    text: str

    def __post_init__(self) -> None:
        """Normalize the text, and check that its length can be calculated with."""
        try:
            number, unit = self._parts()
            object.__setattr__(self, "text", f"{number}{unit}")
            _ = self.step
        except (ValueError, OverflowError):
            raise wrong(
                "granularity: must be like 300s or 1h",
                self.text,
                "Write a number and one of ms, s, m, h, d, w, y; m means months.",
            ) from None

    def _parts(self) -> tuple[int, str]:
        match = _GRANULARITY.fullmatch(self.text)
        number = int(match[1] or 1) if match else 0
        if not match or not number:
            raise ValueError(self.text)
        return number, match[2]

    @property
    def step(self) -> timedelta | None:
        """The length; None for `m` and `y`, which have no fixed length."""
        number, unit = self._parts()
        return number * _GRANULARITY_UNITS[unit] if unit in _GRANULARITY_UNITS else None

    def steps_in(self, window: Window) -> int | None:
        """Return the number of steps of a window, on the grid of the step since the epoch.

        Returns:
            None if the step has no fixed length, or if the window is not made of whole steps.
        """
        if (step := self.step) is None or (window.start - EPOCH) % step or (window.end - EPOCH) % step:
            return None
        return window.length // step

    def last_step_in(self, window: Window) -> datetime:
        """Return the start of the last step that begins in a window.

        Raises:
            EvplConfigError: no step begins in the window, or the step has no fixed length.
        """
        if self.step is None:
            raise EvplConfigError(
                f"granularity: {self.text} has no fixed length, so the last step of a window is unknown.",
                "Use a granularity in ms, s, h, d or w.",
                shown=[self.text],
            )
        last = floor(window.end - timedelta.resolution, self.step)
        if last < window.start:
            raise EvplConfigError(
                f"granularity: no step of {self.text} begins in the window {window.label}.",
                shown=[self.text, window.label],
            )
        return last


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M}" if moment.second == 0 else f"{moment:%H:%M:%S}"


def iso(moment: datetime) -> str:
    """Return a UTC moment in ISO 8601, with `Z`."""
    return moment.isoformat().replace("+00:00", "Z")


def microseconds(length: timedelta) -> int:
    """Return the whole microseconds of a duration. `moment - EPOCH` gives those since the epoch."""
    return length // timedelta.resolution


def floor(moment: datetime, length: timedelta) -> datetime:
    """Round a moment down to a multiple of a length since the epoch: the UTC grid, if it divides a day."""
    return moment - (moment - EPOCH) % length


def to_utc(moment: datetime) -> datetime:
    """Convert a moment to UTC, and to the standard library's class: schedulers have classes of their own."""
    return EPOCH + timedelta(seconds=math.floor(moment.timestamp()))
