"""Publish a lake into an Iceberg table in a folder: `python -m benchmarks.publication STEP FOLDER`.

The last line of the output is JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from pyiceberg.catalog import load_catalog

from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.flows.publish.publish import Publication, Publisher
from airflow_provider_evpl.flows.publish.table import open_table
from airflow_provider_evpl.flows.publish.units import Unit
from airflow_provider_evpl.lake.lake import Lake
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.samples import SampleCollector
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.models import Entry, Page, Series
from airflow_provider_evpl.window import DAY, Granularity, Window
from benchmarks.verify import files

__all__ = ["COMMITS", "ROWS_A_DAY"]

COMMITS = (1, 100, 1000)
DAYS = 16
ROWS_A_DAY = 1_152_000

_SERIES = 4_000
_START = datetime(2026, 10, 1, tzinfo=UTC)
_SOURCE = {"base_url": "https://api.orange.com", "job": "JOBV", "offer_type": "EVPL", "ctxtid": "wses"}
_DATASET = Dataset("0042", "300s")


def _land(root: Path, days: int, series: int, seed: int) -> None:
    """Land days of random percentages with two decimals."""
    random = np.random.default_rng(seed)
    lake = Lake(LocalStore(str(root)), _DATASET, _SOURCE)
    for number in range(days):
        window = Window(_START + number * DAY, _START + (number + 1) * DAY)
        collector = SampleCollector(
            window, code_ope="0042", granularity=Granularity("300s"), pulled_at=datetime.now(UTC)
        )
        collector.add(_page(window, series, random))
        [target] = lake.targets([window])
        samples = collector.finish()
        lake.land(target, lake.change(target, samples), {})


def _page(window: Window, series: int, random: np.random.Generator) -> Page:
    start = int(window.start.timestamp()) * 1_000_000
    times = [start + step * 300_000_000 for step in range(288)]
    entries = [
        Entry(
            Series(
                f"EVPL{number // 2:06}", ("in", "out")[number % 2], "FR", f"POP{number % 97}", None, "EVPL"
            ),
            times,
            pack((random.integers(0, 10_000, 288) / 100).tolist()),
        )
        for number in range(series)
    ]
    return Page(
        current_page=None,
        total_pages=None,
        has_next=False,
        entry_count=len(entries),
        entries=entries,
        rejections=[],
    )


def _publish(folder: Path, lake: str, days: int) -> tuple[Publication, float]:
    """Publish into the table; return what was published, and the seconds that it took."""
    started = time.perf_counter()
    uri, warehouse = f"sqlite:///{folder}/catalog.db", f"file://{folder}/tables"
    catalog = load_catalog("bench", type="sql", uri=uri, warehouse=warehouse)
    publisher = Publisher(
        LocalStore(str(folder / lake)),
        _SOURCE,
        lambda: open_table(catalog, "evpl.utilization"),
        wait=time.sleep,
    )
    done = publisher.publish(Unit("0042", "300s", _START + number * DAY) for number in range(days))
    return done, time.perf_counter() - started


def _make(folder: Path) -> dict[str, Any]:
    for number, lake in enumerate(("old", "new")):
        _land(folder / lake, DAYS, _SERIES, number)
        _land(folder / f"small-{lake}", 1, 4, number)
    return {"seconds": _publish(folder, "old", 1)[1]}


def _replace(folder: Path, days: int) -> dict[str, Any]:
    before = {*files(folder / "tables")}
    done, seconds = _publish(folder, "new", days)
    added = {*files(folder / "tables")} - before
    landed = sorted(files(folder / "new"))[:days][-len(done.published) :]
    return {
        "rows": done.rows,
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "bytes": sum(path.stat().st_size for path in added),
        "lake_bytes": sum(path.stat().st_size for path in landed),
    }


def _commits(folder: Path) -> dict[str, Any]:
    """Replace a small day again and again; return the seconds of some of these publications."""
    seconds = [_publish(folder, lake, 1)[1] for lake in _last(cycle(("small-old", "small-new")))]
    # The median of three: the commit and its neighbors.
    return {str(number): sorted(seconds[max(0, number - 2) : number + 1])[-2] for number in COMMITS}


def _last(lakes: Iterator[str]) -> Iterator[str]:
    return (next(lakes) for _ in range(COMMITS[-1] + 1))


def main() -> None:
    """Run a step."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    steps = {
        "make": _make,
        "day": lambda folder: _replace(folder, 1),
        "days": lambda folder: _replace(folder, DAYS),
        "commits": _commits,
    }
    print(json.dumps(steps[step](folder)))


if __name__ == "__main__":
    main()
