"""Sums of groups: which circuits and steps count, and the figures of the sums."""

import math
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_evpl.flows.figures.groups import group_rows
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.models import Series
from tests.support.figures_source import (
    END,
    HOUR,
    START,
    Samples,
    hourly,
    inventory_of,
    series_of,
    source_of,
)

MIDDLE = datetime(2026, 11, 15, tzinfo=UTC)
DATES = "end,group,valid_from,valid_to"
STEPS = ("full_steps", "partial_steps", "dropped_steps", "expected", "coverage", "samples")


def groups(
    samples: Mapping[Series, Samples],
    inventory: Inventory,
    *,
    end: datetime = END,
    vanished: Collection[str] = (),
    **arguments: object,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Compute the rows of groups, by group and direction."""
    circuits = {one.object_instance_id for one in samples} | {*vanished}
    with source_of(samples, end=end, **arguments) as source:
        rows = group_rows(source.samples, source.rows, inventory, source.scope, circuits)
    return {(row["group"], row["direction"]): row for row in rows}


def both(circuit: str, samples: Samples, section: str = "A") -> dict[Series, Samples]:
    """Both directions of an end."""
    return {series_of(circuit, direction, section): samples for direction in ("In", "Out")}


def steps(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the counts of steps."""
    return tuple(row.get(name) for name in STEPS)


@pytest.mark.contract("figure.groups")
def test_mbits_are_summed_per_step_before_the_percentile() -> None:
    """The peaks of the two circuits never meet. The end B of the circuits doesn't count."""
    early = hourly(lambda hour: 80 if hour % 24 < 12 else 10)
    late = hourly(lambda hour: 10 if hour % 24 < 12 else 70 + hour / 1000)
    samples = {
        series_of("a", "In"): early,
        series_of("a", "Out"): hourly(1),
        series_of("b", "In"): late,
        series_of("b", "Out"): hourly(2),
        **both("a", hourly(99), "B"),
    }
    found = groups(samples, inventory_of("a,100,A,north", "b,50,A,north", "c,9,A,north"))
    sums = [80 + 5 if hour % 24 < 12 else 10 + (70 + hour / 1000) / 2 for hour in range(720)]
    assert found["north", "in"] == {
        "kind": "group",
        "code_ope": "0042",
        "month_start": START,
        "time_zone": "UTC",
        "group": "north",
        "direction": "in",
        "samples": 1440,
        "null_values": 0,
        "expected": 720,
        "coverage": 1,
        "reason": None,
        "committed_mbits": 150,
        "full_steps": 720,
        "partial_steps": 0,
        "dropped_steps": 0,
        "percentile_mbits": 85,
        "mean_mbits": round(math.fsum(sums) / 720, 6),
        "maximum_mbits": 85,
        "maximum_at": START,
        "minimum_mbits": min(sums),
        "busy_hour": 0,
        "above_warning": 0,
        "above_critical": 0,
        "trend_weeks": 4,
        "trend_per_week": None,
        "trend_low": None,
        "trend_high": None,
        "critical_on": None,
        "trend_reason": "4 weeks are known, 13 are needed",
    }
    assert (found["north", "out"]["percentile_mbits"], len(found)) == (2, 2)


@pytest.mark.contract("figure.groups")
def test_step_counts_if_95_percent_of_the_committed_rate_have_a_value() -> None:
    """Circuit a has 95, b 5 of 100 Mbit/s. Without b a step is partial, without a it is dropped."""
    samples = {
        series_of("a"): hourly(lambda hour: None if hour < 3 else 50),
        series_of("b"): hourly(lambda hour: None if 2 <= hour < 12 else 100, START, END - 2 * HOUR),
    }
    row = groups(samples, inventory_of("a,95,A,g", "b,5,A,g"))["g", "in"]
    assert steps(row) == (720 - 3 - 9 - 2, 9 + 2, 3, 720, round(717 / 720, 6), 717 + 708)
    assert (row["maximum_mbits"], row["minimum_mbits"]) == (52.5, 47.5)


def test_shares_of_equal_rates_are_exact() -> None:
    """19 of 20 equal rates are 95 percent, whatever doubles make of 33.3."""
    samples = {series_of(f"{number:02}"): hourly(70) for number in range(19)}
    samples[series_of("19")] = hourly(None)
    inventory = inventory_of(*(f"{number:02},33.3,A,g" for number in range(20)))
    row = groups(samples, inventory)["g", "in"]
    assert steps(row)[:3] == (0, 720, 0)
    assert row["percentile_mbits"] == float(Decimal("23.31") * 19)


def test_threshold_counts_only_sums_above_it() -> None:
    """Sums of exactly 70 percent of the committed rate are not above it, whatever doubles make of 23.31."""
    samples = {
        series_of("a"): hourly(lambda hour: 70.001 if hour < 72 else 70),
        series_of("b"): hourly(70),
        series_of("c"): hourly(lambda hour: 140 if hour < 36 else 70),
    }
    row = groups(samples, inventory_of(*(f"{name},33.3,A,g" for name in "abc")), critical=93)["g", "in"]
    assert (row["above_warning"], row["above_critical"]) == (0.1, 0.05)


def test_sums_do_not_depend_on_the_order_of_circuits() -> None:
    """A sum is that of decimals: 0.1 + 0.2 + 0.3 is 0.6, and a large value doesn't hide a small one."""
    values = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 1e15, "e": -1e15}
    sums = []
    for names in ("abcde", "dbeca"):
        samples = {series_of(new): hourly(values[old]) for old, new in zip(names, "vwxyz", strict=True)}
        row = groups(samples, inventory_of(*(f"{name},100,A,g" for name in "vwxyz")))["g", "in"]
        sums.append((row["percentile_mbits"], row["mean_mbits"], row["minimum_mbits"]))
    assert sums == [(0.6, 0.6, 0.6)] * 2


def test_value_without_a_possible_rate_counts_as_none() -> None:
    """10^18 Mbit/s don't fit into the sum."""
    samples = {series_of("a"): hourly(lambda hour: 1e18 if hour == 5 else 50), series_of("b"): hourly(50)}
    row = groups(samples, inventory_of("a,100,A,g", "b,100,A,g"))["g", "in"]
    assert (row["dropped_steps"], row["maximum_mbits"]) == (1, 100)


def test_samples_off_the_grid_count_for_their_step() -> None:
    """The largest value of a step counts, once. A step that begins before the month isn't part of it."""
    late: dict[datetime, float | None]
    late = {moment + HOUR / 4: 60.0 if moment < MIDDLE else 40.0 for moment in hourly(0)}
    samples = {series_of("a"): hourly(50) | late, series_of("b"): late}
    row = groups(samples, inventory_of("a,100,A,g", "b,100,A,g"))["g", "in"]
    assert steps(row) == (720, 0, 0, 720, 1, 1440)
    assert (row["maximum_mbits"], row["minimum_mbits"]) == (120, 90)
    noon = {datetime(2026, 10, day, 12, tzinfo=UTC) + timedelta(days=31): 50.0 for day in range(1, 31)}
    month = groups(
        {series_of("a"): noon}, inventory_of("a,100,A,g"), granularity="1d", time_zone="America/New_York"
    )
    assert steps(month["g", "in"])[:4] == (29, 0, 0, 29)


def test_committed_rates_count_from_their_moment() -> None:
    """Circuit a doubles its rate, b joins, and c leaves the group. Nothing is committed in the first week."""
    samples = {series_of(name): hourly(50) for name in "abc"}
    inventory = inventory_of(
        "a,100,A,g,2026-06-08,2026-06-15",
        "a,100,A,g,2026-11-08,2026-11-15",
        "a,200,A,g,2026-11-15,",
        "b,10,A,g,2026-11-20,2027-01-01",
        "c,40,A,g,2026-11-08,2026-11-20",
        "c,40,A,,2026-11-20,",
        columns=DATES,
    )
    row = groups(samples, inventory)["g", "in"]
    weeks, days = 7 * 24, 24
    assert steps(row) == (23 * days, 0, 0, 23 * days, 1, 2 * 23 * days)
    assert row["committed_mbits"] == 210
    assert (row["minimum_mbits"], row["maximum_mbits"], row["maximum_at"]) == (70, 120, MIDDLE)
    assert row["mean_mbits"] == round((70 * weeks + 120 * 5 * days + 105 * 11 * days) / (23 * days), 6)


def test_group_without_circuits_in_the_month_has_no_row() -> None:
    """Neither past nor later members make a row, nor unknown circuits."""
    inventory = inventory_of(
        "a,1,A,past,,2026-11-01", "a,1,A,later,2026-12-01,", "b,1,A,unknown,,", columns=DATES
    )
    assert groups({series_of("a"): hourly(1)}, inventory) == {}


@pytest.mark.contract("figure.groups")
def test_vanished_circuit_keeps_its_share_of_the_group() -> None:
    """The rate of a circuit that has no series in the month any more is still committed."""
    samples = both("a", hourly(50))
    inventory = inventory_of("a,96,A,large", "b,4,A,large", "a2,1,A,gone")
    found = groups(samples, inventory, vanished=["b", "a2"])
    assert steps(found["large", "in"])[:4] == (0, 720, 0, 720)
    assert found["large", "in"]["committed_mbits"] == 100
    assert steps(found["gone", "out"])[:4] == (0, 0, 720, 720)
    assert found["gone", "out"]["reason"] == "no value"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("b,10,,g", "circuit b: the inventory names no end"),
        ("b,10,Z,g", "circuit b: no end has the name Z"),
        ("b,10,Paris,g", "circuit b: several ends have the name Paris"),
        ("b,10,B,g", "circuit b: several series in direction in at the end B"),
        ("b,10,C,g", "circuit b: no series in direction in at the end C"),
    ],
)
def test_group_without_a_clear_end_has_a_reason(line: str, reason: str) -> None:
    """Another group is not affected."""
    samples = {
        **both("a", hourly(50)),
        **both("b", hourly(50)),
        **both("b", hourly(50), "B"),
        series_of("b", "Ingress", "B"): hourly(50),
        series_of("b", "Out", "C"): hourly(50),
    }
    found = groups(samples, inventory_of("a,10,A,f", "a2,10,A,g", line))
    row = found["g", "in"]
    assert row["reason"] == reason
    assert (row["samples"], row.get("expected"), row.get("maximum_mbits")) == (0, None, None)
    assert found["f", "in"]["percentile_mbits"] == found["f", "out"]["percentile_mbits"] == 5
    assert (found["g", "out"]["reason"] is None) == ("direction" in reason)


def test_end_may_be_named_by_its_place() -> None:
    """The inventory has the value of `pop_section_name` or of `pop_name`."""
    samples = {series_of("a", name="Lyon", section=None): hourly(50), series_of("a", section="A"): hourly(1)}
    assert groups(samples, inventory_of("a,10,Lyon,g"))["g", "in"]["percentile_mbits"] == 5


def test_group_with_too_few_steps_is_not_judged() -> None:
    """Maximum, minimum and counts stay."""
    row = groups({series_of("a"): hourly(50, MIDDLE)}, inventory_of("a,10,A,g"))["g", "in"]
    assert row["reason"] == "coverage 0.533 is below 0.9"
    assert (row["maximum_mbits"], row["maximum_at"], row["minimum_mbits"]) == (5, MIDDLE, 5)
    assert steps(row)[:4] == (384, 0, 336, 720)
    assert "percentile_mbits" not in row


def test_group_without_values_has_only_counts() -> None:
    """All steps are dropped."""
    row = groups({series_of("a"): hourly(None)}, inventory_of("a,10,A,g"))["g", "in"]
    assert (row["reason"], row["maximum_mbits"], row["maximum_at"]) == ("no value", None, None)
    assert steps(row) == (0, 0, 720, 720, 0, 0)


def test_granularity_without_a_length_gives_no_sums() -> None:
    """A month is no step of a grid."""
    row = groups({series_of("a"): hourly(1)}, inventory_of("a,10,A,g"), granularity="1m")["g", "in"]
    assert row["reason"] == "granularity 1m has no fixed length"


def test_steps_after_the_newest_slice_are_not_expected() -> None:
    """The month has landed up to its middle. Its level is that of this moment."""
    inventory = inventory_of("a,10,A,g,,2026-11-20", "a,20,A,g,2026-11-20,", columns=DATES)
    row = groups({series_of("a"): hourly(50, START, MIDDLE)}, inventory, end=MIDDLE)["g", "in"]
    assert steps(row) == (336, 0, 0, 336, 1, 336)
    assert row["committed_mbits"] == 10


def test_busy_hour_is_local_and_the_earliest_of_equal_ones() -> None:
    """Between 5 and 7 o'clock UTC the sums are highest. Sums of days have no busy hour."""
    samples = {series_of("a"): hourly(lambda hour: 50 if hour % 24 in (5, 6) else 1)}
    inventory = inventory_of("a,10,A,g")
    assert groups(samples, inventory, time_zone="Europe/Paris")["g", "in"]["busy_hour"] == 6
    days = {moment: 1.0 for moment in hourly(1) if moment.hour == 0}
    assert groups({series_of("a"): days}, inventory, granularity="1d")["g", "in"]["busy_hour"] is None


def test_trend_has_the_date_on_which_a_group_gets_critical() -> None:
    """Over 20 weeks the sum of two circuits rises by 1 Mbit/s a week, up to 70 of 100 Mbit/s."""
    monday = datetime(2026, 11, 30, tzinfo=UTC)
    start = monday - timedelta(weeks=20)
    rising = {
        moment: 70.0 - (monday - moment - HOUR) // timedelta(weeks=1) for moment in hourly(0, start, END)
    }
    inventory = inventory_of("a,60,A,g", "b,40,A,g")
    row = groups({series_of("a"): rising, series_of("b"): rising}, inventory)["g", "in"]
    assert (row["trend_weeks"], row["trend_per_week"], row["trend_reason"]) == (20, 1, None)
    # The middle of the last week is Thursday, 26 November.
    assert row["critical_on"] == date(2026, 11, 26) + timedelta(weeks=20)


def test_weeks_with_too_few_steps_do_not_count_for_the_trend() -> None:
    """The second circuit has no end before 1 October, so its value is missing until then."""
    start = datetime(2026, 8, 3, tzinfo=UTC)
    samples = {series_of(name): hourly(50, start) for name in "ab"}
    inventory = inventory_of("a,50,A,g,,", "b,50,,g,,2026-10-01", "b,50,A,g,2026-10-01,", columns=DATES)
    row = groups(samples, inventory)["g", "in"]
    assert (row["reason"], row["full_steps"], row["trend_weeks"]) == (None, 720, 8)


def test_trend_needs_a_committed_rate_at_the_end_of_the_month() -> None:
    """The group ends on 29 November."""
    inventory = inventory_of("a,50,A,g,,2026-11-29", columns=DATES)
    row = groups({series_of("a"): hourly(50)}, inventory)["g", "in"]
    assert (row["committed_mbits"], row["percentile_mbits"], row["full_steps"]) == (None, 25, 28 * 24)
    assert (row["trend_weeks"], row["trend_reason"]) == (3, "no committed rate at the end of the month")
