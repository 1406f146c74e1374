"""Which windows to tell of as they are published: those of the UTC grid, one after the other."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_evpl.arguments import (
    FIVE_MINUTES,
    given_arguments,
    read_code_ope,
    read_granularity,
    read_length,
    read_min_series,
)
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.fields import read_duration
from airflow_provider_evpl.wait_plan import WaitPlan
from airflow_provider_evpl.window import DAY, Granularity, Window, floor, iso

__all__ = ["WatchList", "WatchPlan"]

_log = logging.getLogger(__name__)


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


class WatchList:
    """The windows that are over and weren't told of; it begins with the newest one that is over.

    Args:
        plan: which windows there are.
        now: the time, with its zone.
    """

    def __init__(self, plan: WatchPlan, now: datetime) -> None:
        self._plan = plan
        self._until = self._newest_end(now) - plan.window_length
        self._open: list[Window] = []
        self._put_off: dict[Window, datetime] = {}
        self._failed: dict[Window, None] = {}  # in the order of the last failures

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those to tell of, the oldest first."""
        return tuple(self._open)

    def due(self, now: datetime) -> tuple[Window, ...]:
        """Return the windows to request now: the oldest first, then those whose last request failed.

        Among the failed windows the one that failed longest ago comes first, so each gets its turn.
        """
        ordered = [*(window for window in self._open if window not in self._failed), *self._failed]
        return tuple(window for window in ordered if self._put_off.get(window, now) <= now)

    def failed(self, window: Window) -> None:
        """Request this window after all others until it answers; `as_dict` doesn't write this down."""
        self.answered(window)
        self._failed = dict.fromkeys([*self._failed, window])

    def answered(self, window: Window) -> None:
        """Request this window in the order of age again."""
        self._failed.pop(window, None)

    def put_off(self, window: Window, until: datetime) -> None:
        """Leave one alone until then; it isn't written down."""
        self._put_off[window] = until

    def go_on(self, now: datetime) -> None:
        """Add what has become due, and pass over what is too old; the log says what."""
        newest_end = self._newest_end(now)
        oldest = self._newest_end(now - self._plan.lookback) - self._plan.window_length
        passed_over = [window for window in self._open if window.start < oldest]
        if self._until < oldest:
            passed_over.append(Window(self._until, oldest))
            self._until = oldest
        for window in passed_over:
            _log.warning("window %s: passed over, it wasn't published within the lookback", window)
        self._open = [window for window in self._open if window.start >= oldest]
        if self._until < newest_end:
            self._open += Window(self._until, newest_end).slices(self._plan.window_length)
            self._until = newest_end
        still_open = set(self._open)
        self._put_off = {window: until for window, until in self._put_off.items() if window in still_open}
        self._failed = dict.fromkeys(window for window in self._failed if window in still_open)

    def told(self, window: Window) -> None:
        """Take one off the list."""
        self._open.remove(window)
        self.answered(window)

    def as_dict(self) -> dict[str, Any]:
        """Write what is left to tell as JSON can."""
        return {"open": [iso(window.start) for window in self._open], "until": iso(self._until)}

    def resume(self, written: Mapping[str, Any]) -> None:
        """Go on from what `as_dict` wrote, of a plan with the same length.

        Raises:
            ValueError: it has another form, or is of a clock that was a day ahead; nothing is changed.
        """
        try:
            starts = [_moment(text) for text in written["open"]]
            until = _moment(written["until"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"of another form: {error!r}") from error
        if until > self._until + DAY:
            raise ValueError(f"{iso(until)} lies ahead")
        length = self._plan.window_length
        self._open, self._until = [Window(start, start + length) for start in starts], until

    def _newest_end(self, now: datetime) -> datetime:
        return floor(now - self._plan.settle, self._plan.window_length)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return moment
