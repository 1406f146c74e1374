"""Prepare report bodies from the sandbox's network, and the sums of their samples.

`python -m benchmarks.data CIRCUITS PAGE_ENTRIES DAYS ROOT`. Both are kept on disk. They are made again when
the code that makes them changes.
"""

import hashlib
import json
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import duckdb

from airflow_provider_evpl import sandbox
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.pages import PageRequest, render_page
from benchmarks.shape import GRANULARITY_SECONDS, Shape, Sums
from benchmarks.sums import of_rows

__all__ = ["make"]

_SEED = 7
_HERE = Path(__file__).parent
_SOURCES = (
    *(_HERE / name for name in ("data.py", "shape.py", "sums.py")),
    *sorted(Path(sandbox.__path__[0]).glob("*.py")),
)


def make(shape: Shape, root: Path) -> Path:
    """Make the missing days, and remove the data of an earlier version of this code.

    Returns:
        A folder with two files for each day. `DAY.bodies` has all pages, one after the other. `DAY.json` has
        the length of each page and the sums of the day.
    """
    version = _version()
    for folder in root.glob("*-*-*"):
        if not folder.name.endswith(version):
            shutil.rmtree(folder)
    folder = root / f"{shape.circuits}-{shape.page_entries}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [day for day in shape.each_day() if not (folder / f"{day}.json").exists()]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        make_all = pool.map if len(missing) > 1 else map
        for day in make_all(partial(_make_day, shape, folder), missing):
            print(f"made {shape.samples_a_day:,} samples of {day}", file=sys.stderr, flush=True)
    return folder


def _version() -> str:
    """Return a hash of the code and of the hash function's version."""
    parts = (*(path.read_bytes() for path in _SOURCES), duckdb.__version__.encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def _make_day(shape: Shape, folder: Path, day: str) -> str:
    network = Network(circuits=shape.circuits, granularity_seconds=GRANULARITY_SECONDS, seed=_SEED)
    start = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    steps = network.steps(start=start, end=start + 86_400)
    lengths = []
    with (folder / f"{day}.bodies").open("wb") as file:
        for first in range(1, len(network.series) + 1, shape.page_entries):
            page = PageRequest(steps, first=first, size=shape.page_entries)
            lengths.append(file.write(render_page(network, page=page)))
    (folder / f"{day}.json").write_text(json.dumps({"lengths": lengths, "sums": _sums(network, steps)}))
    return day


def _sums(network: Network, steps: range) -> Sums:
    """Sum the values of the generating function, not of the bodies, so that a mistake in the bodies shows."""
    return of_rows(
        (row.object_instance_id, row.metric_name, row.pop_section_name, row.timestamp * 1_000_000, row.value)
        for row in network.truth(start=steps.start, end=steps.stop)
    )


if __name__ == "__main__":
    circuits, page_entries, days = map(int, sys.argv[1:4])
    made = make(Shape(circuits=circuits, page_entries=page_entries, days=days), Path(sys.argv[4]))
    print(json.dumps(str(made)))
