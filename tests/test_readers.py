"""One lake, read as the README says by each reader that it names."""

import re
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
import pytest

from airflow_provider_evpl.lake.lake import Lake
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.records import Series
from airflow_provider_evpl.window import DAY, Window
from tests.lake.build import MIDNIGHT, Answer, Row, collect, microseconds, rejection
from tests.lake.runs import SOURCE
from tests.lakes import objects
from tests.named import ROOT

[BLOCK] = (
    block
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    if "polars" in block
)
READERS = ("pyarrow", "pandas", "polars", "duckdb")
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
TYPES: dict[str, dict[pa.DataType, object]] = {  # what each reader calls text, a moment and a number
    "pyarrow": {TEXT: TEXT, MOMENT: MOMENT, NUMBER: NUMBER},
    "pandas": {one: pd.ArrowDtype(one) for one in (TEXT, MOMENT, NUMBER)},
    "polars": {TEXT: pl.String(), MOMENT: pl.Datetime("us", "UTC"), NUMBER: pl.Float64()},
    "duckdb": {TEXT: TEXT, MOMENT: MOMENT, NUMBER: NUMBER},
}


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


def _land(root: Path) -> None:
    for code in CODES:
        lake = Lake(LocalStore(str(root)), Dataset(code, "300s"), SOURCE)
        for day in range(3):
            window = Window(MIDNIGHT + day * DAY, MIDNIGHT + (day + 1) * DAY)
            samples = collect([Answer(_samples(day), [rejection()] * (day == 1))], window, code_ope=code)
            [target] = lake.targets([window])
            lake.land(target, samples, {})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Land three days of several operator codes, the last one empty; a killed run left something beside."""
    root = tmp_path_factory.mktemp("readers") / "demo-lake"
    _land(root)
    one = next((root / "samples").rglob("*.parquet"))
    one.with_name(f".{one.name}.{'0' * 32}.tmp").write_bytes(one.read_bytes()[:1000])
    assert Counter(Path(path).suffix for path in objects(root)) == {".parquet": 15, ".jsonl": 5, ".tmp": 1}
    return root


@pytest.fixture(scope="module")
def read(root: Path) -> Iterator[dict[str, Any]]:
    """Run the README's block beside the lake, and stay there: DuckDB reads when it is asked."""
    names: dict[str, Any] = {}
    with chdir(root.parent):
        exec(BLOCK, names)  # noqa: S102 the README's own code
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


def count_rows(found: Any) -> Counter[tuple[object, ...]]:  # noqa: ANN401 each reader has its own table
    """Count rows: moments in microseconds, values by all their bits."""
    table = _arrow(found).select(list(COLUMNS)).cast(pa.schema(COLUMNS))
    columns = {name: table[name].to_pylist() for name in COLUMNS}
    columns["timestamp"] = table["timestamp"].cast(pa.int64()).to_pylist()
    columns["value"] = [None if value is None else value.hex() for value in columns["value"]]
    return Counter(zip(*columns.values(), strict=True))


@pytest.mark.parametrize("reader", READERS)
def test_types_are_the_same(reader: str, read: dict[str, Any]) -> None:
    """Text is text, the columns of the folders too; moments are UTC in microseconds, values doubles."""
    assert _types(read[reader]) == {name: TYPES[reader][kind] for name, kind in COLUMNS.items()}


@pytest.mark.parametrize("reader", READERS)
def test_rows_are_the_same(reader: str, read: dict[str, Any]) -> None:
    """Every row that landed is read, once, to the bit: codes and names of any look, nulls, instants."""
    expected = Counter(expected_rows())
    assert expected.total() == len(expected) == len(CODES) * 2 * len(NAMES) * len(PLACES)
    assert count_rows(read[reader]) == expected


def test_the_options_have_their_reasons(root: Path) -> None:
    """Without them each reader does what the README says of it."""
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
