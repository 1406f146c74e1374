"""A lake on disk, read back: by our layout, and by PyArrow, pandas and DuckDB."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from pyarrow.fs import FSSpecHandler, PyFileSystem

from airflow_provider_evpl.lake.lake import Lake
from airflow_provider_evpl.lake.layout import Dataset, parse_name
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Window
from tests.support.documents import BLOCKS
from tests.support.killing import LocalPlace, Place, connect_s3
from tests.support.lake import MIDNIGHT, SOURCE, Answer, Row, collect, microseconds, rejection


class LakeRow(NamedTuple):
    """What identifies a row here, and the value."""

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
    for row in pq.read_table(path, partitioning=None).to_pylist():
        yield LakeRow(row["object_instance_id"], row["timestamp"], row["value"])


CODES = ("0042", "1e5", "007", "null", "a/b é%2F=&+ 🛰")
NAMES = [
    *("EVPL-1", "0042", "1e5", "NULL", "nan", "true", "2026-11-22", "", " ", "../../x", "/", "a,b;c\tz"),
    *("a'b\"c\\", "line\nbreak\r\n", "e\u0301 é", "🛰", "nul\0byte", "-- ; DROP", "x" * 10_000),
]
PLACES = ((None, None, 0.1 + 0.2), ("", "EVPL", None), ("é", "", -0.0))
"""Country, type of the object, and the value there."""

TEXT, MOMENT, NUMBER = pa.string(), pa.timestamp("us", "UTC"), pa.float64()
COLUMNS = {
    **dict.fromkeys(("code_ope", "object_type", "object_instance_id", "metric_name"), TEXT),
    **dict.fromkeys(("pop_country", "pop_name", "pop_section_name"), TEXT),
    "timestamp": MOMENT,
    "value": NUMBER,
    **dict.fromkeys(("operator_code", "granularity", "date"), TEXT),
}


def block_of_readers(word: str) -> str:
    """Give the only block of Python on the lake's page that has a word."""
    [block] = (one for one in BLOCKS if one.page == "lake.md" and word in one.text)
    return block.text


def land(root: Path) -> None:
    """Land three days of several operator codes, the last one empty; a killed run left something beside."""
    for code in CODES:
        lake = Lake(LocalStore(str(root)), Dataset(code, "300s"), SOURCE)
        for day in range(3):
            window = Window(MIDNIGHT + day * DAY, MIDNIGHT + (day + 1) * DAY)
            samples = collect([Answer(_samples(day), [rejection()] * (day == 1))], window, code_ope=code)
            [target] = lake.targets([window])
            lake.land(target, lake.change(target, samples), {})
    one = next((root / "samples").rglob("*.parquet"))
    one.with_name(f".{one.name}.{'0' * 32}.tmp").write_bytes(one.read_bytes()[:1000])
    assert Counter(Path(path).suffix for path in objects(root)) == {".parquet": 15, ".jsonl": 5, ".tmp": 1}


def _samples(day: int) -> list[Row]:
    """Every name at every place, at a moment that only microseconds tell; none on the third day."""
    start = microseconds(MIDNIGHT + day * DAY)
    return [
        (Series(name, "in", country, None, "x", kind), start + at, value)
        for at, name in enumerate(NAMES)
        for country, kind, value in PLACES
        if day < 2
    ]


def expected_rows() -> Iterator[tuple[object, ...]]:
    """Give the rows that landed, value by its bits, and what their folders say."""
    for code in CODES:
        for day in range(3):
            folders = (f"op-{code}", "300s", f"{MIDNIGHT + day * DAY:%Y-%m-%d}")
            for (name, metric, country, pop, section, kind), moment, value in _samples(day):
                number = None if value is None else value.hex()
                yield code, kind, name, metric, country, pop, section, moment, number, *folders


def count_rows(table: pa.Table) -> Counter[tuple[object, ...]]:
    """Count rows: moments in microseconds, values by all their bits."""
    table = table.select(list(COLUMNS)).cast(pa.schema(COLUMNS))
    columns = {name: table[name].to_pylist() for name in COLUMNS}
    columns["timestamp"] = table["timestamp"].cast(pa.int64()).to_pylist()
    columns["value"] = [None if value is None else value.hex() for value in columns["value"]]
    return Counter(zip(*columns.values(), strict=True))


def rows_by_arrow(place: Place) -> int:
    """Read all columns of all rows by pyarrow's dataset."""
    fs = None if isinstance(place, LocalPlace) else PyFileSystem(FSSpecHandler(_fresh(place.url)))
    dataset = ds.dataset(f"{place.root}/samples", format="parquet", partitioning="hive", filesystem=fs)
    return int(dataset.to_table().num_rows)


def rows_by_duckdb(place: Place) -> int:
    """Read all columns of all rows by DuckDB's glob."""
    connection = duckdb.connect()
    protocol = ""
    if not isinstance(place, LocalPlace):
        connection.register_filesystem(_fresh(place.url))
        protocol = "s3://"
    glob = f"{protocol}{place.root}/samples/**/*.parquet"
    return len(connection.execute("SELECT * FROM read_parquet(?)", [glob]).fetchall())


def rows_by_pandas(place: LocalPlace) -> int:
    """Read the folder by pandas."""
    return len(pd.read_parquet(f"{place.root}/samples"))


def _fresh(url: str) -> AbstractFileSystem:
    fs = connect_s3(url)
    fs.invalidate_cache()
    return fs
