"""Calendar months, clock hours and ISO weeks of a time zone, as UTC windows. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from airflow_provider_evpl.window import EPOCH, Window, floor

__all__ = [
    "ClockHour",
    "Month",
    "clock_hours",
    "local_midnight",
    "month_of",
    "name_days",
    "parse_month",
    "weeks_before",
]

_HOUR = timedelta(hours=1)
# Since 1972 all offsets from UTC are multiples of a quarter of an hour.
_QUARTER = timedelta(minutes=15)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month.

    Attributes:
        first: the first day.
    """

    first: date

    def __str__(self) -> str:
        """Return the month as in paths and arguments: `2026-11`."""
        return f"{self.first:%Y-%m}"

    @property
    def next(self) -> "Month":
        """The following month."""
        return Month((self.first + timedelta(days=31)).replace(day=1))

    @property
    def previous(self) -> "Month":
        """The month before."""
        return Month((self.first - timedelta(days=1)).replace(day=1))

    def window(self, zone: ZoneInfo) -> Window:
        """Return the window from the local midnight of the first day to that of the next month."""
        return Window(local_midnight(self.first, zone), local_midnight(self.next.first, zone))


class ClockHour(NamedTuple):
    """A bucket of time within one clock hour of a time zone.

    Attributes:
        start: of the bucket, UTC.
        weekday: local, 0 is Monday.
        hour: local, 0 to 23.
    """

    start: datetime
    weekday: int
    hour: int


def parse_month(text: str) -> Month:
    """Read a month from 1970 to 9998, as `2026-11`; raise ValueError if the text has another form."""
    match = _MONTH.fullmatch(text)
    if not match or not EPOCH.year <= int(match[1]) < MAXYEAR:
        raise ValueError(text)
    return Month(date(int(match[1]), int(match[2]), 1))


def month_of(moment: datetime, zone: ZoneInfo) -> Month:
    """Return the month that holds a moment."""
    return Month(moment.astimezone(zone).date().replace(day=1))


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the beginning of a local day in UTC. If clocks skip midnight, it is the moment of the change."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def clock_hours(window: Window, zone: ZoneInfo) -> tuple[timedelta, list[ClockHour]]:
    """Cut a window into buckets that each lie in one clock hour.

    Returns:
        The length of all buckets: an hour, or a quarter of an hour if an offset isn't whole hours; and the
        buckets, on the UTC grid of this length. Bounds of the window that aren't on the grid are widened.
    """
    length = _HOUR if _has_whole_hours(window, zone) else _QUARTER
    starts = _starts(window, length)
    local = ((start, start.astimezone(zone)) for start in starts)
    return length, [ClockHour(start, clock.weekday(), clock.hour) for start, clock in local]


def _has_whole_hours(window: Window, zone: ZoneInfo) -> bool:
    return all(not _offset(start, zone) % _HOUR for start in _starts(window, _HOUR))


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _starts(window: Window, length: timedelta) -> Iterator[datetime]:
    start = floor(window.start, length)
    while start < window.end:
        yield start
        start += length


def weeks_before(bound: datetime, zone: ZoneInfo, count: int) -> list[Window]:
    """Return the last ISO weeks that end at or before a moment, in order of time.

    Weeks start at the local midnight of a Monday.
    """
    day = bound.astimezone(zone).date()
    monday = day - timedelta(days=day.weekday())
    mondays = [monday - timedelta(weeks=back) for back in range(count, -1, -1)]
    starts = [local_midnight(one, zone) for one in mondays]
    return [Window(start, end) for start, end in pairwise(starts)]


def name_days(days: Iterable[date]) -> list[str]:
    """Join days in order that follow one another: `2026-11-03 to 2026-11-05`."""
    runs: list[list[date]] = []
    for day in days:
        if not runs or day != runs[-1][-1] + timedelta(days=1):
            runs.append([])
        runs[-1].append(day)
    return [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
