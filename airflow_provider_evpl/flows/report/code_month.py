"""One month of one operator code, from the rows of the figures table to the values of the page."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from airflow_provider_evpl.config.figures_plan import ReportPlan
from airflow_provider_evpl.flows.report.hours import NO_HOURS, make_hours
from airflow_provider_evpl.flows.report.model import Day, End, Figures, Group, Hours, Line, Trend
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Window

if TYPE_CHECKING:
    from airflow_provider_evpl.flows.figures.inventory import Inventory
    from airflow_provider_evpl.flows.figures.landed import LandedDay
    from airflow_provider_evpl.flows.figures.months_of_code import MonthOfCode

__all__ = ["CodeMonth", "Percentiles", "percentiles_of", "read_month", "without_samples"]

Percentiles = Mapping[Series, float | None]
"""Of the series that have samples; None if a series is not judged."""

_Row = Mapping[str, Any]

_FIGURES = [one.name for one in fields(Figures) if one.name != "trend"]
_END = ("object_instance_id", "object_type", "pop_country", "pop_name", "pop_section_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMonth:
    """One month of one operator code.

    Attributes:
        series: names, in lake order.
        lines: the figures of each series.
        ends: `End.series` are indexes in `series`.
        newest_end: end of the newest landed slice; None without a sample in the month.
        pulled_at: the newest pull of the objects read.
        previous: of the previous month; None if it has no samples of the operator code.
    """

    code_ope: str
    series: Sequence[Series] = ()
    lines: Sequence[Line] = ()
    ends: Sequence[End] = ()
    groups: Sequence[Group] = ()
    hours: Hours
    days: tuple[Day, ...]
    newest_end: datetime | None = None
    pulled_at: datetime | None = None
    previous: Percentiles | None
    notes: Sequence[str]


def read_month(
    current: "MonthOfCode",
    previous: Percentiles | None,
    plan: ReportPlan,
    *,
    inventory: "Inventory | None",
    now: datetime,
) -> CodeMonth:
    """Read the figures of a month that was computed with its hours.

    Args:
        current: the month.
        previous: as in `CodeMonth`.
        plan: gives time zone and granularity.
        inventory: gives the groups of circuits.
        now: a day that is not over has no gap yet.
    """
    rows = defaultdict[str, list[_Row]](list)
    for row in current.table.to_pylist():
        rows[row["kind"]].append(row)
    window = current.month.window(plan.time_zone)
    groups = _groups_of(current.series, inventory)
    return CodeMonth(
        code_ope=current.code_ope,
        series=current.series,
        lines=[_line(row) for row in rows["series"]],
        ends=_ends(rows["end"], current.series, groups),
        groups=_groups(rows["group"], Counter(groups.values())),
        hours=_hours(current.hours, len(current.series), window, plan),
        days=tuple(_day(one, now) for one in current.days),
        newest_end=current.newest_end,
        pulled_at=current.pulled_at,
        previous=previous,
        notes=current.notes,
    )


def without_samples(
    code_ope: str, window: Window, previous: Percentiles | None, plan: ReportPlan, now: datetime
) -> CodeMonth:
    """Make the month of an operator code without samples: nothing of it has landed."""
    return CodeMonth(
        code_ope=code_ope,
        hours=_hours(NO_HOURS, 0, window, plan),
        days=tuple(_missing_day(one, now) for one in window.slices(DAY)),
        previous=previous,
        notes=["No sample has landed."],
    )


def percentiles_of(month: "MonthOfCode") -> Percentiles:
    """Return the percentiles of a month, of the series that have samples."""
    table = month.table.filter(pa.compute.equal(month.table["kind"], "series"))
    columns = (table[name].to_pylist() for name in ("samples", "percentile"))
    rows = zip(month.series, *columns, strict=True)
    return {series: percentile for series, samples, percentile in rows if samples}


def _hours(table: pa.Table, count: int, window: Window, plan: ReportPlan) -> Hours:
    return make_hours(table, count, window, zone=plan.time_zone, granularity=plan.granularity)


def _line(row: _Row) -> Line:
    return Line(metric_name=row["metric_name"], direction=row["direction"], figures=_figures(row))


def _groups_of(series: Sequence[Series], inventory: "Inventory | None") -> dict[str, str | None]:
    """Return the group of each circuit: that of its newest row in the inventory."""
    circuits = {one.object_instance_id for one in series}
    newest = {one: inventory.newest(one) if inventory else None for one in circuits}
    return {circuit: row.group if row else None for circuit, row in newest.items()}


def _ends(rows: list[_Row], series: Sequence[Series], groups: Mapping[str, str | None]) -> list[End]:
    """Make the rows of the page, each with the indexes of its series."""
    of_end = defaultdict[tuple[str | None, ...], list[int]](list)
    for index, one in enumerate(series):
        of_end[tuple(getattr(one, name) for name in _END)].append(index)
    return [
        End(
            code_ope=row["code_ope"],
            circuit=row["object_instance_id"],
            object_type=row["object_type"],
            pop_country=row["pop_country"],
            pop_name=row["pop_name"],
            pop_section_name=row["pop_section_name"],
            group=groups[row["object_instance_id"]],
            label=row["label"],
            percentile_in=row["percentile_in"],
            percentile_out=row["percentile_out"],
            direction=row["direction"],
            figures=_figures(row),
            series=tuple(of_end[tuple(row[name] for name in _END)]),
        )
        for row in rows
    ]


def _groups(rows: list[_Row], circuits: Mapping[str | None, int]) -> list[Group]:
    return [
        Group(
            code_ope=row["code_ope"],
            name=row["group"],
            direction=row["direction"],
            circuits=circuits[row["group"]],
            full=row["full_steps"],
            partial=row["partial_steps"],
            dropped=row["dropped_steps"],
            figures=_figures(row),
        )
        for row in rows
    ]


def _figures(row: _Row) -> Figures:
    trend = Trend(
        per_week=row["trend_per_week"],
        low=row["trend_low"],
        high=row["trend_high"],
        weeks=row["trend_weeks"] or 0,
        critical_on=row["critical_on"],
        reason=row["trend_reason"],
    )
    return Figures(trend=trend, **{name: row[name] for name in _FIGURES})


def _day(landed: "LandedDay", now: datetime) -> Day:
    return Day(
        day=landed.window.start.date(),
        seconds=_seconds(landed.window),
        covered=landed.covered_seconds,
        is_due=landed.window.end <= now,
        rows=landed.rows,
        values=landed.values,
        expected=landed.expected,
        rejected=landed.rejected,
        foreign=landed.foreign,
    )


def _missing_day(window: Window, now: datetime) -> Day:
    return Day(
        day=window.start.date(),
        seconds=_seconds(window),
        covered=0,
        is_due=window.end <= now,
        rows=0,
        values=0,
        expected=None,
        rejected=0,
        foreign=0,
    )


def _seconds(window: Window) -> int:
    return int(window.length.total_seconds())
