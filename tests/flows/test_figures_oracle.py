"""Every figure of random lakes equals an independent computation with pandas."""

import os
from collections.abc import Iterable
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_evpl.config.figures_plan import FiguresPlan
from airflow_provider_evpl.errors import EvplNotPublishedError
from airflow_provider_evpl.flows.figures.figures import compute_month
from airflow_provider_evpl.flows.figures.inventory import Inventory, read_inventory
from airflow_provider_evpl.flows.figures.schema import FIGURES_SCHEMA
from airflow_provider_evpl.months import Month
from airflow_provider_evpl.window import Granularity
from tests.support.figures_facts import Row
from tests.support.figures_lakes import RandomLake, as_csv, make_lake, make_long_lake
from tests.support.figures_oracle import compute_figures

LAKES: Final = int(os.environ.get("EVPL_LAKES", "20"))
"""How many are compared; `make laws` sets more."""

OF_THE_LAKE = {"percentile", "percentile_in", "percentile_out", "maximum", "minimum"}
"""Values that landed. The others are rounded to 6 digits; the last digit may differ by one."""


@pytest.mark.contract(
    "figure.rows",
    "figure.direction",
    "figure.percentile",
    "figure.rounding",
    "figure.busy-hour",
    "figure.expected",
    "figure.not-judged",
    "figure.mbits",
    "figure.groups",
)
@pytest.mark.parametrize("seed", range(LAKES))
def test_every_figure_equals_that_of_pandas(seed: int) -> None:
    """Lakes of some days: ties, nulls, gaps, clock changes, groups, rates that change."""
    check(make_lake(seed))


@pytest.mark.contract("figure.trend")
@pytest.mark.parametrize("seed", [1, 2, 4, 5])
def test_every_trend_equals_that_of_pandas(seed: int) -> None:
    """Lakes of half a year."""
    check(make_long_lake(seed))


def check(lake: RandomLake) -> None:
    """Compare every column of every row."""
    expected = {key(row): row for row in compute_figures(lake.facts, lake.terms, *lake.month)}
    found = {key(row): row for row in compute(lake)}
    assert sorted(found, key=str) == sorted(expected, key=str)
    differences = [
        f"{key}: {name}: {found[key][name]!r}, pandas {expected[key][name]!r}"
        for key in expected
        for name in FIGURES_SCHEMA.names
        if not is_equal(name, found[key][name], expected[key][name])
    ]
    assert not differences, "\n".join(differences[:20])


def key(row: Row) -> tuple[object, ...]:
    """Return what identifies a row."""
    names = (
        "object_instance_id",
        "metric_name",
        "pop_country",
        "pop_name",
        "pop_section_name",
        "object_type",
    )
    way = row["direction"] if row["kind"] == "group" else None
    return row["code_ope"], row["kind"], row["group"] if way else None, *(row[name] for name in names), way


def compute(lake: RandomLake) -> Iterable[Row]:
    """Compute the month of all codes with the flow."""
    terms, zone = lake.terms, ZoneInfo(lake.terms.time_zone)
    plan = FiguresPlan(
        granularity=Granularity(lake.granularity),
        time_zone=zone,
        min_coverage=terms.min_coverage,
        warning=terms.warning,
        critical=terms.critical,
        full_scale=terms.full_scale,
        directions=terms.directions,
    )
    inventory = read(lake, zone)
    for code in lake.facts.slices:
        try:
            month = compute_month(lake.store, plan, Month(date(*lake.month, 1)), code, inventory=inventory)
        except EvplNotPublishedError:
            # Pandas has no rows of this code, too.
            continue
        assert month.table.schema == FIGURES_SCHEMA
        yield from month.table.to_pylist()


def read(lake: RandomLake, zone: ZoneInfo) -> Inventory | None:
    """Read the inventory from its text."""
    rates = lake.terms.inventory
    return None if rates is None else read_inventory(as_csv(rates, zone.key), "inventory.csv", zone)


def is_equal(name: str, found: object, expected: object) -> bool:
    """Compare one column of one row."""
    if isinstance(found, float) and isinstance(expected, float) and name not in OF_THE_LAKE:
        return abs(found - expected) <= 1.001e-6
    if name == "reason" and str(expected).startswith("circuit"):
        # A group without a figure names the circuit; the flow says more.
        return str(found).startswith(str(expected))
    return found == expected
