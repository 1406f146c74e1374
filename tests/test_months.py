from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_evpl.months import Month, clock_hours, month_of, parse_month, weeks_before
from airflow_provider_evpl.window import Window

UTC_ZONE = ZoneInfo("UTC")
PARIS = ZoneInfo("Europe/Paris")
QUARTER = timedelta(minutes=15)


def test_month_has_neighbors() -> None:
    """A year ends between months."""
    december = parse_month("2026-12")
    assert str(december.next) == "2027-01"
    assert december.next.previous == december


@pytest.mark.parametrize("text", ["2026-1", "2026-11-01", "1969-12", "9999-12", "", "november"])
def test_other_text_is_no_month(text: str) -> None:
    """Only `2026-11` is a month."""
    with pytest.raises(ValueError, match=text or "^$"):
        parse_month(text)


def test_month_13_is_no_month() -> None:
    """The number of a month is 1 to 12."""
    with pytest.raises(ValueError, match="month must be in"):
        parse_month("2026-13")


@pytest.mark.contract("figure.month")
@pytest.mark.parametrize(
    ("month", "quarters_of_last_sunday"),
    [("2026-03", 92), ("2026-10", 100)],
)
def test_month_follows_daylight_saving(month: str, quarters_of_last_sunday: int) -> None:
    """A local day has 92 or 100 quarter-hours when the clocks change."""
    window = parse_month(month).window(PARIS)
    assert window.length // QUARTER == 30 * 96 + quarters_of_last_sunday
    assert month_of(window.start, PARIS) == parse_month(month)
    assert month_of(window.end, PARIS) == parse_month(month).next


def test_midnight_that_clocks_skip_is_the_moment_of_the_change() -> None:
    """In Beirut the clocks of 29 March 2026 went from 00:00 to 01:00."""
    beirut = ZoneInfo("Asia/Beirut")
    week = weeks_before(datetime(2026, 3, 30, tzinfo=UTC), beirut, 1)[0]
    assert week.length == timedelta(days=7) - timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "length"),
    [("UTC", 60), ("Europe/Paris", 60), ("Asia/Kathmandu", 15), ("Australia/Lord_Howe", 15)],
)
def test_clock_hours_lie_in_one_local_hour(zone: str, length: int) -> None:
    """Each bucket begins and ends in the same local hour."""
    window = parse_month("2026-04").window(ZoneInfo(zone))
    bucket, hours = clock_hours(window, ZoneInfo(zone))
    assert bucket == timedelta(minutes=length)
    assert hours[0].start <= window.start
    assert hours[-1].start + bucket >= window.end
    for start, weekday, hour in hours:
        last = (start + bucket - timedelta.resolution).astimezone(ZoneInfo(zone))
        assert (last.weekday(), last.hour) == (weekday, hour)


def test_weeks_are_full_and_end_at_or_before_the_bound() -> None:
    """A week that isn't over is left out."""
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    last = Window(monday - timedelta(weeks=1), monday)
    assert weeks_before(monday, UTC_ZONE, 26)[-1] == last
    assert weeks_before(monday + timedelta(days=6), UTC_ZONE, 1) == [last]
    assert len(weeks_before(monday, UTC_ZONE, 26)) == 26


def test_months_are_in_the_order_of_time() -> None:
    """Months can be compared."""
    assert Month(date(2025, 12, 1)) < Month(date(2026, 1, 1))
