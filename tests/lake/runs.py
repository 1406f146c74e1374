"""Runs on a lake, mostly in memory, and what they leave."""

import io
import json
from collections.abc import Mapping

import pyarrow.parquet as pq

from airflow_provider_evpl.lake.lake import Lake, Landing, Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.objects import Objects
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.window import Window
from tests.lake.build import MIDNIGHT, hourly, hours
from tests.lake.memory import MemoryStore

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
    pq.write_table(file.read().replace_schema_metadata({**file.metadata.metadata, **changed}), sink)
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
    pq.write_table(file.read().replace_schema_metadata(texts), sink)
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
            for row in pq.ParquetFile(io.BytesIO(data)).read().to_pylist():
                found[row["timestamp"].hour] = row["value"]
    return found
