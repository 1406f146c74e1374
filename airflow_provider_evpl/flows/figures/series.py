"""The figures of each series in a month, from its rows."""

import math
import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from airflow_provider_evpl.config.figures_plan import FiguresPlan, ReportPlan
from airflow_provider_evpl.flows.figures.engine import RowSource
from airflow_provider_evpl.flows.figures.landed import Shelf
from airflow_provider_evpl.flows.figures.trend import find_trend
from airflow_provider_evpl.flows.figures.weeks import KnownWeeks
from airflow_provider_evpl.lake.columns import bounds
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.months import Month, clock_hours, weeks_before
from airflow_provider_evpl.window import DAY, EPOCH, Window, microseconds

__all__ = [
    "Scope",
    "count_steps",
    "find_direction",
    "find_reason",
    "make_hours",
    "register_clock",
    "series_rows",
]

_EXPECTED_AFTER = timedelta(days=7)
"""How long a series is expected after its last UTC day: as the coverage operator does by default."""

_WEEKS = 26
_HOUR = timedelta(hours=1)
_WORD_ENDS = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DIRECTIONS = {"in": "in", "ingress": "in", "out": "out", "egress": "out"}

_HOURS = """
    CREATE OR REPLACE TEMP TABLE hours AS
    SELECT series, (moment // {bucket})::INTEGER AS bucket, count(*) AS samples, count(value) AS present,
        fsum(value) AS total, max(value) AS maximum
    FROM {rows} GROUP BY ALL
"""
_TABLE_OF_HOURS = """
    SELECT series, bucket::BIGINT * {bucket} AS hour, samples, present AS values,
        CASE WHEN present > 0 THEN total / present END AS mean, maximum
    FROM hours ORDER BY series, hour
"""
_SERIES = """
    WITH totals AS (
        SELECT series, fsum(total) AS total, max(maximum) AS maximum FROM hours GROUP BY series
    ), means AS (
        SELECT series, hour, round(fsum(total) / sum(present), 6) AS mean
        FROM hours JOIN clock USING (bucket) WHERE present > 0 GROUP BY series, hour
    ), busy AS (
        SELECT series, hour FROM means
        QUALIFY row_number() OVER (PARTITION BY series ORDER BY mean DESC, hour) = 1
    ), figures AS (
        SELECT one.series, count(*) AS samples, count(value) AS present,
            min(moment) AS first, max(moment) AS last,
            quantile_disc(value, 0.95) AS percentile, min(value) AS minimum,
            min(moment) FILTER (value = totals.maximum) AS maximum_at,
            count_if(value > {warning})::BIGINT AS above_warning,
            count_if(value > {critical})::BIGINT AS above_critical,
            count_if(value > {full_scale})::BIGINT AS above_scale,
            count_if(value < 0)::BIGINT AS below_zero,
            bool_or(moment % {step} <> 0) FILTER (value IS NOT NULL) AS off_grid
        FROM {rows} AS one JOIN totals USING (series) GROUP BY one.series
    )
    SELECT * FROM figures JOIN totals USING (series) LEFT JOIN busy USING (series)
"""
_WEEK = """
    SELECT series, quantile_disc(value, 0.95) AS percentile, count(value) AS present,
        bool_or(moment % {step} <> 0) AS off_grid
    FROM {rows} WHERE value IS NOT NULL GROUP BY series
"""
_STEPS = """
    SELECT series, count(DISTINCT moment // {step}) AS steps
    FROM {rows} WHERE value IS NOT NULL AND moment // {step} * {step} >= {start} GROUP BY series
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A month of an operator code, and how its figures are computed.

    Attributes:
        window: the month.
        bound: up to where samples are expected: the end of the month, or of the newest landed slice.
        weeks: the ISO weeks of the trend.
        step: of the granularity, in microseconds; None if it has no fixed length.
    """

    plan: FiguresPlan | ReportPlan
    month: Month
    code_ope: str
    window: Window
    bound: datetime
    weeks: list[Window]
    step: int | None

    @classmethod
    def make(cls, plan: FiguresPlan | ReportPlan, month: Month, shelf: Shelf) -> "Scope":
        """Return the scope of a month of an operator code."""
        window = month.window(plan.time_zone)
        bound = min(window.end, shelf.newest_end)
        length = plan.granularity.step
        return cls(
            plan=plan,
            month=month,
            code_ope=shelf.dataset.code_ope,
            window=window,
            bound=bound,
            weeks=weeks_before(bound, plan.time_zone, _WEEKS),
            step=microseconds(length) if length else None,
        )

    @property
    def range(self) -> Window:
        """All that the figures of the month depend on."""
        return Window(min(self.weeks[0].start, self.window.start), self.window.end)

    def count_expected(self, first_day: datetime, last_day: datetime) -> int | None:
        """Count the steps of the month in which a series is expected; None if a step has no fixed length.

        Args:
            first_day: the first UTC day of the range on which the series has landed.
            last_day: the last one.
        """
        end = min(self.bound, last_day + DAY + _EXPECTED_AFTER)
        return count_steps(max(self.window.start, first_day), end, self.step) if self.step else None


def count_steps(start: datetime, end: datetime, step: int) -> int:
    """Count the steps (in microseconds, since the epoch) that begin from a moment up to another one."""
    first, last = (-(-microseconds(one - EPOCH) // step) for one in (start, end))
    return max(0, last - first)


def find_direction(metric_name: str, directions: Mapping[str, str]) -> str | None:
    """Return `in`, `out` or None, by the last word of a metric's name.

    Args:
        metric_name: in camel case or with underscores.
        directions: `in`, `out` or `none` by metric name; these come first.
    """
    if metric_name in directions:
        return _DIRECTIONS.get(directions[metric_name])
    words = [word for word in _WORD_ENDS.split(metric_name) if word]
    return _DIRECTIONS.get(words[-1].lower()) if words else None


def series_rows(
    source: RowSource,
    scope: Scope,
    expected: Sequence[int | None],
    *,
    known: KnownWeeks | None = None,
    with_hours: bool,
) -> tuple[list[dict[str, Any]], pa.Table | None, list[str]]:
    """Compute the row of each series of a source.

    Args:
        source: has the rows of the scope's range.
        scope: the month.
        expected: for each series how many steps should have a value; None if steps have no fixed length.
        known: the weeks that other months have read. If it is None, no series has a trend.
        with_hours: whether to return the clock hours, too.

    Returns:
        The rows by column name, in the order of the series; the clock hours; notes.
    """
    found: dict[int, dict[str, Any]] = {}
    hours = []
    bucket = register_clock(source, scope)
    for rows in source.chunks(scope.window):
        source.engine.run(_HOURS.format(rows=rows, bucket=bucket))
        found.update(_read_figures(source, scope, rows))
        if with_hours:
            hours.append(make_hours(source, bucket))
    weeks = _read_weeks(source, scope, known) if known else {}
    figures = [
        _row(scope, series, expected[at], found.get(at, {}), weeks.get(series, []))
        for at, series in enumerate(source.series)
    ]
    return figures, pa.concat_tables(hours) if with_hours else None, [*_notes(scope, found.values())]


def register_clock(source: RowSource, scope: Scope) -> int:
    """Make the SQL table `clock`: the local hour of each bucket. Return the length of the buckets."""
    length, hours = clock_hours(scope.window, scope.plan.time_zone)
    bucket = microseconds(length)
    if scope.step is None or scope.step > microseconds(_HOUR):
        hours = []
    columns = {
        "bucket": [microseconds(one.start - EPOCH) // bucket for one in hours],
        "hour": [one.hour for one in hours],
    }
    source.engine.register(
        "clock", pa.table(columns, pa.schema([("bucket", pa.int32()), ("hour", pa.int8())]))
    )
    return bucket


def _read_figures(source: RowSource, scope: Scope, rows: str) -> dict[int, dict[str, Any]]:
    plan = scope.plan
    sql = _SERIES.format(
        rows=rows,
        step=scope.step or 1,
        warning=repr(plan.warning_value),
        critical=repr(plan.critical_value),
        full_scale=repr(plan.full_scale),
    )
    return _by_series(source, sql, rows, scope.window, scope.step)


def _by_series(
    source: RowSource, sql: str, rows: str, window: Window, step: int | None
) -> dict[int, dict[str, Any]]:
    """Run a query that returns a row for each series. Add `steps`: how many steps have a value.

    Usually that is the number of values. Only samples off the grid can share a step.
    """
    found = {row["series"]: {**row, "steps": row["present"]} for row in source.engine.query(sql).to_pylist()}
    if any(row["off_grid"] for row in found.values()):
        start, _ = bounds(window)
        for row in source.engine.query(_STEPS.format(rows=rows, step=step, start=start)).to_pylist():
            found[row["series"]]["steps"] = row["steps"]
    return found


def make_hours(source: RowSource, bucket: int) -> pa.Table:
    """Return the SQL table `hours` as the report takes it."""
    table = source.engine.query(_TABLE_OF_HOURS.format(bucket=bucket))
    return table.set_column(1, "hour", table["hour"].cast(pa.timestamp("us", "UTC")))


def _read_weeks(
    source: RowSource, scope: Scope, known: KnownWeeks
) -> dict[Hashable, list[tuple[int, float]]]:
    """Return for each series the 95th percentiles of the weeks that have enough values."""
    weeks = defaultdict[Hashable, list[tuple[int, float]]](list)
    if scope.step is None:
        return weeks
    for number, (week, found) in enumerate(zip(scope.weeks, known.of(source, scope.weeks), strict=True)):
        if not found:
            found.update(_read_week(source, scope, week, scope.step))
        for series, percentile in found.items():
            if percentile is not None:
                weeks[series].append((number, percentile))
    return weeks


def _read_week(
    source: RowSource, scope: Scope, week: Window, step: int
) -> Iterator[tuple[Series, float | None]]:
    least = scope.plan.min_coverage * count_steps(week.start, week.end, step)
    for rows in source.chunks(week):
        sql = _WEEK.format(rows=rows, step=step)
        for series, row in _by_series(source, sql, rows, week, step).items():
            yield source.names[series], row["percentile"] if row["steps"] >= least else None


def _row(
    scope: Scope,
    series: Series,
    expected: int | None,
    found: Mapping[str, Any],
    weeks: list[tuple[int, float]],
) -> dict[str, Any]:
    present = found.get("present", 0)
    coverage = found.get("steps", 0) / expected if expected else None
    row = {
        "kind": "series",
        "code_ope": scope.code_ope,
        "month_start": scope.window.start,
        "time_zone": scope.plan.time_zone.key,
        **series._asdict(),
        "direction": find_direction(series.metric_name, scope.plan.directions),
        "maximum": found.get("maximum"),
        "maximum_at": _moment(found.get("maximum_at")),
        "minimum": found.get("minimum"),
        "samples": found.get("samples", 0),
        "null_values": found.get("samples", 0) - present,
        "expected": expected or None,
        "steps": found.get("steps", 0),
        "coverage": coverage if coverage is None else round(coverage, 6),
        "reason": find_reason(scope, present, expected, coverage),
        "first_sample": _moment(found.get("first")),
        "last_sample": _moment(found.get("last")),
        "weeks": weeks,
    }
    return row if row["reason"] else row | _judged(scope, found, weeks)


def _judged(scope: Scope, found: Mapping[str, Any], weeks: list[tuple[int, float]]) -> dict[str, Any]:
    """Return the figures that a series with enough values has."""
    present = found["present"]
    trend = find_trend(
        weeks,
        percentile=found["percentile"],
        level=scope.plan.critical_value,
        bound=scope.bound,
        zone=scope.plan.time_zone,
    )
    return {
        "percentile": found["percentile"],
        "mean": round(found["total"] / present, 6),
        "exact_mean": found["total"] / present,
        "busy_hour": found["hour"],
        "above_warning": round(found["above_warning"] / present, 6),
        "above_critical": round(found["above_critical"] / present, 6),
        **asdict(trend),
    }


def find_reason(scope: Scope, present: int, expected: int | None, coverage: float | None) -> str | None:
    """Say why a series is not judged; None if it is."""
    if expected is None:
        return f"granularity {scope.plan.granularity.text} has no fixed length"
    if not present:
        return "no value"
    if coverage is None:
        return "no step is expected"
    if coverage < scope.plan.min_coverage:
        shown = math.floor(coverage * 1000) / 1000
        return f"coverage {shown:g} is below {scope.plan.min_coverage:g}"
    return None


def _moment(time: int | None) -> datetime | None:
    return None if time is None else EPOCH + timedelta(microseconds=time)


def _notes(scope: Scope, found: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Yield notes on values above full scale, below 0, or only from 0 to 1."""
    known = [row for row in found if row["present"]]
    scale = scope.plan.full_scale
    above, below = (sum(row[name] for row in known) for name in ("above_scale", "below_zero"))
    highest = max((row["maximum"] for row in known), default=0)
    if lost := sum(not math.isfinite(row["total"]) for row in known):
        yield f"Values of {lost:,} series are too large, or not finite. Their figures are incomplete."
    if above:
        yield f"{_values(above)} above {scale:g}, the full scale."
    if below:
        yield f"{_values(below)} below 0."
    elif 0 < highest <= 1 and scale == 100:  # noqa: PLR2004 the default
        yield "All values lie between 0 and 1. If 1 means a full line, set full_scale=1."


def _values(count: int) -> str:
    return "1 value is" if count == 1 else f"{count:,} values are"
