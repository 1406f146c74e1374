"""One month of one operator code, from the rows of the figures table to the values of the page."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import takewhile
from typing import Any

import pyarrow as pa

from airflow_provider_evpl.config.figures_plan import ReportPlan
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.flows.figures.landed import LandedDay
from airflow_provider_evpl.flows.figures.months_of_code import MonthOfCode
from airflow_provider_evpl.flows.report.hours import make_hours, no_hours
from airflow_provider_evpl.flows.report.model import (
    Day,
    End,
    Figures,
    Group,
    Hours,
    SeriesFigures,
    Since,
    Trend,
)
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Window

__all__ = ["CodeMonth", "Percentiles", "percentiles_of", "read_month", "without_samples"]

Percentiles = Mapping[Series, float | None]
"""Of the series that have samples; None if a series is not judged."""

_Row = Mapping[str, Any]

_FIGURES = [one.name for one in fields(Figures) if one.name not in {"trend", "above_since"}]
_END = ("object_instance_id", "object_type", "pop_country", "pop_name", "pop_section_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMonth:
    """One month of one operator code.

    Attributes:
        series: names, in lake order.
        figures: of each series, in the same order.
        ends: `End.series` are indexes in `series`.
        newest_end: end of the newest landed slice; None without a sample in the month.
        pulled_at: the newest pull of the objects read.
        previous: of the previous month; None if it has no samples of the operator code.
    """

    code_ope: str
    series: Sequence[Series] = ()
    figures: Sequence[SeriesFigures] = ()
    ends: Sequence[End] = ()
    groups: Sequence[Group] = ()
    hours: Hours
    days: tuple[Day, ...]
    newest_end: datetime | None = None
    pulled_at: datetime | None = None
    previous: Percentiles | None
    notes: Sequence[str]


def read_month(
    current: MonthOfCode,
    previous: Percentiles | None,
    plan: ReportPlan,
    *,
    inventory: Inventory | None,
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
    weeks = zip(rows["series"], current.weeks, strict=True)
    figures = [_series(row, _above_since(row["percentile"], of_row, plan)) for row, of_row in weeks]
    return CodeMonth(
        code_ope=current.code_ope,
        series=current.series,
        figures=figures,
        ends=_ends(rows["end"], dict(zip(current.series, figures, strict=True)), groups),
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
        hours=_hours(no_hours(), 0, window, plan),
        days=tuple(_day(_missing(one), now) for one in window.slices(DAY)),
        previous=previous,
        notes=["No sample has landed."],
    )


def percentiles_of(month: MonthOfCode) -> Percentiles:
    """Return the percentiles of a month, of the series that have samples."""
    table = month.table.filter(pa.compute.equal(month.table["kind"], "series"))
    columns = (table[name].to_pylist() for name in ("samples", "percentile"))
    rows = zip(month.series, *columns, strict=True)
    return {series: percentile for series, samples, percentile in rows if samples}


def _hours(table: pa.Table, count: int, window: Window, plan: ReportPlan) -> Hours:
    return make_hours(table, count, window, zone=plan.time_zone, granularity=plan.granularity)


def _series(row: _Row, above_since: Since | None) -> SeriesFigures:
    return SeriesFigures(
        metric_name=row["metric_name"], direction=row["direction"], figures=_figures(row, above_since)
    )


def _above_since(
    percentile: float | None, weeks: Sequence[tuple[date, float]], plan: ReportPlan
) -> Since | None:
    """Return since when each week is above the threshold that the month is above."""
    levels = [one for one in (plan.critical_value, plan.warning_value) if (percentile or 0.0) > one]
    above = [*takewhile(lambda week: week[1] > levels[0], reversed(weeks if levels else ()))]
    return Since(above[-1][0], or_earlier=len(above) == len(weeks)) if above else None


def _groups_of(series: Sequence[Series], inventory: Inventory | None) -> dict[str, str | None]:
    """Return the group of each circuit: that of its newest row in the inventory."""
    circuits = {one.object_instance_id for one in series}
    newest = {one: inventory.newest(one) if inventory else None for one in circuits}
    return {circuit: row.group if row else None for circuit, row in newest.items()}


def _ends(
    rows: list[_Row], figures: Mapping[Series, SeriesFigures], groups: Mapping[str, str | None]
) -> list[End]:
    """Make the rows of the page, each with the indexes of its series."""
    of_end = defaultdict[tuple[str | None, ...], list[tuple[int, SeriesFigures]]](list)
    for index, (series, one) in enumerate(figures.items()):
        of_end[tuple(getattr(series, name) for name in _END)].append((index, one))
    return [_end(row, of_end[tuple(row[name] for name in _END)], groups) for row in rows]


def _end(row: _Row, series: Sequence[tuple[int, SeriesFigures]], groups: Mapping[str, str | None]) -> End:
    busier = (one for _, one in series if row["direction"] and one.direction == row["direction"])
    above_since = next((one.figures.above_since for one in busier), None)
    return End(
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
        figures=_figures(row, above_since),
        series=tuple(index for index, _ in series),
    )


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


def _figures(row: _Row, above_since: Since | None = None) -> Figures:
    trend = Trend(
        per_week=row["trend_per_week"],
        low=row["trend_low"],
        high=row["trend_high"],
        weeks=row["trend_weeks"] or 0,
        critical_on=row["critical_on"],
        reason=row["trend_reason"],
    )
    return Figures(trend=trend, above_since=above_since, **{name: row[name] for name in _FIGURES})


def _missing(window: Window) -> LandedDay:
    return LandedDay(window=window, covered_seconds=0, rows=0, values=0, expected=0, rejected=0, foreign=0)


def _day(landed: LandedDay, now: datetime) -> Day:
    return Day(
        day=landed.window.start.date(),
        seconds=int(landed.window.length.total_seconds()),
        covered=landed.covered_seconds,
        is_due=landed.window.end <= now,
        values=landed.values,
        expected=landed.expected,
        rejected=landed.rejected,
        foreign=landed.foreign,
    )
