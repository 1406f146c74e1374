"""Runs on a lake, mostly in memory, and what they leave."""

import io

import pyarrow.parquet as pq

from airflow_provider_evpl.lake.lake import Lake, Landing
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.window import Window
from tests.lake.build import MIDNIGHT, hourly, hours
from tests.lake.memory import MemoryStore

DATASET = Dataset("0042", "300s")
SOURCE = {"base_url": "https://api.orange.com", "job": "JOBV", "offer_type": "EVPL", "ctxtid": "wses"}
FOLDER = DATASET.folder(MIDNIGHT)
DAY = hours(0, 24)


def lake_of(store: Store, source: dict[str, str] = SOURCE) -> Lake:
    """Give the data set in a store."""
    return Lake(store, DATASET, source)


def run(store: Store, *slices: Window, value: float | None = 1.0, rejections: int = 0) -> list[Landing]:
    """Pull slices that show one value an hour, and land them."""
    lake = lake_of(store)
    return [
        lake.land(target, hourly(target.window, value, rejections=rejections), {"run_id": str(value)})
        for target in lake.targets(slices)
    ]


def intervals(store: Store) -> list[str]:
    """List the landed objects."""
    return [name for name in store.names(FOLDER) if name.endswith(".parquet")]


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
