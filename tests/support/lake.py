"""Samples made by hand, runs that land them in a lake, and checks of its coverage."""

import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pyarrow.parquet as pq
from hypothesis import settings

from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.flows.coverage import find_gaps
from airflow_provider_evpl.flows.findings import Coverage, Outcome
from airflow_provider_evpl.lake.lake import Lake, Landing, Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.objects import Objects
from airflow_provider_evpl.lake.samples import SampleCollector, Samples
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.models import Entry, Page, Rejection, Series
from airflow_provider_evpl.window import EPOCH, Granularity, Window
from tests.support.stores import MemoryStore

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
PULLED_AT = MIDNIGHT + timedelta(days=2)
"""When a slice is pulled, if a test doesn't say."""

FIVE_MINUTES = Granularity("300s")

fewer = settings(max_examples=60)
"""For a law that takes its time."""

Row = tuple[Series, int, float | None]
"""Series, microseconds since the epoch, value."""


class Answer(NamedTuple):
    """What is on a page."""

    rows: list[Row]
    rejections: list[Rejection]


def hours(start: int, end: int) -> Window:
    """Hours of the day that starts at MIDNIGHT."""
    return Window(MIDNIGHT + start * HOUR, MIDNIGHT + end * HOUR)


def microseconds(moment: datetime) -> int:
    """Since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def circuit(name: str) -> Series:
    """A series by its circuit."""
    return Series(name, "in", None, None, None, "EVPL")


def rejection(
    raw: str = '{"value": true}', *, entry: int = 0, sample: int | None = 0, samples: int = 1
) -> Rejection:
    """A sample that could not be read."""
    return Rejection("value is neither number, text nor null", entry, sample, samples, raw)


def page(answer: Answer) -> Page:
    """As the decoder gives it: an entry a sample, and an entry a rejected entry."""
    return Page(
        current_page=None,
        total_pages=None,
        has_next=False,
        entry_count=len(answer.rows) + sum(one.sample is None for one in answer.rejections),
        entries=[Entry(series, [timestamp], pack([value])) for series, timestamp, value in answer.rows],
        rejections=answer.rejections,
    )


def collect(
    answers: Iterable[Answer],
    window: Window,
    granularity: Granularity = FIVE_MINUTES,
    code_ope: str = "0042",
    pulled_at: datetime = PULLED_AT,
) -> Samples:
    """Collect pages."""
    collector = SampleCollector(window, code_ope=code_ope, granularity=granularity, pulled_at=pulled_at)
    for answer in answers:
        collector.add(page(answer))
    return collector.finish()


def hourly(
    window: Window,
    value: float | None = 1.0,
    *,
    circuits: Iterable[str] = "ab",
    rejections: int = 0,
    pulled_at: datetime = PULLED_AT,
) -> Samples:
    """Collect a sample an hour and circuit, all of one value."""
    start, end = (int((bound - MIDNIGHT) / HOUR) for bound in (window.start, window.end))
    moments = [microseconds(MIDNIGHT + hour * HOUR) for hour in range(start, end)]
    rows = [(circuit(name), moment, value) for name in circuits for moment in moments]
    return collect([Answer(rows, [rejection()] * rejections)], window, pulled_at=pulled_at)


DATASET = Dataset("0042", "300s")
SOURCE = {"base_url": "https://api.orange.com", "job": "JOBV", "offer_type": "EVPL", "ctxtid": "wses"}
FOLDER = DATASET.folder(MIDNIGHT)
DAY = hours(0, 24)


def lake_of(store: Store, source: dict[str, str] = SOURCE, *, dataset: Dataset = DATASET) -> Lake:
    """Give the data set in a store."""
    return Lake(store, dataset, source)


def run(store: Store, *slices: Window, value: float | None = 1.0, rejections: int = 0) -> list[Landing]:
    """Pull slices that show one value an hour, and land them."""
    lake = lake_of(store)
    return [
        land(lake, target, hourly(target.window, value, rejections=rejections), {"run_id": str(value)})
        for target in lake.targets(slices)
    ]


def land(
    lake: Lake, target: Target, samples: Samples, provenance: Mapping[str, str] | None = None
) -> Landing:
    """Land a slice, whatever it changes."""
    return lake.land(target, lake.change(target, samples), provenance or {})


def objects_of(store: Store, source: dict[str, str] = SOURCE) -> Objects:
    """Give the landed objects of the data set in a store."""
    return Objects(store, DATASET, source)


def with_footer(data: bytes, **texts: str) -> bytes:
    """Give an object with other texts in its footer."""
    file = pq.ParquetFile(io.BytesIO(data))
    changed = {f"evpl.{key}".encode(): text.encode() for key, text in texts.items()}
    sink = io.BytesIO()
    table = pq.read_table(io.BytesIO(data))
    pq.write_table(table.replace_schema_metadata({**file.metadata.metadata, **changed}), sink)
    return sink.getvalue()


def earlier(data: bytes, *, pulled_at: str) -> bytes:
    """Give an object as an earlier version wrote it: without the keys that came later."""
    file = pq.ParquetFile(io.BytesIO(data))
    texts = dict(file.metadata.metadata)
    for key in ("code_ope", "series_digest", "lowest_share", "first_pulled_at"):
        del texts[f"evpl.{key}".encode()]
    ledger = json.loads(texts[b"evpl.ledger"])
    del ledger["values"]
    texts |= {b"evpl.ledger": json.dumps(ledger).encode(), b"evpl.pulled_at": pulled_at.encode()}
    sink = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(data)).replace_schema_metadata(texts), sink)
    return sink.getvalue()


def damaged(data: bytes) -> bytes:
    """Give an object whose footer can be read, and whose rows can't."""
    return data[:4] + bytes(200) + data[204:]


def intervals(store: Store) -> list[str]:
    """List the landed objects."""
    return [name for name in store.listing(FOLDER) if name.endswith(".parquet")]


def names_of(*windows: Window) -> list[str]:
    """Give the names of intervals."""
    return [DATASET.samples_path(window).rpartition("/")[2] for window in windows]


def shown(store: MemoryStore) -> dict[int, float | None]:
    """Read what a reader finds an hour, both circuits agreeing: the longest interval is right."""
    found: dict[int, float | None] = {}
    windows = [
        window for start in range(24) for end in range(start + 1, 25) for window in [hours(start, end)]
    ]
    for window in sorted(windows, key=lambda one: one.length):
        data = store.objects.get(DATASET.samples_path(window))
        if data is not None:
            for row in pq.read_table(io.BytesIO(data)).to_pylist():
                found[row["timestamp"].hour] = row["value"]
    return found


HOURLY_OF_288 = 24 / 288
"""What the helpers land of a day at five minutes: a sample an hour."""

ONE_DAY = timedelta(days=1)


def look(
    store: MemoryStore,
    window: Window = DAY,
    *,
    min_coverage: float = HOURLY_OF_288,
    give_up_after: timedelta | None = None,
    now: datetime = PULLED_AT,
) -> Coverage:
    """Look over a store."""
    return find_gaps(
        objects_of(store), window, min_coverage=min_coverage, give_up_after=give_up_after, now=now
    )


def put(
    store: Store,
    window: Window,
    circuits: Iterable[str] = "ab",
    *,
    value: float | None = 1.0,
    pulled_at: datetime = PULLED_AT,
) -> None:
    """Land a slice of some circuits, and replace all objects that overlap it."""
    [target] = lake_of(store).targets([window])
    land(lake_of(store), target, hourly(target.window, value, circuits=circuits, pulled_at=pulled_at))


def day(number: int) -> Window:
    """Give a UTC day, counted from MIDNIGHT."""
    return hours(24 * number, 24 * number + 24)


def kinds(coverage: Coverage) -> list[tuple[str, Window]]:
    """Of each finding its kind and window."""
    return [(one.kind, one.window) for one in coverage.findings]


def outcomes(coverage: Coverage) -> list[tuple[str, Window, Outcome]]:
    """Of each finding its kind and window, and what happens to it."""
    return [(one.kind, one.window, one.outcome) for one in coverage.findings]


def leave_over(store: MemoryStore, *windows: Window) -> None:
    """Land some hours, then their day, and bring the hours back, as a killed run leaves them."""
    run(store, *windows)
    leftover = dict(store.objects)
    run(store, DAY)
    store.objects |= leftover
