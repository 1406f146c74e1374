"""Lakes for the report, and its model."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time

from airflow_provider_evpl.config.figures_plan import ReportPlan
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.flows.figures.landed import Shelf
from airflow_provider_evpl.flows.report.build import Builder
from airflow_provider_evpl.flows.report.model import ReportModel
from airflow_provider_evpl.lake.lake import Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.months import parse_month
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.support.lake import Answer, collect, lake_of, land, microseconds, rejection

Value = Callable[[Series, datetime], float | None]
"""The value of a series at a moment."""

NOW = datetime(2027, 1, 1, tzinfo=UTC)

LINES = tuple(
    Series(circuit, metric, "FR", pop, None, "EVPL")
    for circuit in ("a", "b")
    for metric in ("utilIn", "utilOut")
    for pop in ("LYS", "PAR")
)
"""Two circuits with two ends, in lake order."""


def days(first: str, last: str) -> list[Window]:
    """Give the UTC days from one to another, both included."""
    start, end = (datetime.combine(date.fromisoformat(one), time(), UTC) for one in (first, last))
    return [*Window(start, end + DAY).slices(DAY)]


def land_slices(  # noqa: PLR0913 one argument a property of the lake
    store: Store,
    slices: Iterable[Window],
    value: Value = lambda *_: 1.0,
    *,
    series: Iterable[Series] = LINES,
    code: str = "0042",
    granularity: str = "1h",
    rejections: int = 0,
) -> None:
    """Land slices with a sample at each step of each series."""
    step = Granularity(granularity).step or DAY
    lake = lake_of(store, dataset=Dataset(code, granularity))
    for one in slices:
        moments = [one.start + step * number for number in range(one.length // step)]
        rows = [(name, microseconds(at), value(name, at)) for name in series for at in moments]
        answer = Answer(rows, [rejection()] * rejections)
        samples = collect([answer], one, Granularity(granularity), code, one.end)
        land(lake, Target(one, {}), samples)


def plan_of(month: str | None = "2026-11", **arguments: object) -> ReportPlan:
    """Give the plan of a lake with a sample an hour."""
    return ReportPlan.from_arguments({"granularity": "1h", "month": month, **arguments})


def model_of(
    store: Store,
    *codes: str,
    plan: ReportPlan | None = None,
    inventory: Inventory | None = None,
    now: datetime = NOW,
) -> ReportModel:
    """Build the page of some operator codes, by default of 0042."""
    plan = plan or plan_of()
    month = plan.month or parse_month("2026-11")
    builder = Builder(store=store, plan=plan, month=month, inventory=inventory, now=now)
    shelves = [Shelf.find(store, Dataset(code, plan.granularity.text)) for code in codes or ("0042",)]
    parts = [builder.compute(shelf) for shelf in shelves if shelf]
    return builder.build(parts, has_all_codes=not plan.codes)
