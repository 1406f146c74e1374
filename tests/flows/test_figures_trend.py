"""The slope of weekly percentiles, and the date on which it reaches the critical threshold."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from airflow_provider_evpl.flows.figures.trend import Trend, find_trend

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
"""Week 25 ends here."""


def trend_of(
    weeks: list[tuple[int, float]],
    *,
    percentile: float = 50,
    level: float = 90,
    bound: datetime = MONDAY,
    zone: str = "UTC",
) -> Trend:
    """Find the trend of weeks; the other arguments have values that allow a date."""
    return find_trend(weeks, percentile=percentile, level=level, bound=bound, zone=ZoneInfo(zone))


def line(slope: float, last: float, weeks: range = range(26)) -> list[tuple[int, float]]:
    """Weekly percentiles on a line that ends at `last`."""
    return [(number, last + slope * (number - 25)) for number in weeks]


def test_rising_line_has_slope_interval_and_date() -> None:
    """The line reaches 90 exactly 10 weeks after the middle of week 25, which is Thursday, 26 November."""
    trend = trend_of(line(2, 70))
    assert trend == Trend(
        trend_weeks=26, trend_per_week=2, trend_low=2, trend_high=2, critical_on=date(2027, 2, 4)
    )


def test_interval_holds_the_slope_of_noisy_weeks() -> None:
    """The interval of a rising series with noise is above 0, and not a point."""
    noise = np.random.default_rng(1).normal(0, 1, 26)
    trend = trend_of([(number, 40 + number + float(noise[number])) for number in range(26)])
    assert trend.trend_per_week is not None
    assert trend.trend_low is not None
    assert trend.trend_high is not None
    assert 0.5 < trend.trend_low < trend.trend_per_week < trend.trend_high < 1.5
    assert trend.trend_per_week == round(trend.trend_per_week, 6)


@pytest.mark.parametrize(
    ("bound", "zone", "expected"),
    [
        (datetime(2026, 12, 1, tzinfo=UTC), "UTC", date(2027, 2, 4)),
        (datetime(2026, 12, 6, 23, tzinfo=UTC), "UTC", date(2027, 2, 4)),
        (datetime(2026, 11, 30, 5, tzinfo=UTC), "America/New_York", date(2027, 2, 4)),
        # There, week 25 is still going on.
        (datetime(2026, 11, 30, 4, tzinfo=UTC), "America/New_York", date(2027, 1, 28)),
    ],
)
def test_weeks_are_counted_from_the_bound_in_its_time_zone(
    bound: datetime, zone: str, expected: date
) -> None:
    """The bound may lie anywhere in the week after week 25."""
    assert trend_of(line(2, 70), bound=bound, zone=zone).critical_on == expected


def test_missing_weeks_do_not_shift_the_line() -> None:
    """The numbers of the weeks count, not their positions."""
    trend = trend_of([one for one in line(2, 70) if one[0] % 2])
    assert (trend.trend_weeks, trend.trend_per_week) == (13, 2)
    assert trend.critical_on == date(2027, 2, 4)


@pytest.mark.contract("figure.trend")
def test_fewer_than_13_weeks_give_no_trend() -> None:
    """With 12 weeks there is no slope."""
    assert trend_of(line(2, 70, range(12))) == Trend(
        trend_weeks=12, trend_reason="12 weeks are known, 13 are needed"
    )


@pytest.mark.contract("figure.critical-on")
@pytest.mark.parametrize(
    ("weeks", "percentile", "reason"),
    [
        (line(0, 50), 50, "no rising trend"),
        (line(-2, 50), 50, "no rising trend"),
        # The slope is above 0, but rounds to 0.
        (line(1e-7, 89.999_999_9), 89, "no rising trend"),
        (line(2, 70), 90, "already above the critical threshold"),
        (line(2, 95), 89, "the trend line is already above the critical threshold"),
        (line(0.5, 70), 70, "the threshold is not reached within 26 weeks"),
    ],
)
def test_date_is_missing_with_a_reason(
    weeks: list[tuple[int, float]], percentile: float, reason: str
) -> None:
    """The slope and its interval are given, but no date."""
    trend = trend_of(weeks, percentile=percentile)
    assert (trend.critical_on, trend.trend_reason) == (None, reason)
    assert trend.trend_per_week == pytest.approx((weeks[1][1] - weeks[0][1]), abs=1e-6)


@pytest.mark.contract("figure.critical-on")
def test_date_lies_within_26_weeks_after_the_bound() -> None:
    """The last possible date is that of 26 weeks after the bound."""
    last = 90 - 26.49
    assert trend_of(line(1, last)).critical_on == (MONDAY + timedelta(weeks=26)).date() - timedelta(days=1)
    assert trend_of(line(1, last - 0.02)).trend_reason == "the threshold is not reached within 26 weeks"


@pytest.mark.parametrize(
    ("count", "deviation", "deviations_below"),
    [(26, 0.1, 0), (26, 2, 0.5), (26, 10, 1), (13, 2, 0), (13, 10, 0.5)],
)
def test_trendless_noise_gives_a_date_in_under_one_percent_of_1000_series(
    count: int, deviation: float, deviations_below: float
) -> None:
    """The mean of the weeks is so near to the threshold that a false trend reaches it."""
    mean = 90 - deviations_below * deviation
    noise = np.random.default_rng(3).normal(mean, deviation, (1000, count))
    trends = [trend_of(list(enumerate(one.tolist(), 26 - count)), percentile=mean - 0.01) for one in noise]
    assert sum(one.critical_on is not None for one in trends) < 10
    assert sum(one.trend_low is not None and one.trend_low > 0 for one in trends) > 0
