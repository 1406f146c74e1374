"""What one run pulls: the operator's arguments, read and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_evpl.arguments import (
    FIVE_MINUTES,
    given_arguments,
    read_code_ope,
    read_granularity,
    read_length,
    read_window,
    within_dates,
)
from airflow_provider_evpl.errors import EvplNotPublishedError
from airflow_provider_evpl.fields import read_boolean, read_choice, read_duration, read_number, wrong
from airflow_provider_evpl.window import DAY, Granularity, RunTimes, Window, iso

__all__ = ["PullPlan"]

_CLOCK_SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPlan:
    """What to pull and what may replace what.

    Attributes:
        code_ope: the operator code, an opaque string.
        window: what to pull, lookback included.
        lookback: how much of the window comes before the run's own window; in whole slices.
        slice_length: the unit of replacement; divides a day.
        allow_empty: may a window without a single sample land.
        on_shrink: `fail`, `keep` or `replace`, for a slice that would erase landed samples.
        max_rejected_fraction: 0 to 1, of a slice's samples or entries.
        min_coverage: 0 to 1: the share of a slice's steps in which each expected series must have a value;
            None: any share will do. Slices of the lookback are not checked.
    """

    code_ope: str
    window: Window
    slice_length: timedelta
    lookback: timedelta = timedelta()
    granularity: Granularity = FIVE_MINUTES
    allow_empty: bool = False
    on_shrink: str = "fail"
    max_rejected_fraction: float = 0.01
    min_coverage: float | None = None

    @property
    def own_window(self) -> Window:
        """The window without its lookback."""
        return Window(self.window.start + self.lookback, self.window.end)

    @classmethod
    def from_arguments(
        cls,
        arguments: Mapping[str, object],
        *,
        run: RunTimes,
        default_code_ope: str | None,
        now: datetime,
    ) -> "PullPlan":
        """Read the operator's arguments by name, as given or rendered.

        Absent, None, the text `None` and blank text are "not given".

        Raises:
            EvplConfigError: an argument is missing or wrong; the message names it.
            EvplNotPublishedError: the window ends more than 60 s after `now`.
        """
        given = given_arguments(arguments)
        window, slice_length, lookback = _window(given, run)
        if window.end > now + _CLOCK_SKEW:
            raise EvplNotPublishedError(
                f"window {window}: its end lies ahead of the clock ({iso(now.replace(microsecond=0))}); "
                "run again after that moment; if it has passed already, check the worker's clock"
            )
        values: dict[str, Any] = {
            name: read(given[name], name) for name, read in _READERS.items() if name in given
        }
        code_ope = read_code_ope(given, default_code_ope)
        return cls(code_ope=code_ope, window=window, slice_length=slice_length, lookback=lookback, **values)


_READERS: dict[str, Callable[[object, str], object]] = {
    "granularity": read_granularity,
    "allow_empty": read_boolean,
    "on_shrink": lambda value, name: read_choice(value, name, ("fail", "keep", "replace")),
    "max_rejected_fraction": lambda value, name: read_number(value, name, (0, 1)),
    "min_coverage": lambda value, name: read_number(value, name, (0, 1)),
}


def _window(given: Mapping[str, object], run: RunTimes) -> tuple[Window, timedelta, timedelta]:
    asked = _lookback(given)
    with within_dates():
        window = read_window(given, run)
        slice_length = _slice_length(given, window)
        lookback = -(-asked // slice_length) * slice_length
        return Window(window.start - lookback, window.end), slice_length, lookback


def _slice_length(given: Mapping[str, object], window: Window) -> timedelta:
    length = read_length(given, "slice_length")
    if length is None:
        return DAY if DAY % window.length else window.length
    if DAY % length:
        raise wrong("slice_length: must divide a day", given["slice_length"])
    return length


def _lookback(given: Mapping[str, object]) -> timedelta:
    return read_duration(given["lookback"], "lookback") if "lookback" in given else timedelta()
