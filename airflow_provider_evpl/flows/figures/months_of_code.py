"""Computes the figures of a month of one operator code."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from airflow_provider_evpl.config.figures_plan import FiguresPlan, ReportPlan
from airflow_provider_evpl.errors import (
    EvplNotPublishedError,
    EvplOverlapError,
    EvplStoreError,
    name_of,
    name_some,
)
from airflow_provider_evpl.flows.figures.ends import end_rows
from airflow_provider_evpl.flows.figures.engine import Engine, RowSource
from airflow_provider_evpl.flows.figures.group_members import note_absent
from airflow_provider_evpl.flows.figures.groups import group_rows
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.flows.figures.landed import Landed, LandedDay, Shelf, find_granularities
from airflow_provider_evpl.flows.figures.rates import add_mbits
from airflow_provider_evpl.flows.figures.series import Scope, series_rows
from airflow_provider_evpl.flows.figures.storage import digest_of, make_table
from airflow_provider_evpl.flows.figures.weeks import KnownWeeks
from airflow_provider_evpl.flows.roster import Roster
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.months import Month
from airflow_provider_evpl.window import DAY, Window

__all__ = ["MonthOfCode", "MonthsOfCode"]

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfCode:
    """The figures of a month of an operator code.

    Attributes:
        table: as `FIGURES_SCHEMA` says, sorted.
        hours: the clock hours of each series, sorted: `series` (a position in `series`), `hour` (start of the
            bucket), `samples`, `values`, `mean`, `maximum`. None if they were not asked for.
        series: in the lake's order, as the rows of the kind `series` are.
        weeks: for each series the local Mondays and 95th percentiles of the weeks that its trend is made of.
        days: of the month, UTC.
        newest_end: of the operator code in the whole lake.
        pulled_at: the newest pull of the month's objects; None if no object says it.
        notes: sentences on what is unusual.
        digest: of all that the figures depend on.
    """

    month: Month
    code_ope: str
    table: pa.Table
    hours: pa.Table | None
    series: list[Series]
    weeks: list[list[tuple[date, float]]]
    days: list[LandedDay]
    newest_end: datetime
    pulled_at: datetime | None
    notes: list[str]
    digest: str

    @property
    def not_judged(self) -> int:
        """How many series have too few values."""
        rows = zip(self.table["kind"].to_pylist(), self.table["reason"].to_pylist(), strict=True)
        return sum(kind == "series" and reason is not None for kind, reason in rows)


class _ChangedError(Exception):
    """Objects changed while they were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthsOfCode:
    """An operator code, whose months are computed one by one.

    Attributes:
        shelf: of the operator code.
        with_hours: whether to return the clock hours, too.
        with_trends: whether to compute trends.
    """

    store: Store
    plan: FiguresPlan | ReportPlan
    shelf: Shelf
    inventory: Inventory | None = None
    with_hours: bool = False
    with_trends: bool = True
    _weeks: KnownWeeks = field(default_factory=KnownWeeks, init=False)

    def read(self, first: Month, last: Month) -> Landed:
        """Read the footers of all objects that the months depend on."""
        scopes = [Scope.make(self.plan, one, self.shelf) for one in (first, last)]
        window = Window(scopes[0].range.start, scopes[1].range.end)
        return Landed.read(self.store, self.shelf, window)

    def name(self, month: Month) -> str:
        """Name a month in a message."""
        return f"{self.shelf.name}, {month}"

    def digest(self, month: Month, landed: Landed) -> str:
        """Return a digest of all that the figures of a month depend on."""
        scope = Scope.make(self.plan, month, self.shelf)
        return digest_of(landed.within(scope.range), scope, self.inventory.digest if self.inventory else None)

    def compute(self, engine: Engine, month: Month, landed: Landed) -> MonthOfCode:
        """Compute a month, and again if objects change meanwhile.

        Raises:
            EvplError: as the store does; EvplNotPublishedError if no object of the month has landed;
                EvplOverlapError if objects overlap, or change again and again.
        """
        scope = Scope.make(self.plan, month, self.shelf)
        for _ in range(_ATTEMPTS):
            with suppress(_ChangedError):
                return self._compute_unchanged(engine, scope, landed.within(scope.range))
            landed = self.read(month, month)
        raise EvplOverlapError(
            f"{self.name(month)}: objects changed {_ATTEMPTS} times while they were read.",
            "Airflow retries. If the error stays, compute the figures at a time without pulls.",
        )

    def _compute_unchanged(self, engine: Engine, scope: Scope, landed: Landed) -> MonthOfCode:
        """Compute a month; raise _ChangedError if objects changed meanwhile."""
        try:
            found = self._compute_once(engine, scope, landed)
        except EvplStoreError:
            if landed.has_changed(scope.range):
                raise _ChangedError from None
            raise
        if landed.has_changed(scope.range):
            raise _ChangedError
        return found

    def _compute_once(self, engine: Engine, scope: Scope, landed: Landed) -> MonthOfCode:
        of_month = landed.within(scope.window)
        if not of_month.own:
            raise self._nothing_landed(scope.month)
        roster = landed.roster()
        expected = dict(self._expected(scope, roster))
        others = [one for one in roster.days() if one not in expected]
        source = RowSource(engine, landed.readable(), [*expected], scope.step, others)
        rows, hours, notes = series_rows(
            source,
            scope,
            [*expected.values()],
            known=self._weeks if self.with_trends else None,
            with_hours=self.with_hours,
        )
        groups = []
        if self.inventory:
            circuits = {one.object_instance_id for one in roster.days()}
            notes += add_mbits(source, rows, self.inventory, scope)
            groups = group_rows(source, rows, self.inventory, scope, circuits)
            notes += note_absent([*rows, *groups], self.inventory, scope, circuits)
        pulls = [footer.pulled_at for footer in of_month.own.values() if footer.pulled_at]
        return MonthOfCode(
            month=scope.month,
            code_ope=scope.code_ope,
            table=make_table([*rows, *end_rows(rows), *groups]),
            hours=hours,
            series=[*expected],
            weeks=_name_weeks(rows, scope),
            days=of_month.days(scope.window),
            newest_end=self.shelf.newest_end,
            pulled_at=max(pulls, default=None),
            notes=[*of_month.describe_foreign(), *notes],
            digest=self.digest(scope.month, landed),
        )

    def _expected(self, scope: Scope, roster: Roster) -> Iterator[tuple[Series, int | None]]:
        """Yield the series that may have samples in the month, or should, and their expected steps."""
        days = roster.days()
        for series in sorted(days, key=_nulls_first):
            first, last = days[series]
            steps = scope.count_expected(first, last)
            if steps or (first < scope.window.end and scope.window.start < last + DAY):
                yield series, steps

    def _nothing_landed(self, month: Month) -> EvplNotPublishedError:
        first, last = self.shelf.months(self.plan.time_zone)
        return EvplNotPublishedError(
            f"{self.name(month)}: no samples have landed.",
            "Choose another month, or pull this one.",
            f"The lake has {first} to {last}.",
        )

    def notes(self) -> list[str]:
        """Return notes that all months have in common."""
        dataset = self.shelf.dataset
        others = [one for one in find_granularities(self.store, dataset) if one != dataset.granularity]
        names = name_some([*map(name_of, others)])
        return [f"The lake also has granularity {names}. Set granularity to read it."] if others else []


def _name_weeks(rows: list[dict[str, Any]], scope: Scope) -> list[list[tuple[date, float]]]:
    mondays = [week.start.astimezone(scope.plan.time_zone).date() for week in scope.weeks]
    return [[(mondays[number], value) for number, value in row["weeks"]] for row in rows]


def _nulls_first(series: Series) -> tuple[tuple[bool, str], ...]:
    return tuple((text is not None, text or "") for text in series)
