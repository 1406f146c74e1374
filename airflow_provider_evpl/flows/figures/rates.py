"""Mbit/s of series, from the committed rates of the inventory."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, groupby, pairwise
from typing import Any

import pyarrow as pa

from airflow_provider_evpl.flows.figures.engine import RowSource
from airflow_provider_evpl.flows.figures.inventory import Inventory, Period
from airflow_provider_evpl.flows.figures.series import Scope
from airflow_provider_evpl.window import EPOCH, microseconds

__all__ = ["add_mbits", "as_double", "microseconds_of"]

_MOST_ROWS = 20_000_000
"""How many rows one query reads, because a percentile keeps all its values in memory."""

_FIGURES = {"percentile": "percentile", "mean": "exact_mean", "maximum": "maximum", "minimum": "minimum"}
"""The figures in Mbit/s, each with the key of its unrounded value."""

_RATES = pa.schema(
    [("series", pa.int32()), ("start", pa.int64()), ("stop", pa.int64()), ("committed", pa.float64())]
)
_MBITS = """
    SELECT one.series, count(*) AS samples,
        min(one.moment) FILTER (committed IS NULL) AS first_without,
        max(one.moment) FILTER (committed IS NULL) AS last_without,
        quantile_disc(value / {full_scale} * committed, 0.95) AS percentile,
        fsum(value / {full_scale} * committed) AS total,
        max(value / {full_scale} * committed) AS maximum,
        min(value / {full_scale} * committed) AS minimum
    FROM {rows} AS one
    LEFT JOIN rates ON rates.series = one.series AND one.moment >= rates.start AND one.moment < rates.stop
    WHERE value IS NOT NULL
    GROUP BY one.series
"""


def add_mbits(
    source: RowSource, rows: Sequence[dict[str, Any]], inventory: Inventory, scope: Scope
) -> list[str]:
    """Add label, committed rate and Mbit/s to the rows of series.

    If one rate is valid for all samples of a series, its figures are multiplied. Only the samples of other
    series are read.

    Args:
        source: has the samples.
        rows: of all series of the source, in their order, with the other figures and `exact_mean`.
        inventory: knows the rates.
        scope: the month.

    Returns:
        A note, if circuits are not in the inventory.
    """
    changing = {}
    for position, row in enumerate(rows):
        periods = inventory.periods.get(row["object_instance_id"], ())
        valid = inventory.period_at(row["object_instance_id"], scope.bound - timedelta.resolution)
        row["label"] = periods[-1].label if periods else None
        row["committed_mbits"] = valid.committed_mbits if valid else None
        if not periods:
            row["mbits_reason"] = "not in the inventory"
        elif row.get("maximum") is not None:
            rate = _find_rate(periods, row["first_sample"], row["last_sample"])
            if rate is None:
                changing[position] = row
            else:
                row.update(_multiply(row, rate, scope.plan.full_scale))
    _add_changing(source, changing, inventory, scope)
    return inventory.note_missing({row["object_instance_id"] for row in rows})


def microseconds_of(moment: datetime) -> int:
    """Return a moment in microseconds since the epoch, as SQL has it."""
    return microseconds(moment - EPOCH)


def as_double(number: float) -> str:
    """Return SQL of a double, because a plain `0.1` is a decimal."""
    return f"CAST('{number!r}' AS DOUBLE)"


def _find_rate(periods: Sequence[Period], first: datetime, last: datetime) -> float | None:
    """Return the committed rate, if it is valid and the same from a moment up to another one."""
    held = [one for one in periods if one.overlaps(first, last + timedelta.resolution)]
    if not held or not held[0].holds(first) or not held[-1].holds(last):
        return None
    rates = {one.committed_mbits for one in held}
    has_gap = any(one.bounds[1] != other.bounds[0] for one, other in pairwise(held))
    return None if has_gap or len(rates) > 1 else rates.pop()


def _multiply(row: Mapping[str, Any], rate: float, full_scale: float) -> dict[str, float | None]:
    figures = {f"{name}_mbits": row.get(key) for name, key in _FIGURES.items()}
    return {
        name: None if value is None else round(value / full_scale * rate, 6)
        for name, value in figures.items()
    }


def _add_changing(
    source: RowSource, rows: Mapping[int, dict[str, Any]], inventory: Inventory, scope: Scope
) -> None:
    """Add the Mbit/s of series whose rate changes, or is missing for a time."""
    counts = accumulate(row["samples"] for row in rows.values())
    chunks = groupby(zip(counts, rows, strict=True), key=lambda one: one[0] // _MOST_ROWS)
    for chunk in [[position for _, position in found] for _, found in chunks]:
        chosen = {position: rows[position] for position in chunk}
        source.engine.register("rates", _make_table(chosen, inventory))
        sql = _MBITS.format(
            rows=source.rows(scope.window, chunk), full_scale=as_double(scope.plan.full_scale)
        )
        for found in source.engine.query(sql).to_pylist():
            row = chosen[found["series"]]
            row.update(_read_figures(found, scope, is_judged=row.get("percentile") is not None))


def _make_table(rows: Mapping[int, Mapping[str, Any]], inventory: Inventory) -> pa.Table:
    rates = [
        (position, *map(microseconds_of, period.bounds), period.committed_mbits)
        for position, row in rows.items()
        for period in inventory.periods[row["object_instance_id"]]
    ]
    return pa.Table.from_pylist([dict(zip(_RATES.names, one, strict=True)) for one in rates], _RATES)


def _read_figures(found: Mapping[str, Any], scope: Scope, *, is_judged: bool) -> dict[str, Any]:
    if found["first_without"] is not None:
        first, last = (
            (EPOCH + timedelta(microseconds=found[name])).astimezone(scope.plan.time_zone).date()
            for name in ("first_without", "last_without")
        )
        return {"mbits_reason": f"no committed rate for {first} to {last}"}
    figures = {
        "percentile_mbits": found["percentile"] if is_judged else None,
        "mean_mbits": found["total"] / found["samples"] if is_judged else None,
        "maximum_mbits": found["maximum"],
        "minimum_mbits": found["minimum"],
    }
    return {name: None if value is None else round(value, 6) for name, value in figures.items()}
