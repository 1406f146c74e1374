"""The trend of weekly percentiles, and the day on which it reaches the critical threshold. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_evpl.flows.figures.engine import load_extra

__all__ = ["MIN_WEEKS", "TREND_WEEKS", "Trend", "find_trend"]

TREND_WEEKS = 26
"""Full ISO weeks before the bound that a trend looks at, and weeks after it that a date may lie in."""

MIN_WEEKS = 13

_LARGEST = 1e15
"""A week with a larger percentile, infinity or NaN does not count, because its slopes may overflow."""

_CONFIDENCE = 0.99
"""Confidence of the interval of the slope. About 0.5 % of series without a trend have a lower end above 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The columns `trend_*` and `critical_on` of a row.

    Attributes:
        trend_per_week: the Theil-Sen slope, in the unit of the percentiles.
        trend_low, trend_high: the interval of the slope.
        trend_weeks: the number of weeks used.
        critical_on: the local date on which the line reaches the critical threshold.
        trend_reason: why there is no slope, or no date.
    """

    trend_weeks: int
    trend_per_week: float | None = None
    trend_low: float | None = None
    trend_high: float | None = None
    critical_on: date | None = None
    trend_reason: str | None = None


def find_trend(
    weeks: Sequence[tuple[int, float]], *, percentile: float, level: float, bound: datetime, zone: ZoneInfo
) -> Trend:
    """Find the slope of weekly percentiles, and the date on which the line reaches a level.

    Args:
        weeks: number and percentile of each week that counts. Number 0 is the first of the `TREND_WEEKS`
            full ISO weeks before `bound`. A percentile stands at the middle of its week.
        percentile: of the month; the month must be judged.
        level: the critical threshold, in the unit of the percentiles.
        bound: the end of the month, or the end of the newest landed slice if that is earlier.
        zone: the time zone of weeks and dates.

    Raises:
        EvplConfigError: scipy isn't installed.
    """
    weeks = [one for one in weeks if abs(one[1]) < _LARGEST]
    if len(weeks) < MIN_WEEKS:
        return Trend(
            trend_weeks=len(weeks), trend_reason=f"{len(weeks)} weeks are known, {MIN_WEEKS} are needed"
        )
    numbers, percentiles = zip(*weeks, strict=True)
    # The import takes a second.
    theil_sen = load_extra("scipy.stats").theilslopes
    slope, intercept, low, high = map(float, theil_sen(percentiles, numbers, alpha=_CONFIDENCE))
    per_week, lowest, highest = (round(one, 6) for one in (slope, low, high))
    trend = Trend(trend_weeks=len(weeks), trend_per_week=per_week, trend_low=lowest, trend_high=highest)
    if lowest <= 0:
        return replace(trend, trend_reason="no rising trend")
    if percentile >= level:
        return replace(trend, trend_reason="already above the critical threshold")
    clock = bound.astimezone(zone).replace(tzinfo=None)
    ahead = (level - intercept) / slope - _number_of(clock)
    if ahead <= 0:
        return replace(trend, trend_reason="the trend line is already above the critical threshold")
    if ahead > TREND_WEEKS:
        return replace(trend, trend_reason=f"the threshold is not reached within {TREND_WEEKS} weeks")
    return replace(trend, critical_on=(clock + timedelta(weeks=ahead)).date())


def _number_of(bound: datetime) -> float:
    """Return the bound, a local time, in weeks: the middle of week 0 is 0."""
    monday = datetime.combine(bound.date() - timedelta(days=bound.weekday()), time())
    return TREND_WEEKS + (bound - monday) / timedelta(weeks=1) - 0.5
