"""Samples of a few series in a store, for the SQL of the figures."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_evpl.config.figures_plan import FiguresPlan
from airflow_provider_evpl.flows.figures.engine import Engine, LandedObject, RowSource
from airflow_provider_evpl.flows.figures.inventory import Inventory, read_inventory
from airflow_provider_evpl.flows.figures.landed import Shelf
from airflow_provider_evpl.flows.figures.series import Scope, series_rows
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.schema import TABLE_SCHEMA
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.months import parse_month
from airflow_provider_evpl.window import DAY, Window, floor
from tests.support.stores import MemoryStore

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)

Samples = Mapping[datetime, float | None]


class Source(NamedTuple):
    """The samples, and the rows of their series in November 2026."""

    samples: RowSource
    rows: list[dict[str, Any]]
    scope: Scope
    store: MemoryStore


def series_of(
    circuit: str, direction: str = "In", section: str | None = "A", name: str | None = "Paris"
) -> Series:
    """A series at one end of a circuit."""
    return Series(circuit, f"utilization{direction}", "France", name, section, "EVPL")


def hourly(
    value: float | Callable[[int], float | None] | None, start: datetime = START, end: datetime = END
) -> dict[datetime, float | None]:
    """Make a sample an hour. A function gets the number of the hour, from 0."""
    moments = [start + number * HOUR for number in range((end - start) // HOUR)]
    return {one: value(number) if callable(value) else value for number, one in enumerate(moments)}


def inventory_of(*lines: str, columns: str = "end,group", zone: str = "UTC") -> Inventory:
    """Read an inventory of lines: id and rate, then the columns."""
    text = "\n".join([f"object_instance_id,committed_mbits,{columns}", *lines])
    return read_inventory(text.encode(), "inventory.csv", ZoneInfo(zone))


@contextmanager
def source_of(
    samples: Mapping[Series, Samples], *, end: datetime = END, **arguments: object
) -> Iterator[Source]:
    """Write samples into an object, and compute the rows of their series.

    Args:
        samples: by series, in any order.
        end: of the newest slice.
        arguments: of the plan; the granularity is `1h` by default.
    """
    plan = FiguresPlan.from_arguments({"granularity": "1h", **arguments})
    dataset = Dataset("0042", plan.granularity.text)
    scope = Scope.make(
        plan,
        parse_month("2026-11"),
        Shelf(dataset=dataset, source={}, first_day=START, newest_end=end),
    )
    ordered = sorted(samples, key=lambda one: tuple((name is not None, name or "") for name in one))
    store = MemoryStore()
    store.put("samples.parquet", _write(samples))
    moments = [moment for found in samples.values() for moment in found]
    landed = Window(floor(min(moments), DAY), floor(max(moments), DAY) + DAY)
    objects = {landed: LandedObject("samples.parquet", len(store.objects["samples.parquet"]), len(moments))}
    with Engine(store) as engine:
        source = RowSource(engine, objects, ordered, scope.step)
        expected = scope.count_expected(scope.window.start, scope.bound)
        rows, *_ = series_rows(source, scope, [expected] * len(ordered), with_hours=False)
        yield Source(source, rows, scope, store)


def _write(samples: Mapping[Series, Samples]) -> bytes:
    columns: Sequence[tuple[object, ...]] = [
        ("0042", *(getattr(one, name) for name in TABLE_SCHEMA.names[1:7]), moment, value)
        for one, found in samples.items()
        for moment, value in found.items()
    ]
    rows = [dict(zip(TABLE_SCHEMA.names, row, strict=True)) for row in columns]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, TABLE_SCHEMA), sink, store_schema=False)
    return sink.getvalue()
