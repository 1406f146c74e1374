"""Shared by the plain runners: request pages with requests, and convert a page to an Arrow batch."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa
import requests

from benchmarks.job import CREDENTIALS, Job

__all__ = ["NAMES", "SCHEMA", "batch", "pages"]

NAMES = ("objectType", "objectInstanceId", "metric_name", "pop_country", "pop_name", "pop_section_name")
SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in NAMES),
        pa.field("timestamp", pa.timestamp("us", "UTC")),
        pa.field("value", pa.float64()),
    ]
)


def pages(job: Job, day: str) -> Iterator[dict[str, Any]]:
    """Request one page after the other, with a new token and a new session for each day."""
    with requests.Session() as session:
        answer = session.post(job.token_url, data={"grant_type": "client_credentials"}, auth=CREDENTIALS)
        answer.raise_for_status()
        token = answer.json()["access_token"]
        index, has_next = 1, True
        while has_next:
            answer = session.get(
                job.report_url, params=job.parameters(day), headers=job.headers(token, index)
            )
            answer.raise_for_status()
            page = answer.json()
            yield page
            index += len(page["entries"])
            has_next = page["hasNext"]


def batch(page: dict[str, Any]) -> pa.RecordBatch:
    """Convert a page to a record batch with one row per sample."""
    entries = page["entries"]
    counts = [len(entry["performanceValues"]) for entry in entries]
    samples = list(chain.from_iterable(entry["performanceValues"] for entry in entries))
    texts = (
        [entry[name] for entry, count in zip(entries, counts, strict=True) for _ in range(count)]
        for name in NAMES
    )
    moments = pa.array([sample["timeStamp"] for sample in samples]).cast(SCHEMA.field("timestamp").type)
    values = pa.array([float(sample["value"]) for sample in samples])
    return pa.record_batch([*map(pa.array, texts), moments, values], schema=SCHEMA)
