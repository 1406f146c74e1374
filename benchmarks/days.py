"""Make a lake without an API: `python -m benchmarks.days FOLDER SERIES FIRST_DAY DAYS`.

The names are those of the sandbox. The values follow a curve of the day with noise; one of a thousand is
null. Days that are in the lake stay.
"""

import json
import sys
from array import array
from datetime import UTC, datetime, timedelta

import numpy as np

from airflow_provider_evpl.lake.lake import Lake
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.samples import SampleCollector, Samples
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.models import Entry, Page, Series
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.window import DAY, EPOCH, Granularity, Window

__all__ = ["make"]

_STEPS = 288
_STEP_SECONDS = 300
_NULLS = 0.001
_GRANULARITY = Granularity("300s")
_DATASET = Dataset("0042", _GRANULARITY.text)
_SOURCE = {"base_url": "https://api.orange.com", "job": "JOBV", "offer_type": "EVPL", "ctxtid": "wses"}


def make(folder: str, count: int, first_day: str, days: int) -> int:
    """Land the missing days of that many series; return the number of rows of the lake."""
    lake = Lake(LocalStore(folder, fsync=lambda _: None), _DATASET, _SOURCE)
    network = Network(circuits=count // 4, granularity_seconds=_STEP_SECONDS, seed=7)
    series = [Series(*(getattr(one, name) for name in Series._fields)) for one in network.series]
    first = datetime.fromisoformat(first_day).replace(tzinfo=UTC)
    for number in range(days):
        window = Window(first + number * DAY, first + (number + 1) * DAY)
        [target] = lake.targets([window])
        if not target.landed:
            samples = _collect(window, series, number)
            lake.land(target, lake.change(target, samples), {})
    return days * count * _STEPS


def _collect(window: Window, series: list[Series], number: int) -> Samples:
    random = np.random.default_rng(number)
    level = np.random.default_rng(1).uniform(2, 55, (len(series), 1))
    curve = 1 - 0.5 * np.cos(2 * np.pi * (np.arange(_STEPS) - 36) / _STEPS)
    values = level * curve + random.normal(0, 2, (len(series), _STEPS))
    values = values.round(2).clip(0, 100)
    values[random.random(values.shape) < _NULLS] = np.nan
    start = (window.start - EPOCH) // timedelta(microseconds=1)
    times = [start + step * _STEP_SECONDS * 1_000_000 for step in range(_STEPS)]
    entries = [Entry(one, times, array("d", row.tobytes())) for one, row in zip(series, values, strict=True)]
    collector = SampleCollector(
        window, code_ope=_DATASET.code_ope, granularity=_GRANULARITY, pulled_at=window.end
    )
    collector.add(
        Page(
            current_page=None,
            total_pages=None,
            has_next=False,
            entry_count=len(entries),
            entries=entries,
        )
    )
    return collector.finish()


if __name__ == "__main__":
    print(json.dumps(make(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
