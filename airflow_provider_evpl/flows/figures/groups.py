"""The figures of groups: the Mbit/s of their circuits are summed in each step first."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pyarrow as pa

from airflow_provider_evpl.flows.figures.engine import RowSource
from airflow_provider_evpl.flows.figures.group_members import GroupSum, Level, Part, find_sums
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.flows.figures.rates import as_double, microseconds_of
from airflow_provider_evpl.flows.figures.series import Scope, count_steps, find_reason, register_clock
from airflow_provider_evpl.flows.figures.trend import Trend, find_trend
from airflow_provider_evpl.window import EPOCH, Window

__all__ = ["group_rows"]

_VALUES = """
    SELECT one.series, one.moment // {step} * {step} AS step, one.value,
        one.moment % {step} <> 0 AS is_off_grid
    FROM {rows} AS one WHERE one.value IS NOT NULL
"""
_LARGEST = """
    SELECT series, step, max(value) AS value, false AS is_off_grid FROM ({values}) GROUP BY series, step
"""
"""Takes the largest value of each step. This costs twice the time, and only samples off the grid need it."""

_STEPS = """
    CREATE OR REPLACE TEMP TABLE group_steps AS
    WITH mbits AS (
        SELECT number, step, value / {full_scale} * committed AS mbits, committed, is_off_grid
        FROM ({values}) AS steps JOIN group_parts AS part USING (series)
        WHERE step >= {start} AND step >= part.start AND step < part.stop
    ), sums AS (
        SELECT number, step, fsum(committed) AS held, count(*) AS circuits,
            bool_or(is_off_grid) AS is_off_grid,
            CAST(round(sum(CAST(mbits AS DECIMAL(38, 12))), 6) AS DECIMAL(38, 6)) AS mbits
        FROM mbits WHERE abs(mbits) < 1e18 GROUP BY number, step
    )
    SELECT number, step, mbits, is_off_grid, sums.circuits, sums.circuits = level.circuits AS is_full,
        round(20 * held - 19 * committed, 6) >= 0 AS counts,
        CAST(mbits AS DOUBLE) > warning AS above_warning,
        CAST(mbits AS DOUBLE) > critical AS above_critical
    FROM sums JOIN group_levels AS level USING (number)
    WHERE step >= level.start AND step < level.stop
"""
"""A row for each sum and step in which a circuit has a value.

The sums are exact decimals, because a sum of doubles depends on the order of the rows. A value of 10^18
Mbit/s or more does not fit into them: it counts as none.
"""

_FIGURES = """
    SELECT number, CAST(sum(circuits) AS BIGINT) AS samples,
        count(*) FILTER (counts) AS counted, count(*) FILTER (is_full) AS full_steps,
        CAST(quantile_disc(mbits, 0.95) FILTER (counts) AS DOUBLE) AS percentile,
        CAST(sum(mbits) FILTER (counts) AS DOUBLE) AS total,
        CAST(max(mbits) FILTER (counts) AS DOUBLE) AS maximum,
        CAST(min(mbits) FILTER (counts) AS DOUBLE) AS minimum,
        arg_max(step, (mbits, -step)) FILTER (counts) AS maximum_at,
        count(*) FILTER (counts AND above_warning) AS above_warning,
        count(*) FILTER (counts AND above_critical) AS above_critical
    FROM group_steps GROUP BY number
"""
_HOURS = """
    SELECT number, hour, round(CAST(sum(mbits) AS DOUBLE) / count(*), 6) AS mean
    FROM group_steps JOIN clock ON clock.bucket = step // {bucket}
    WHERE counts GROUP BY number, hour ORDER BY mean, hour DESC
"""
_WEEK = """
    SELECT number, count(*) AS counted, CAST(quantile_disc(mbits, 0.95) AS DOUBLE) AS percentile
    FROM group_steps WHERE counts GROUP BY number
"""

_TYPES = {name: pa.int64() for name in ("number", "series", "start", "stop", "circuits")}


def group_rows(
    source: RowSource,
    rows: Sequence[Mapping[str, Any]],
    inventory: Inventory,
    scope: Scope,
    circuits: Collection[str],
) -> list[dict[str, Any]]:
    """Compute two rows, `in` and `out`, for each group that has a circuit in the month.

    Args:
        source: has the samples.
        rows: of all series of the source, in their order.
        inventory: knows groups, ends and committed rates.
        scope: the month.
        circuits: of the operator code, also those that have vanished.
    """
    sums = find_sums(rows, inventory, scope, circuits)
    found = _read_figures(source, scope, [one for one in sums if not one.reason])
    made = [_row(scope, one, found.get(one.number, {})) for one in sums]
    judged = [one for one, row in zip(sums, made, strict=True) if not row["reason"]]
    weeks = _read_weeks(source, scope, judged)
    for one in judged:
        made[one.number] |= _judge(scope, one, found[one.number], weeks[one.number])
    return made


def _register_sums(source: RowSource, sums: Sequence[GroupSum]) -> list[int]:
    """Make the SQL tables `group_parts` and `group_levels`. Return the positions of their series."""
    parts = [(one, part) for one in sums for part in one.parts if part.series is not None]
    levels = [(one, level) for one in sums for level in one.levels]
    source.engine.register("group_parts", _make_table(Part._fields, parts))
    source.engine.register("group_levels", _make_table(Level._fields, levels))
    return sorted({part.series for _, part in parts if part.series is not None})


def _sum_steps(source: RowSource, scope: Scope, window: Window, series: Sequence[int]) -> None:
    """Make the SQL table `group_steps` of a window, from the registered sums."""

    def make(values: str) -> None:
        start, full_scale = microseconds_of(window.start), as_double(scope.plan.full_scale)
        source.engine.run(_STEPS.format(values=values, start=start, full_scale=full_scale))

    values = _VALUES.format(rows=source.rows(window, series), step=scope.step)
    make(values)
    if source.engine.query("SELECT number FROM group_steps WHERE is_off_grid LIMIT 1").num_rows:
        make(_LARGEST.format(values=values))


def _make_table(names: Sequence[str], rows: Sequence[tuple[GroupSum, Part | Level]]) -> pa.Table:
    schema = pa.schema([(name, _TYPES.get(name, pa.float64())) for name in ("number", *names)])
    cells = ((one.number, *row) for one, row in rows)
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in cells], schema)


def _read_figures(source: RowSource, scope: Scope, sums: Sequence[GroupSum]) -> dict[int, dict[str, Any]]:
    if not sums or scope.step is None:
        return {}
    bucket = register_clock(source, scope)
    _sum_steps(source, scope, scope.window, _register_sums(source, sums))
    found = {row["number"]: {**row, "hour": None} for row in source.engine.query(_FIGURES).to_pylist()}
    for row in source.engine.query(_HOURS.format(bucket=bucket)).to_pylist():
        # The last row of a sum has its busy hour.
        found[row["number"]]["hour"] = row["hour"]
    return found


def _read_weeks(
    source: RowSource, scope: Scope, sums: Sequence[GroupSum]
) -> dict[int, list[tuple[int, float]]]:
    """Return for each sum the 95th percentiles of the weeks that have enough steps."""
    weeks = defaultdict[int, list[tuple[int, float]]](list)
    if not sums or scope.step is None:
        return weeks
    series = _register_sums(source, sums)
    for number, week in enumerate(scope.weeks):
        _sum_steps(source, scope, week, series)
        steps = count_steps(week.start, week.end, scope.step)
        for row in source.engine.query(_WEEK).to_pylist():
            if row["counted"] >= scope.plan.min_coverage * steps:
                weeks[row["number"]].append((number, row["percentile"]))
    return weeks


def _row(scope: Scope, one: GroupSum, found: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        "kind": "group",
        "code_ope": scope.code_ope,
        "month_start": scope.window.start,
        "time_zone": scope.plan.time_zone.key,
        "group": one.group,
        "direction": one.direction,
        "samples": found.get("samples", 0),
        "null_values": 0,
        "reason": one.reason,
    }
    if one.reason or scope.step is None:
        return row | {"reason": one.reason or find_reason(scope, 0, None, None)}
    level = one.level_at(scope.bound - timedelta.resolution)
    expected = one.count_steps(scope.window.start, scope.bound, scope.step)
    full, counted = found.get("full_steps", 0), found.get("counted", 0)
    coverage = counted / expected if expected else None
    reason = find_reason(scope, counted, expected, coverage)
    if row["samples"] and not counted:
        reason = "no step has 95 % of the committed rate"
    return row | {
        "expected": expected or None,
        "coverage": coverage if coverage is None else round(coverage, 6),
        "reason": reason,
        "committed_mbits": level.committed if level else None,
        "full_steps": full,
        "partial_steps": counted - full,
        "dropped_steps": expected - counted,
        "maximum_mbits": found.get("maximum"),
        "maximum_at": EPOCH + timedelta(microseconds=found["maximum_at"]) if counted else None,
        "minimum_mbits": found.get("minimum"),
    }


def _judge(
    scope: Scope, one: GroupSum, found: Mapping[str, Any], weeks: list[tuple[int, float]]
) -> dict[str, Any]:
    """Return the figures of a sum that has enough steps."""
    level, counted = one.level_at(scope.bound - timedelta.resolution), found["counted"]
    trend = Trend(trend_weeks=len(weeks), trend_reason="no committed rate at the end of the month")
    if level:
        trend = find_trend(
            weeks,
            percentile=found["percentile"],
            level=level.critical,
            bound=scope.bound,
            zone=scope.plan.time_zone,
        )
    return {
        "percentile_mbits": found["percentile"],
        "mean_mbits": round(found["total"] / counted, 6),
        "busy_hour": found["hour"],
        "above_warning": round(found["above_warning"] / counted, 6),
        "above_critical": round(found["above_critical"] / counted, 6),
        **asdict(trend),
    }
