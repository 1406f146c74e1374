"""Which windows to tell of as they are published: those of the UTC grid, one after the other."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_evpl.config.plans import WatchPlan
from airflow_provider_evpl.window import DAY, Window, floor, iso

__all__ = ["WatchList"]

_log = logging.getLogger(__name__)


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

    def mark_published(self, window: Window) -> None:
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
