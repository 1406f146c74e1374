"""Computes the figures of months, and puts those that have changed."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_evpl.config.figures_plan import FiguresPlan, ReportPlan
from airflow_provider_evpl.errors import EvplNotPublishedError, name_of, name_some
from airflow_provider_evpl.flows.figures.engine import Engine
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.flows.figures.landed import Landed, Shelf, find_codes, find_granularities
from airflow_provider_evpl.flows.figures.months_of_code import MonthOfCode, MonthsOfCode
from airflow_provider_evpl.flows.figures.storage import figures_path, put_figures, read_figures
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.months import Month, name_days
from airflow_provider_evpl.window import Window, iso

__all__ = [
    "FiguresResult",
    "MonthObject",
    "MonthOfCode",
    "compute_figures",
    "compute_month",
    "describe_missing",
    "find_shelves",
]

_MOST_OBJECTS = 50
_MOST_NOTES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthObject:
    """The object of a month of an operator code.

    Attributes:
        path: a URL, without the connection id.
        series: the number of series.
        not_judged: how many of them have too few values.
    """

    month: str
    code_ope: str
    path: str
    series: int
    not_judged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresResult:
    """The figures of a range of months.

    Attributes:
        computed, unchanged: how many objects were put, and how many were left as they are.
    """

    granularity: str
    time_zone: str
    computed: int
    unchanged: int
    objects: list[MonthObject]
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON: the first and the last objects, and the first notes."""
        objects = self.objects
        if len(objects) > 2 * _MOST_OBJECTS:
            objects = objects[:_MOST_OBJECTS] + objects[-_MOST_OBJECTS:]
        return {
            "granularity": self.granularity,
            "time_zone": self.time_zone,
            "months": sorted({one.month for one in self.objects}),
            "computed": self.computed,
            "unchanged": self.unchanged,
            "object_count": len(self.objects),
            "objects": [asdict(one) for one in objects],
            "notes": self.notes[:_MOST_NOTES],
        }


def find_shelves(store: Store, plan: FiguresPlan | ReportPlan) -> list[Shelf]:
    """Find the operator codes of a plan, and how far the lake reaches for each.

    Raises:
        EvplNotPublishedError: nothing has landed of a code of the plan, or of any code.
    """
    granularity = plan.granularity.text
    found = {code: Shelf.find(store, Dataset(code, granularity)) for code in plan.codes or find_codes(store)}
    shelves = [shelf for shelf in found.values() if shelf]
    missing = [name_of(code) for code, shelf in found.items() if not shelf] if plan.codes else []
    if missing or not shelves:
        others = {one for code in found for one in find_granularities(store, Dataset(code, granularity))}
        raise EvplNotPublishedError(
            f"operator code {name_some(missing) or 'any'}: no samples of {granularity} have landed.",
            "Check code_ope and granularity, or pull a window first.",
            f"Granularities in the lake: {name_some(sorted(map(name_of, others)))}." if others else "",
        )
    return shelves


def describe_missing(store: Store, plan: FiguresPlan | ReportPlan, shelves: Iterable[Shelf]) -> Iterator[str]:
    """Yield a note on each operator code of the lake of which nothing has landed at the granularity."""
    known = {shelf.dataset.code_ope for shelf in shelves}
    granularity = plan.granularity.text
    for code in [] if plan.codes else find_codes(store):
        if code not in known:
            others = [
                one for one in find_granularities(store, Dataset(code, granularity)) if one != granularity
            ]
            lake = f" The lake has granularity {name_some([*map(name_of, others)])}." if others else ""
            yield f"operator code {name_of(code)}: no samples of {granularity} have landed.{lake}"


def compute_month(  # noqa: PLR0913 what a month depends on, and what to return
    store: Store,
    plan: FiguresPlan | ReportPlan,
    month: Month,
    code_ope: str,
    *,
    inventory: Inventory | None = None,
    with_hours: bool = False,
) -> MonthOfCode:
    """Compute the figures of a month of an operator code. Nothing is put.

    Raises:
        EvplNotPublishedError: no object of the month has landed.
        EvplOverlapError: objects overlap, or change again and again.
        EvplStoreError, EvplStoreDeniedError: the store fails or refuses.
    """
    [shelf] = find_shelves(store, replace(plan, codes=(code_ope,)))
    code = MonthsOfCode(store=store, plan=plan, shelf=shelf, inventory=inventory, with_hours=with_hours)
    with Engine(store) as engine:
        found = code.compute(engine, month, code.read(month, month))
    return replace(found, notes=[*code.notes(), *found.notes])


def compute_figures(store: Store, plan: FiguresPlan, *, inventory: Inventory | None = None) -> FiguresResult:
    """Compute the months of a plan that have changed, and put their figures.

    A month in which nothing has landed has no figures; a note names the month. If a month fails, the figures
    of the months before stay.

    Raises:
        EvplNotPublishedError: no month of the plan has samples.
        EvplError: all others that `compute_month` raises.
    """
    shelves = find_shelves(store, plan)
    done, notes = list[_Done](), [*describe_missing(store, plan, shelves)]
    last = plan.last_month or max(shelf.months(plan.time_zone)[1] for shelf in shelves)
    with Engine(store) as engine:
        for shelf in shelves:
            code = MonthsOfCode(store=store, plan=plan, shelf=shelf, inventory=inventory)
            notes += (
                f"{shelf.name}: {note}" for note in [*code.notes(), *_describe_reach(shelf, plan, last)]
            )
            done += _put_months(engine, code, plan)
    notes += (note for one in done for note in one.notes)
    objects = [one.object for one in done if one.object]
    if not objects:
        raise _no_figures(plan, shelves)
    if inventory and not plan.codes:
        notes += inventory.note_unknown(frozenset().union(*(one.circuits for one in done)))
    computed = sum(one.is_new for one in done)
    return FiguresResult(
        granularity=plan.granularity.text,
        time_zone=plan.time_zone.key,
        computed=computed,
        unchanged=len(objects) - computed,
        objects=objects,
        notes=notes,
    )


def _describe_reach(shelf: Shelf, plan: FiguresPlan, last: Month) -> Iterator[str]:
    """Yield a note if an operator code lacks months at the beginning or the end of a range."""
    start, end = shelf.months(plan.time_zone)
    if start > (plan.first_month or start) or end < last:
        yield f"The lake has {start} to {end}."


def _describe_gaps(found: MonthOfCode, window: Window) -> Iterator[str]:
    """Yield notes on the days whose slices did not all land, and on an early end of the samples.

    Slices are expected up to the newest one.
    """
    bound = min(window.end, found.newest_end)
    days = [one for one in found.days if one.window.start < bound]
    gaps = [one.window.start.date() for one in days if one.covered_seconds < _seconds(one.window, bound)]
    if gaps:
        yield f"Slices are missing on {len(gaps)} of {len(days)} days: {name_some(name_days(gaps))}."
    if bound < window.end:
        yield f"The newest slice ends at {iso(bound)}. All figures end there."


def _seconds(window: Window, bound: datetime) -> int:
    return int((min(window.end, bound) - window.start).total_seconds())


def _months(first: Month, last: Month) -> Iterator[Month]:
    while first <= last:
        yield first
        first = first.next


def _no_figures(plan: FiguresPlan, shelves: Iterable[Shelf]) -> EvplNotPublishedError:
    first, last = plan.first_month or "the beginning", plan.last_month or "the end"
    reaches = ((one.name, *one.months(plan.time_zone)) for one in shelves)
    lines = [f"{name}: the lake has {start} to {end}." for name, start, end in reaches]
    return EvplNotPublishedError(
        f"No samples have landed from {first} to {last}.",
        "Check first_month and last_month, or pull these months.",
        name_some(lines, "\n"),
    )


class _Done(NamedTuple):
    """A month that was computed, or has not changed. It has no object if nothing has landed."""

    object: MonthObject | None
    circuits: frozenset[str]
    notes: list[str]
    is_new: bool


def _put_months(engine: Engine, code: MonthsOfCode, plan: FiguresPlan) -> Iterator[_Done]:
    """Put the figures of all months of a plan that the lake has."""
    first, last = code.shelf.months(plan.time_zone)
    months = [*_months(max(first, plan.first_month or first), min(last, plan.last_month or last))]
    landed = code.read(months[0], months[-1]) if months else None
    for month in months:
        if landed and landed.within(month.window(plan.time_zone)).own:
            yield _put(engine, code, month, landed)
        else:
            note = f"{code.name(month)}: no samples have landed, so there are no figures."
            yield _Done(None, frozenset(), [note], is_new=False)


def _put(engine: Engine, code: MonthsOfCode, month: Month, landed: Landed) -> _Done:
    """Put the figures of a month, unless they have not changed."""
    path = figures_path(code.shelf.dataset, month)
    known, circuits = read_figures(code.store, path)
    is_new = known.get("digest") != code.digest(month, landed)
    if is_new:
        found = code.compute(engine, month, landed)
        circuits = frozenset(one.object_instance_id for one in found.series)
        known = {
            "digest": found.digest,
            "series": len(found.series),
            "not_judged": found.not_judged,
            "notes": [*_describe_gaps(found, month.window(code.plan.time_zone)), *found.notes],
        }
        put_figures(code.store, path, found.table, known)
    one = MonthObject(
        month=str(month),
        code_ope=code.shelf.dataset.code_ope,
        path=code.store.url(path),
        series=known["series"],
        not_judged=known["not_judged"],
    )
    return _Done(one, circuits, [f"{code.name(month)}: {note}" for note in known["notes"]], is_new)
