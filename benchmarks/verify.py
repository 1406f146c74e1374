"""Read what a run wrote, to compare it with the API: `python -m benchmarks.verify FOLDER`.

This is not part of the measurement. Case and underscores of column names are ignored, because each
participant uses its own names.
"""

import json
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow.parquet as pq

from benchmarks.shape import NOTHING, Sums
from benchmarks.sums import of_relation

__all__ = ["Written", "files", "query", "read_lake"]

_COLUMNS = {
    "instance": "objectinstanceid",
    "metric": "metricname",
    "section": "popsectionname",
    "moment": "timestamp",
    "value": "value",
}


class Written(NamedTuple):
    """The contents of a folder.

    Attributes:
        sums: sums of its rows.
        files: number of Parquet files.
        bytes: size of these files.
        row_groups: number of row groups in these files.
    """

    sums: Sums
    files: int
    bytes: int
    row_groups: int


def read_lake(folder: Path) -> Written:
    """Read every Parquet file below a folder, except the internal tables of a tool, which begin with `_`."""
    paths = files(folder)
    return Written(
        sums=_sums(paths) if paths else NOTHING,
        files=len(paths),
        bytes=sum(path.stat().st_size for path in paths),
        row_groups=sum(pq.read_metadata(path).num_row_groups for path in paths),
    )


def files(folder: Path) -> list[Path]:
    """Return the Parquet files with samples."""
    return [path for path in sorted(folder.rglob("*.parquet")) if not _is_own(path.relative_to(folder))]


def _is_own(path: Path) -> bool:
    return any(part.startswith("_") for part in path.parts)


def query(paths: Iterable[Path], connection: duckdb.DuckDBPyConnection) -> str:
    """Return a query for the rows of files, with the columns that `sums.of_relation` needs."""
    listed = ", ".join(f"'{path}'" for path in paths)
    table = f"read_parquet([{listed}], hive_partitioning = false)"
    names = connection.sql(f"SELECT * FROM {table} LIMIT 0").columns  # noqa: S608 the paths are our own
    found = {name.replace("_", "").lower(): name for name in names}
    columns = {ours: f'"{found[theirs]}"' for ours, theirs in _COLUMNS.items()}
    columns["moment"] = f"epoch_us({columns['moment']})"
    chosen = ", ".join(f"{column} AS {name}" for name, column in columns.items())
    return f"SELECT {chosen} FROM {table}"  # noqa: S608 the paths are our own


def _sums(paths: Iterable[Path]) -> Sums:
    with closing(duckdb.connect()) as connection:
        return of_relation(query(paths, connection), connection)


if __name__ == "__main__":
    print(json.dumps(read_lake(Path(sys.argv[1]))._asdict()))
