"""What a task does: the arguments of the operator, the sensor and the event trigger, read and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_evpl.config.readers import (
    FIVE_MINUTES,
    given_arguments,
    read_boolean,
    read_choice,
    read_code_ope,
    read_duration,
    read_granularity,
    read_length,
    read_min_series,
    read_number,
)
from airflow_provider_evpl.config.run_window import RunTimes, read_window, within_dates
from airflow_provider_evpl.errors import EvplConfigError, EvplNotPublishedError, wrong
from airflow_provider_evpl.window import DAY, Granularity, Window, iso

__all__ = ["LONGEST_WAIT", "PullPlan", "WaitPlan", "WatchPlan"]

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


LONGEST_WAIT = timedelta(days=1)
"""Where the API says how long to wait, nobody waits longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPlan:
    """Which window to wait for, and when it counts as published.

    Attributes:
        code_ope: the operator code, an opaque string.
        window: may lie ahead of the clock.
        granularity: has a step that begins in the window.
        min_series: so many series must have their last sample of the window.
        due: before that nothing is asked: the window's end and some time to settle.
    """

    code_ope: str
    window: Window
    granularity: Granularity
    min_series: int
    due: datetime

    @classmethod
    def from_arguments(
        cls, arguments: Mapping[str, object], *, run: RunTimes, default_code_ope: str | None
    ) -> "WaitPlan":
        """Read the sensor's arguments by name, as given or rendered.

        Absent, None, the text `None` and blank text are "not given".

        Raises:
            EvplConfigError: an argument is missing or wrong; the message names it.
        """
        given = {"granularity": FIVE_MINUTES.text, "settle": "0s"} | given_arguments(arguments)
        granularity = read_granularity(given["granularity"], "granularity")
        settle = read_duration(given["settle"], "settle")
        with within_dates():
            window = read_window(given, run)
            granularity.last_step_in(window)
            return cls(
                code_ope=read_code_ope(given, default_code_ope),
                window=window,
                granularity=granularity,
                min_series=read_min_series(given),
                due=window.end + settle,
            )

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "WaitPlan":
        """Read what `as_dict` wrote."""
        return cls(
            code_ope=written["code_ope"],
            window=Window(
                datetime.fromisoformat(written["window_start"]),
                datetime.fromisoformat(written["window_end"]),
            ),
            granularity=Granularity(written["granularity"]),
            min_series=written["min_series"],
            due=datetime.fromisoformat(written["due"]),
        )

    def as_dict(self) -> dict[str, str | int]:
        """Write it as JSON can."""
        return {
            "code_ope": self.code_ope,
            "granularity": self.granularity.text,
            "window_start": iso(self.window.start),
            "window_end": iso(self.window.end),
            "min_series": self.min_series,
            "due": iso(self.due),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlan:
    """Which windows to watch, and when one counts as published.

    Attributes:
        code_ope: the operator code, an opaque string; None where only the connection says.
        window_length: of each; divides a day.
        granularity: has a step that begins in each.
        min_series: so many series must have their last sample of a window.
        settle: for so long after its end a window is left alone.
        lookback: for so long after that it is asked for, then it is passed over.
    """

    code_ope: str | None
    window_length: timedelta
    granularity: Granularity
    min_series: int
    settle: timedelta
    lookback: timedelta

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, object]) -> "WatchPlan":
        """Read the trigger's arguments by name; None and blank text are "not given".

        Raises:
            EvplConfigError: an argument is missing or wrong; the message names it.
        """
        given = {
            "granularity": FIVE_MINUTES.text,
            "settle": "0s",
            "lookback": "7d",
            **given_arguments(arguments),
        }
        length = read_length(given, "window_length")
        if length is None or DAY % length:
            raise EvplConfigError(f"window_length: must be set, to what divides a day; is {length}")
        granularity = read_granularity(given["granularity"], "granularity")
        if granularity.step is None or granularity.step > length:
            raise EvplConfigError(
                f"granularity: a step of {granularity.text} doesn't begin in each window of {length}"
            )
        return cls(
            code_ope=read_code_ope(given, None) if "code_ope" in given else None,
            window_length=length,
            granularity=granularity,
            min_series=read_min_series(given),
            settle=read_duration(given["settle"], "settle"),
            lookback=read_duration(given["lookback"], "lookback"),
        )

    def wait_for(self, window: Window, *, default_code_ope: str | None) -> WaitPlan:
        """Make the plan to wait for one of the windows.

        Raises:
            EvplConfigError: there is no operator code, neither here nor by default.
        """
        return WaitPlan(
            code_ope=read_code_ope(given_arguments({"code_ope": self.code_ope}), default_code_ope),
            window=window,
            granularity=self.granularity,
            min_series=self.min_series,
            due=window.end + self.settle,
        )
