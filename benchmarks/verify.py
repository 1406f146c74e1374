"""Whether what a run wrote is what the API has: `python -m benchmarks.verify FOLDER`.

It runs outside of what is measured. Names of columns are taken without case and underscores, types as they
are: each writes as its maker would.
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

__all__ = ["Written", "files", "look", "query"]

_COLUMNS = {
    "instance": "objectinstanceid",
    "metric": "metricname",
    "section": "popsectionname",
    "moment": "timestamp",
    "value": "value",
}


class Written(NamedTuple):
    """What is in a folder.

    Attributes:
        sums: of its rows.
        files: how many of Parquet.
        bytes: of those.
        row_groups: in all of them.
    """

    sums: Sums
    files: int
    bytes: int
    row_groups: int


def look(folder: Path) -> Written:
    """Read every Parquet file below a folder, but for a tool's own tables, which begin with `_`."""
    paths = files(folder)
    return Written(
        sums=_sums(paths) if paths else NOTHING,
        files=len(paths),
        bytes=sum(path.stat().st_size for path in paths),
        row_groups=sum(pq.read_metadata(path).num_row_groups for path in paths),
    )


def files(folder: Path) -> list[Path]:
    """List the Parquet files that hold samples."""
    return [path for path in sorted(folder.rglob("*.parquet")) if not _is_own(path.relative_to(folder))]


def _is_own(path: Path) -> bool:
    return any(part.startswith("_") for part in path.parts)


def query(paths: Iterable[Path], connection: duckdb.DuckDBPyConnection) -> str:
    """Give a query for the rows of files, with the columns that `sums.of_relation` takes."""
    listed = ", ".join(f"'{path}'" for path in paths)
    table = f"read_parquet([{listed}], hive_partitioning = false)"
    names = connection.sql(f"SELECT * FROM {table} LIMIT 0").columns  # noqa: S608 paths of our own
    found = {name.replace("_", "").lower(): name for name in names}
    columns = {ours: f'"{found[theirs]}"' for ours, theirs in _COLUMNS.items()}
    columns["moment"] = f"epoch_us({columns['moment']})"
    chosen = ", ".join(f"{column} AS {name}" for name, column in columns.items())
    return f"SELECT {chosen} FROM {table}"  # noqa: S608 likewise


def _sums(paths: Iterable[Path]) -> Sums:
    with closing(duckdb.connect()) as connection:
        return of_relation(query(paths, connection), connection)


if __name__ == "__main__":
    print(json.dumps(look(Path(sys.argv[1]))._asdict()))
