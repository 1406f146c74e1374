"""Keeps the list of windows that an event trigger still has to announce."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_evpl.config.plans import WatchPlan
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.window import DAY, Window, floor, iso

__all__ = ["WatchList"]

_log = logging.getLogger(__name__)


class WatchList:
    """The windows of the UTC grid that have ended and are not known to be published.

    The list begins with the newest window that has ended.
    """

    def __init__(self, plan: WatchPlan, now: datetime) -> None:
        self._plan = plan
        self._until = self._newest_end(now) - plan.window_length
        self._open: list[Window] = []
        self._postponed: dict[Window, datetime] = {}
        self._failed: dict[Window, None] = {}  # in the order of the last failures

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the list, the oldest first."""
        return tuple(self._open)

    def due(self, now: datetime) -> tuple[Window, ...]:
        """Return the windows to request now: the oldest first, then those whose last request failed.

        Among the failed windows the one that failed longest ago comes first, so that each gets its turn.
        """
        ordered = [*(window for window in self._open if window not in self._failed), *self._failed]
        return tuple(window for window in ordered if self._postponed.get(window, now) <= now)

    def mark_failed(self, window: Window) -> None:
        """Request this window after all others until it is answered; `as_dict` leaves this out."""
        self.mark_answered(window)
        self._failed = dict.fromkeys([*self._failed, window])

    def mark_answered(self, window: Window) -> None:
        """Request this window in the order of age again."""
        self._failed.pop(window, None)

    def mark_published(self, window: Window) -> None:
        """Remove a window from the list."""
        self._open.remove(window)
        self.mark_answered(window)

    def postpone(self, window: Window, until: datetime) -> None:
        """Don't request this window before that time; `as_dict` leaves this out."""
        self._postponed[window] = until

    def update(self, now: datetime) -> None:
        """Add the windows that have ended, and drop those that are too old with a warning."""
        newest_end = self._newest_end(now)
        oldest = self._newest_end(now - self._plan.lookback) - self._plan.window_length
        dropped = [window for window in self._open if window.start < oldest]
        if self._until < oldest:
            dropped.append(Window(self._until, oldest))
            self._until = oldest
        for window in dropped:
            _log.warning("window %s: dropped, it was not published within the lookback", window.label)
        self._open = [window for window in self._open if window.start >= oldest]
        if self._until < newest_end:
            self._open += Window(self._until, newest_end).slices(self._plan.window_length)
            self._until = newest_end
        still_open = set(self._open)
        self._postponed = {one: until for one, until in self._postponed.items() if one in still_open}
        self._failed = dict.fromkeys(window for window in self._failed if window in still_open)

    def as_dict(self) -> dict[str, Any]:
        """Return the list as JSON can hold it, for `resume`."""
        return {"open": [iso(window.start) for window in self._open], "until": iso(self._until)}

    def resume(self, written: Mapping[str, Any]) -> None:
        """Restore a list from what `as_dict` returned. Both plans must have the same window length.

        Raises:
            ValueError: the form is wrong, or the clock that wrote it was more than a day ahead. The list
                stays as it was.
        """
        length = self._plan.window_length
        try:
            starts = map(datetime.fromisoformat, written["open"])
            windows = [Window(start, start + length) for start in starts]
            until = datetime.fromisoformat(written["until"])
            is_ahead = until > self._until + DAY
        except (KeyError, TypeError, EvplConfigError) as error:
            raise ValueError(f"the form is wrong: {error!r}") from error
        if is_ahead:
            raise ValueError(f"{iso(until)} lies ahead")
        self._open, self._until = windows, until

    def _newest_end(self, now: datetime) -> datetime:
        return floor(now - self._plan.settle, self._plan.window_length)
