"""One lake, read as its page says by each reader that it names."""

from collections import Counter
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tests.support.lake import MIDNIGHT, with_footer
from tests.support.lake_files import (
    CODES,
    COLUMNS,
    MOMENT,
    NAMES,
    NUMBER,
    PLACES,
    TEXT,
    block_of_readers,
    count_rows,
    expected_rows,
    land,
)

READERS = ("pyarrow", "pandas", "polars", "duckdb")
TYPES: dict[str, dict[pa.DataType, object]] = {  # what each reader calls text, a moment and a number
    "pyarrow": {TEXT: TEXT, MOMENT: MOMENT, NUMBER: NUMBER},
    "pandas": {one: pd.ArrowDtype(one) for one in (TEXT, MOMENT, NUMBER)},
    "polars": {TEXT: pl.String(), MOMENT: pl.Datetime("us", "UTC"), NUMBER: pl.Float64()},
    "duckdb": {TEXT: TEXT, MOMENT: MOMENT, NUMBER: NUMBER},
}


@pytest.fixture(scope="module", params=[False, True], ids=["", "earlier version"])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Land what is to be read; in an earlier version an empty object had a row group without rows."""
    root = tmp_path_factory.mktemp("readers") / "demo-lake"
    land(root)
    for path in root.rglob("*.parquet"):
        file = pq.ParquetFile(path)
        assert (file.num_row_groups == 0) == (file.metadata.num_rows == 0)
        if request.param and not file.num_row_groups:
            path.write_bytes(with_footer(path.read_bytes()))
            assert pq.ParquetFile(path).num_row_groups == 1
    return root


@pytest.fixture(scope="module")
def read(root: Path) -> Iterator[dict[str, Any]]:
    """Run the page's block beside the lake, and stay there: DuckDB reads when it is asked."""
    names: dict[str, Any] = {}
    with chdir(root.parent):
        exec(block_of_readers("by_duckdb"), names)  # noqa: S102 the page's own code
        yield {reader: names[f"by_{reader}"] for reader in READERS}


def _types(found: Any) -> dict[str, object]:  # noqa: ANN401 each reader has its own table
    if isinstance(found, pd.DataFrame):
        return dict(found.dtypes)
    if isinstance(found, pl.DataFrame):
        return dict(found.schema)
    return {field.name: field.type for field in _arrow(found).schema}


def _arrow(found: Any) -> pa.Table:  # noqa: ANN401 each reader has its own table
    if isinstance(found, pd.DataFrame):
        return pa.Table.from_pandas(found, preserve_index=False)
    if isinstance(found, pl.DataFrame):
        return found.to_arrow()
    return found if isinstance(found, pa.Table) else found.to_arrow_table()


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_gives_the_same_types(reader: str, read: dict[str, Any]) -> None:
    """Texts, moments in UTC microseconds and doubles, also for the columns of the folders."""
    assert _types(read[reader]) == {name: TYPES[reader][kind] for name, kind in COLUMNS.items()}


@pytest.mark.contract("lake.partitions", "lake.op-prefix", "gap.A17")
@pytest.mark.parametrize("reader", READERS)
def test_each_reader_gives_the_same_rows(reader: str, read: dict[str, Any]) -> None:
    """Each landed row is read once and exactly: unusual codes and names, nulls, times."""
    expected = Counter(expected_rows())
    assert expected.total() == len(expected) == len(CODES) * 2 * len(NAMES) * len(PLACES)
    assert count_rows(_arrow(read[reader])) == expected


def test_a_reader_without_its_options_changes_the_rows(root: Path) -> None:
    """Without the options of the page, each reader does what the page warns of."""
    folder, objects = f"{root}/samples", f"{root}/samples/**/*.parquet"
    names = {"operator_code", "granularity", "date"}
    assert not names & set(ds.dataset(folder).schema.names)
    frame = pd.read_parquet(folder)
    assert all(isinstance(frame[name].dtype, pd.CategoricalDtype) for name in names)
    assert frame["value"].dtype == "float64"
    assert frame["value"].isna().any()
    assert not names & set(pl.read_parquet_schema(objects))
    assert pl.scan_parquet(objects, hive_partitioning=True).collect_schema()["date"] == pl.Date
    with pytest.raises(pl.exceptions.InvalidOperationError, match="different file extensions"):
        pl.read_parquet(folder)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        query = "SELECT DISTINCT date, date_trunc('day', timestamp)::text FROM read_parquet(?) ORDER BY date"
        [(date, day), _] = connection.execute(query, [objects]).fetchall()
    assert (date, day) == (MIDNIGHT.date(), "2026-11-22 00:00:00+09")
