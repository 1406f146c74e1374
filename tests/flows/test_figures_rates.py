"""Mbit/s of series: one rate, changing rates, and times without a rate."""

import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_evpl.flows.figures.rates import add_mbits
from tests.support.figures_source import START, hourly, inventory_of, series_of, source_of

MIDDLE = datetime(2026, 11, 15, tzinfo=UTC)
DATES = "valid_from,valid_to"
MBITS = ("percentile_mbits", "mean_mbits", "maximum_mbits", "minimum_mbits", "mbits_reason")


def mbits(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return the figures in Mbit/s, and the reason why there are none."""
    return tuple(row.get(name) for name in MBITS)


def expect(values: list[float]) -> tuple[Any, ...]:
    """Compute the figures a second time."""
    ordered = sorted(values)
    percentile = ordered[math.ceil(0.95 * len(values)) - 1]
    figures = (percentile, math.fsum(values) / len(values), ordered[-1], ordered[0])
    return (*(round(one, 6) for one in figures), None)


def test_one_rate_multiplies_the_figures_without_reading_samples() -> None:
    """The rows get label and rate of the inventory. Two periods with one rate are one rate."""
    with source_of({series_of("a"): hourly(lambda hour: hour % 77 / 3)}, full_scale=50) as source:
        calls = len(source.store.calls)
        inventory = inventory_of("a,40,old,,2026-11-15", "a,40,new,2026-11-15,", columns=f"label,{DATES}")
        assert add_mbits(source.samples, source.rows, inventory, source.scope) == []
        assert len(source.store.calls) == calls
        [row] = source.rows
        assert (row["label"], row["committed_mbits"]) == ("new", 40)
        figures = [row["percentile"], row["exact_mean"], row["maximum"], row["minimum"]]
        assert mbits(row) == (*(round(one / 50 * 40, 6) for one in figures), None)


@pytest.mark.contract("figure.mbits")
def test_changing_rate_counts_from_its_moment() -> None:
    """Each value is multiplied with the rate at its time. The row has the rate at the end of the month."""
    values = hourly(lambda hour: hour % 101 / 7 if hour % 10 else None)
    with source_of({series_of("a"): values, series_of("b"): hourly(1)}) as source:
        inventory = inventory_of("a,10,,2026-11-15", "a,0.3,2026-11-15,2027-01-01", "b,5,,", columns=DATES)
        assert add_mbits(source.samples, source.rows, inventory, source.scope) == []
        changing, constant = source.rows
    found = [
        value / 100 * (10 if moment < MIDDLE else 0.3)
        for moment, value in values.items()
        if value is not None
    ]
    assert mbits(changing) == pytest.approx(expect(found), abs=1e-6)
    assert changing["committed_mbits"] == 0.3
    assert mbits(constant) == (0.05, 0.05, 0.05, 0.05, None)


def test_changing_rates_of_many_samples_are_read_in_parts() -> None:
    """A query reads about 20 million rows. Each part has the figures of its series."""
    samples = {series_of(name): hourly(lambda hour: hour % 30) for name in "abc"}
    with source_of(samples) as source:
        for row in source.rows:
            row["samples"] = 15_000_000
        lines = [f"{name},{rate}" for name in "abc" for rate in ("10,,2026-11-15", "20,2026-11-15,")]
        add_mbits(source.samples, source.rows, inventory_of(*lines, columns=DATES), source.scope)
    found = [hour % 30 / 100 * (10 if hour < 14 * 24 else 20) for hour in range(30 * 24)]
    assert [mbits(row) for row in source.rows] == [pytest.approx(expect(found), abs=1e-6)] * 3


@pytest.mark.contract("figure.mbits")
@pytest.mark.parametrize(
    ("lines", "dates"),
    [
        (["a,10,2026-11-15,"], "2026-11-01 to 2026-11-14"),
        (["a,10,,2026-11-15"], "2026-11-15 to 2026-11-30"),
        (["a,10,,2026-11-15", "a,10,2026-11-20,"], "2026-11-15 to 2026-11-19"),
        (["a,10,2027-01-01,"], "2026-11-01 to 2026-11-30"),
    ],
)
def test_values_without_a_rate_leave_out_all_four_figures(lines: list[str], dates: str) -> None:
    """The reason names the local dates of the first and the last of these values."""
    start = datetime(2026, 11, 1, tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)
    with source_of({series_of("a"): hourly(1, start)}, time_zone="Europe/Paris") as source:
        inventory = inventory_of(*lines, columns=DATES, zone="Europe/Paris")
        add_mbits(source.samples, source.rows, inventory, source.scope)
        assert mbits(source.rows[0]) == (None, None, None, None, f"no committed rate for {dates}")


def test_rate_may_begin_with_the_samples_of_a_new_circuit() -> None:
    """Times without values need no rate."""
    with source_of({series_of("a"): hourly(50, MIDDLE)}, min_coverage=0) as source:
        inventory = inventory_of("a,10,2026-11-15,", columns=DATES)
        add_mbits(source.samples, source.rows, inventory, source.scope)
        assert mbits(source.rows[0]) == (5, 5, 5, 5, None)


def test_samples_without_a_value_need_no_rate() -> None:
    """All values lie in the second half of the month."""
    samples = hourly(None, START, MIDDLE) | hourly(50, MIDDLE)
    with source_of({series_of("a"): samples}, min_coverage=0) as source:
        inventory = inventory_of("a,10,2026-11-15,", columns=DATES)
        add_mbits(source.samples, source.rows, inventory, source.scope)
        assert mbits(source.rows[0]) == (5, 5, 5, 5, None)


@pytest.mark.parametrize(
    "lines", [["a,10,,"], ["a,10,,2026-11-03", "a,10,2026-11-03,2026-11-04", "a,20,2026-11-04,"]]
)
def test_series_that_is_not_judged_has_only_maximum_and_minimum(lines: list[str]) -> None:
    """Too few values make neither percentile nor mean."""
    with source_of({series_of("a"): hourly(lambda hour: hour, START, MIDDLE)}) as source:
        add_mbits(source.samples, source.rows, inventory_of(*lines, columns=DATES), source.scope)
        highest = 33.5 if len(lines) == 1 else 67
        assert mbits(source.rows[0]) == (None, None, highest, 0, None)
        assert source.rows[0]["committed_mbits"] == (10 if len(lines) == 1 else 20)


def test_series_without_values_has_no_figure_and_no_reason() -> None:
    """The column `reason` has the reason already."""
    with source_of({series_of("a"): hourly(None)}) as source:
        add_mbits(source.samples, source.rows, inventory_of("a,10,A,g"), source.scope)
        assert mbits(source.rows[0]) == (None,) * 5


def test_circuit_without_a_row_is_noted() -> None:
    """Neither label nor rate is known. The rate of another month is none at the end of this one."""
    with source_of({series_of("a"): hourly(1), series_of("b"): hourly(1)}) as source:
        inventory = inventory_of("b,10,,2026-11-02", columns=DATES)
        notes = add_mbits(source.samples, source.rows, inventory, source.scope)
        assert notes == ["Circuits in the lake, but not in the inventory: 1 (a)."]
        assert mbits(source.rows[0]) == (None, None, None, None, "not in the inventory")
        assert [row["committed_mbits"] for row in source.rows] == [None, None]
        assert [row["label"] for row in source.rows] == [None, None]
