"""Reading a lake back, for tests."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from airflow_provider_evpl.lake.layout import parse_name
from airflow_provider_evpl.window import Window


class LakeRow(NamedTuple):
    """What tells rows apart here, and the value."""

    name: str
    timestamp: datetime
    value: float | None


def objects(root: Path) -> list[str]:
    """List all files below the root, relative."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def window_of(path: str) -> Window:
    """Read an object's interval from its path."""
    folder, _, name = path.rpartition("/")
    found = parse_name(name, datetime.fromisoformat(f"{folder[-10:]}T00:00Z"))
    assert found is not None
    return found


def rejected_of(path: str) -> str:
    """Give the path of the rejected samples that lie beside an object."""
    return path.replace("samples/", "rejected/", 1).removesuffix(".parquet") + ".jsonl"


def intervals(root: Path) -> list[str]:
    """List the intervals of the landed objects."""
    return sorted(path.stem for path in (root / "samples").rglob("*.parquet"))


def rows(root: Path) -> list[LakeRow]:
    """Read all rows, in the order of the objects."""
    return [row for path in sorted((root / "samples").rglob("*.parquet")) for row in _rows(path)]


def _rows(path: Path) -> Iterator[LakeRow]:
    for row in pq.ParquetFile(path).read().to_pylist():
        yield LakeRow(row["object_instance_id"], row["timestamp"], row["value"])
