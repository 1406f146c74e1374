"""Query a month with DuckDB: `python -m benchmarks.question FOLDER CIRCUIT`."""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import duckdb

from benchmarks.verify import files, query

__all__ = ["ask"]

_PERCENTILE = """
SELECT instance, metric, section, quantile_disc(value, 0.95)
FROM ({rows}) WHERE {condition} GROUP BY ALL ORDER BY ALL
"""


def ask(folder: Path, circuit: int) -> tuple[int, float, float]:
    """Query the 95th percentiles of one circuit, then of all circuits.

    Each query uses a new database, because DuckDB caches.

    Returns:
        Bytes read for one circuit, seconds for one circuit, seconds for all circuits.
    """
    one_bytes, one_seconds = _ask(folder, f"instance = 'EVPL-{circuit:06}'")
    _, all_seconds = _ask(folder, "true")
    return one_bytes, one_seconds, all_seconds


def _ask(folder: Path, condition: str) -> tuple[int, float]:
    with closing(duckdb.connect()) as connection:
        text = _PERCENTILE.format(rows=query(files(folder), connection), condition=condition)
        before, started = _bytes_read(), time.perf_counter()
        connection.sql(text).fetchall()
        seconds = time.perf_counter() - started
        return _bytes_read() - before, seconds


def _bytes_read() -> int:
    """Return how many bytes this process has read so far, including reads from caches."""
    line, *_ = Path("/proc/self/io").read_text().splitlines()
    return int(line.removeprefix("rchar: "))


if __name__ == "__main__":
    print(json.dumps(ask(Path(sys.argv[1]), int(sys.argv[2]))))
