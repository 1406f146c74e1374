"""Runs of the core on a lake in memory, and what a reader finds there, in the model's terms."""

import io
import os
from functools import lru_cache
from typing import Final

import pyarrow.parquet as pq

from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from tests.fake_api import FakeApi
from tests.lake.memory import MemoryStore
from tests.lakes import rejected_of, window_of
from tests.model import Content, Interval, Key, Request, number

SEQUENCES: Final = int(os.environ.get("EVPL_SEQUENCES", "100"))
"""How many a law tries; `make laws` sets more."""


def pull_once(api: FakeApi, request: Request, store: MemoryStore) -> Summary:
    """Run once, without waits."""
    with api.client(requests_per_second=1e9, page_parallelism=1) as client:
        return pull(client, store, request.plan, provenance={})


def read(store: MemoryStore) -> dict[Interval, Content]:
    """Read a lake, as the model has it."""
    found = {}
    for path, data in store.objects.items():
        if path.startswith("samples/"):
            window = window_of(path)
            rejected = store.objects.get(rejected_of(path), b"").splitlines()
            found[number(window.start), number(window.end)] = Content(_rows(data), len(rejected))
    return found


@lru_cache(maxsize=1000)
def _rows(data: bytes) -> dict[Key, float | None]:
    rows = pq.ParquetFile(io.BytesIO(data)).read().to_pylist()
    keyed = {(row["object_instance_id"], number(row["timestamp"])): row["value"] for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def shown(store: MemoryStore) -> dict[Key, float | None]:
    """What a reader finds who takes the longest interval's word."""
    by_length = sorted(read(store).items(), key=lambda one: one[0][1] - one[0][0])
    return {key: value for _, content in by_length for key, value in content.rows.items()}
