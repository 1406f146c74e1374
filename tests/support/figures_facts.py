"""What lakes of random samples hold, and the formulas of their figures, written a second time."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from scipy.stats import theilslopes

__all__ = [
    "END",
    "NAMES",
    "TREND",
    "Facts",
    "Moment",
    "Rate",
    "Row",
    "Terms",
    "Weekly",
    "count_steps_before",
    "exact",
    "find_direction",
    "find_extremes",
    "find_start",
    "find_trend",
    "mean",
    "percentile",
]

NAMES = ["object_instance_id", "metric_name", "pop_country", "pop_name", "pop_section_name", "object_type"]
END = ["object_instance_id", "object_type", "pop_country", "pop_name", "pop_section_name"]
WEEKS = 26
DAY = pd.Timedelta(days=1)

Row = dict[str, Any]
Moment = Any
Weekly = list[tuple[int, float]]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What landed.

    Attributes:
        step: of the granularity.
        slices: start and end of each object that counts, by operator code.
        rows: columns `code_ope`, NAMES, `timestamp` and `value`, of these objects.
    """

    step: pd.Timedelta
    slices: Mapping[str, Sequence[tuple[datetime, datetime]]]
    rows: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A row of the inventory. Bounds are UTC moments; None is open."""

    circuit: str
    mbits: float
    end: str | None = None
    group: str | None = None
    label: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def is_valid(self, moment: Moment) -> bool:
        """Return whether the rate is valid at a moment."""
        return (self.valid_from is None or self.valid_from <= moment) and (
            self.valid_to is None or moment < self.valid_to
        )


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The arguments."""

    time_zone: str = "UTC"
    min_coverage: float = 0.9
    warning: float = 70.0
    critical: float = 90.0
    full_scale: float = 100.0
    directions: Mapping[str, str] = field(default_factory=dict)
    inventory: Sequence[Rate] | None = None


TREND = ("trend_per_week", "trend_low", "trend_high", "trend_weeks", "critical_on", "trend_reason")


def find_start(day: date, zone: str) -> Moment:
    """Find the first moment of a local day, by trial."""
    middle = pd.Timestamp(day, tz="UTC")
    moments = pd.date_range(middle - DAY, middle + DAY, freq="15min")
    return next(one for one in moments if one.tz_convert(ZoneInfo(zone)).date() >= day)


def find_trend(weeks: Weekly, value: float | None, *, level: float, bound: Moment, first: Moment) -> Row:
    """Find the columns of the trend.

    Args:
        weeks: number and percentile of each week that counts.
        value: percentile of the month; None if it isn't judged.
        level: the critical threshold.
        bound: the end of the last full month or of what has landed, by the local clock.
        first: the beginning of week 0, by the local clock.
    """
    trend = dict.fromkeys(TREND)
    if value is None:
        return trend
    trend["trend_weeks"] = len(weeks)
    if len(weeks) < 13:
        return trend | {"trend_reason": f"{len(weeks)} weeks are known, 13 are needed"}
    numbers, percentiles = zip(*weeks, strict=True)
    slope, intercept, low, high = theilslopes(percentiles, numbers, alpha=0.99)
    trend |= {"trend_per_week": round(slope, 6), "trend_low": round(low, 6), "trend_high": round(high, 6)}
    reason, day = None, None
    if low <= 0:
        reason = "no rising trend"
    elif value >= level:
        reason = "already above the critical threshold"
    else:
        # A percentile stands at the middle of its week.
        week = pd.Timedelta(weeks=1)
        at = first + week * ((level - intercept) / slope + 0.5)
        if at <= bound:
            reason = "the trend line is already above the critical threshold"
        elif at > bound + WEEKS * week:
            reason = "the threshold is not reached within 26 weeks"
        else:
            day = at.date()
    return trend | {"trend_reason": reason, "critical_on": day}


def percentile(values: "pd.Series[float]") -> float:
    """Return the value at rank ceil(0.95 n), by integers."""
    return float(sorted(values)[-(-19 * len(values) // 20) - 1])


def find_direction(metric_name: str, directions: Mapping[str, str]) -> str | None:
    """Find the direction that the last word of a name says."""
    if metric_name in directions:
        return None if directions[metric_name] == "none" else directions[metric_name]
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", metric_name)
    last = words[-1].lower() if words else ""
    return {"in": "in", "ingress": "in", "out": "out", "egress": "out"}.get(last)


def exact(number: float) -> Fraction:
    """Return a number as it is written."""
    return Fraction(repr(float(number)))


def mean(values: Iterable[float]) -> float:
    """Return the mean, rounded to 6 digits."""
    values = list(values)
    return round(math.fsum(values) / len(values), 6)


def find_extremes(values: pd.DataFrame) -> Row:
    """Return the highest value, when it came first, and the lowest value."""
    if values.empty:
        return {"maximum": None, "maximum_at": None, "minimum": None}
    highest = values.value.max()
    return {
        "maximum": float(highest),
        "maximum_at": values.timestamp[values.value == highest].min(),
        "minimum": float(values.value.min()),
    }


def count_steps_before(moment: Moment, step: pd.Timedelta) -> int:
    """Count the multiples of a step since the epoch that come before a moment."""
    count: int = -(-moment.value // step.value)
    return count
