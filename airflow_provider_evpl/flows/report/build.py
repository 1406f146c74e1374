"""Builds the page's model from a lake: figures, changes, hours and calendar of a month."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from airflow_provider_evpl import __version__
from airflow_provider_evpl.config.figures_plan import ReportPlan
from airflow_provider_evpl.errors import EvplNotPublishedError, name_of, name_some
from airflow_provider_evpl.flows.figures.engine import Engine
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.flows.figures.landed import Landed, Shelf
from airflow_provider_evpl.flows.figures.months_of_code import MonthsOfCode
from airflow_provider_evpl.flows.report.changes import find_changes
from airflow_provider_evpl.flows.report.code_month import (
    CodeMonth,
    Percentiles,
    percentiles_of,
    read_month,
    without_samples,
)
from airflow_provider_evpl.flows.report.hours import join_hours
from airflow_provider_evpl.flows.report.model import (
    Calendar,
    End,
    Headline,
    ReportModel,
    SeriesFigures,
    Thresholds,
)
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.months import Month, name_days
from airflow_provider_evpl.window import iso

__all__ = ["Builder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds the pages of a month of a lake.

    Attributes:
        inventory: committed rates; None for pages without Mbit/s.
        now: when the pages are made.
        notes: for all pages.
    """

    store: Store
    plan: ReportPlan
    month: Month
    inventory: Inventory | None
    now: datetime
    notes: Sequence[str] = ()

    def compute(self, shelf: Shelf) -> CodeMonth:
        """Compute the month of an operator code, and the percentiles of the month before.

        Raises:
            EvplNotPublishedError: the plan names the operator code, and nothing has landed in the month.
        """
        plan, code_ope = self.plan, shelf.dataset.code_ope
        code = MonthsOfCode(
            store=self.store, plan=plan, shelf=shelf, inventory=self.inventory, with_hours=True
        )
        landed = code.read(self.month.previous, self.month)
        with Engine(self.store) as engine:
            previous = self._compute_previous(code, engine, landed)
            try:
                current = code.compute(engine, self.month, landed)
            except EvplNotPublishedError:
                if code_ope in plan.codes:
                    raise
                return without_samples(code_ope, self.month.window(plan.time_zone), previous, plan, self.now)
        return read_month(current, previous, plan, inventory=self.inventory, now=self.now)

    def _compute_previous(self, code: MonthsOfCode, engine: Engine, landed: Landed) -> Percentiles | None:
        """Return the percentiles of the previous month; None if too little of that month has landed."""
        code = replace(code, inventory=None, with_hours=False, with_trends=False)
        try:
            found = code.compute(engine, self.month.previous, landed)
        except EvplNotPublishedError:
            return None
        covered = sum(day.covered_seconds for day in found.days)
        length = self.month.previous.window(self.plan.time_zone).length.total_seconds()
        return percentiles_of(found) if covered >= self.plan.min_coverage * length else None

    def build(self, parts: Sequence[CodeMonth], *, has_all_codes: bool) -> ReportModel:
        """Build the page of some operator codes.

        Args:
            parts: the operator codes, in order.
            has_all_codes: whether these are all operator codes of the lake. If they are, a note names the
                circuits that only the inventory has.
        """
        plan = self.plan
        series = tuple(chain.from_iterable(part.figures for part in parts))
        ends = tuple(_ends(parts))
        return ReportModel(
            month=str(self.month),
            granularity=plan.granularity.text,
            time_zone=plan.time_zone.key,
            root=self.store.url(""),
            provider_version=__version__,
            created_at=self.now,
            thresholds=_thresholds(plan),
            headline=_headline(parts, ends, series, plan),
            changes=find_changes(parts, self.month, plan),
            ends=ends,
            series=series,
            groups=tuple(chain.from_iterable(part.groups for part in parts)),
            hours=join_hours([part.hours for part in parts]),
            calendar=tuple(Calendar(code_ope=part.code_ope, days=part.days) for part in parts),
            has_inventory=self.inventory is not None,
            notes=(*self.notes, *_notes(parts), *(self._unknown(ends) if has_all_codes else ())),
        )

    def _unknown(self, ends: Sequence[End]) -> list[str]:
        """Return a note on circuits that only the inventory has."""
        return self.inventory.note_unknown({end.circuit for end in ends}) if self.inventory else []


def _thresholds(plan: ReportPlan) -> Thresholds:
    return Thresholds(
        warning=plan.warning,
        critical=plan.critical,
        full_scale=plan.full_scale,
        min_coverage=plan.min_coverage,
    )


def _ends(parts: Sequence[CodeMonth]) -> Iterator[End]:
    """Yield the ends of all operator codes, with the indexes that their series have on the page."""
    first = 0
    for part in parts:
        for end in part.ends:
            yield replace(end, series=tuple(first + index for index in end.series))
        first += len(part.series)


def _headline(
    parts: Sequence[CodeMonth], ends: Sequence[End], series: Sequence[SeriesFigures], plan: ReportPlan
) -> Headline:
    figures = [one.figures for one in series]
    percentiles = [one.percentile for one in figures if one.percentile is not None]
    known = [(one.coverage or 0.0, one.expected) for one in figures if one.expected is not None]
    expected = sum(steps for _, steps in known) if known else None
    value_steps = sum(round(coverage * steps) for coverage, steps in known)
    return Headline(
        circuits=len({(end.code_ope, end.circuit) for end in ends}),
        ends=len(ends),
        series=len(series),
        samples=sum(one.samples for one in figures),
        expected=expected,
        coverage=value_steps / expected if expected else None,
        above_warning=sum(one > plan.warning_value for one in percentiles),
        above_critical=sum(one > plan.critical_value for one in percentiles),
        not_judged=len(series) - len(percentiles),
        newest_sample=max((one.last_sample for one in figures if one.last_sample), default=None),
        pulled_at=max((part.pulled_at for part in parts if part.pulled_at), default=None),
    )


def _notes(parts: Sequence[CodeMonth]) -> Iterator[str]:
    """Yield what is missing, then the notes of the figures. Name the operator code if there are several."""
    found = [(one.code_ope, note) for one in parts for note in _gaps(one)]
    found += [(one.code_ope, note) for one in parts for note in one.notes]
    for code_ope, note in found:
        yield f"Operator code {name_of(code_ope)}: {note}" if len(parts) > 1 else note


def _gaps(part: CodeMonth) -> Iterator[str]:
    """Yield notes on the days whose slices did not all land, and on an early end of the samples."""
    due = [day for day in part.days if day.is_due]
    gaps = [day.day for day in due if day.covered < day.seconds]
    if gaps:
        yield f"Slices are missing on {len(gaps)} of {len(due)} days: {name_some(name_days(gaps))}."
    if gaps and part.newest_end and part.newest_end.date() <= gaps[-1] == due[-1].day:
        yield f"The newest slice ends at {iso(part.newest_end)}. All figures end there."
