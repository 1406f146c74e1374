import io
import json
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import airflow_provider_evpl
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.parquet import Footer, digest_series, encode, read_footer
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY
from tests.support.lake import (
    MIDNIGHT,
    PULLED_AT,
    Answer,
    Row,
    circuit,
    collect,
    earlier,
    fewer,
    hourly,
    hours,
    microseconds,
)

SOURCE = {"base_url": "https://api.orange.com", "job": "JOBV", "offer_type": "EVPL", "ctxtid": "wses,vsn"}
START = microseconds(MIDNIGHT)
TEXT, MOMENT, NUMBER = pa.string(), pa.timestamp("us", "UTC"), pa.float64()
CONTRACT = [  # name, Arrow type, may be null: the contract's table
    ("code_ope", TEXT, False),
    ("object_type", TEXT, True),
    ("object_instance_id", TEXT, False),
    ("metric_name", TEXT, False),
    ("pop_country", TEXT, True),
    ("pop_name", TEXT, True),
    ("pop_section_name", TEXT, True),
    ("timestamp", MOMENT, False),
    ("value", NUMBER, True),
]
ORDER = [  # the contract's
    *("object_instance_id", "metric_name", "pop_country", "pop_name", "pop_section_name", "object_type"),
    "timestamp",
]

texts = st.one_of(st.none(), st.sampled_from(["", "0042", "é", "🛰", "a"]))
series = st.builds(Series, st.sampled_from(["0042", "c", "é"]), st.just("in"), texts, texts, texts, texts)
floats = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 5e-324, sys.float_info.max, 0.1 + 0.2]),
)
rows = st.lists(
    st.tuples(series, st.integers(START, START + DAY.days * 86_400_000_000 - 1), floats), max_size=30
)


def _encode(samples: Samples, provenance: Mapping[str, str] | None = None) -> bytes:
    return bytes(encode(samples, Dataset("0042", "300s"), source=SOURCE, provenance=provenance or {}))


def _day(given_rows: list[Row]) -> Samples:
    return collect([Answer(given_rows, [])], hours(0, 24))


def _bits(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "value": row["value"] is not None and struct.pack("<d", row["value"])} for row in rows]


@pytest.mark.contract("column.code_ope", "column.object_type", "column.object_instance_id")
@pytest.mark.contract("column.metric_name", "column.pop_country", "column.timestamp", "column.value")
@pytest.mark.contract("lake.columns-added")
@pytest.mark.parametrize("samples", [hourly(hours(0, 24)), _day([])], ids=["rows", "empty"])
def test_schema_is_that_of_the_contract(samples: Samples) -> None:
    """Names, order, plain types and REQUIRED columns are those of the contract, with rows or without."""
    file = pq.ParquetFile(io.BytesIO(_encode(samples)))
    found = [(field.name, field.type, field.nullable) for field in file.schema_arrow]
    assert found == CONTRACT
    assert file.metadata.num_rows == samples.ledger.rows
    required = [file.schema.column(i).max_definition_level == 0 for i in range(len(CONTRACT))]
    assert required == [not nullable for _, _, nullable in CONTRACT]
    groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
    assert {group.column(0).compression for group in groups} <= {"ZSTD"}


@pytest.mark.contract("column.value", "lake.unique-and-sorted")
@fewer
@given(rows)
def test_rows_read_back_as_they_were_collected(given_rows: list[Row]) -> None:
    """They are sorted and unique. Texts and nulls are as they were, and values are equal bit by bit."""
    samples = _day(given_rows)
    read = pq.read_table(io.BytesIO(_encode(samples))).to_pylist()
    assert _bits(read) == _bits(samples.rows.table().to_pylist())
    keys = [[(row[name] is not None, row[name] or "") for name in ORDER[:-1]] for row in read]
    moments = [row["timestamp"] for row in read]
    assert list(zip(keys, moments, strict=True)) == sorted(zip(keys, moments, strict=True))
    assert len({tuple(row[name] for name in ORDER) for row in read}) == len(read)


@pytest.mark.contract("lake.unique-and-sorted")
def test_footer_has_the_sort_order() -> None:
    """Each row group has the sort columns of the contract, ascending, nulls first."""
    metadata = pq.ParquetFile(io.BytesIO(_encode(hourly(hours(0, 24))))).metadata
    for index in range(metadata.num_row_groups):
        order = metadata.row_group(index).sorting_columns
        assert [metadata.schema.column(one.column_index).name for one in order] == ORDER
        assert all(one.nulls_first and not one.descending for one in order)


@pytest.mark.contract("lake.footer")
def test_footer_has_the_provenance() -> None:
    """It has source, slice, counts, series, times, versions and ids of the run, and no Arrow schema."""
    samples = hourly(hours(0, 24), rejections=2)
    raw = pq.ParquetFile(
        io.BytesIO(_encode(samples, {"dag_id": "daily", "slice": "not mine"}))
    ).metadata.metadata
    found = {key.decode(): value.decode() for key, value in raw.items()}
    assert json.loads(found.pop("evpl.source")) == SOURCE
    assert json.loads(found.pop("evpl.ledger")) == asdict(samples.ledger)
    assert found == {
        "evpl.schema_version": "1",
        "evpl.provider_version": airflow_provider_evpl.__version__,
        "evpl.slice": "2026-11-22T00:00:00Z/2026-11-23T00:00:00Z",
        "evpl.code_ope": "0042",
        "evpl.granularity": "300s",
        "evpl.series_digest": digest_series(samples.rows.series),
        "evpl.lowest_share": str(24 / 288),
        "evpl.pulled_at": "2026-11-24T00:00:00Z",
        "evpl.first_pulled_at": "2026-11-24T00:00:00Z",
        "evpl.unknown_fields": "[]",
        "evpl.dag_id": "daily",
    }


@pytest.mark.contract("lake.columns-added")
def test_object_with_a_further_column_reads_as_before(tmp_path: Path) -> None:
    """A later version may add a nullable column. The object is read together with those of this version."""
    old = pq.ParquetFile(io.BytesIO(_encode(hourly(hours(0, 1)))))
    wider = old.read().append_column("unit", pa.array(["%"] * 2))
    later = {**old.metadata.metadata, b"evpl.schema_version": b"2", b"evpl.later": b"more"}
    pq.write_table(wider.replace_schema_metadata(later), tmp_path / "later.parquet")
    (tmp_path / "now.parquet").write_bytes(_encode(hourly(hours(1, 2))))
    footer = read_footer(io.BytesIO((tmp_path / "later.parquet").read_bytes()))
    assert footer == read_footer(io.BytesIO(_encode(hourly(hours(0, 1)))))
    schema = pq.read_schema(tmp_path / "now.parquet")
    assert pq.ParquetDataset(tmp_path, schema=schema).read().num_rows == 4
    with duckdb.connect() as connection:
        query = "SELECT * FROM read_parquet(?, union_by_name = true) ORDER BY timestamp"
        found = connection.execute(query, [str(tmp_path / "*.parquet")])
        assert [one[0] for one in found.description] == [*(name for name, _, _ in CONTRACT), "unit"]
        assert [row[-1] for row in found.fetchall()] == ["%", "%", None, None]


@fewer
@given(rows)
def test_footer_reads_back_as_written(given_rows: list[Row]) -> None:
    """It has source, counts, times, and how complete the slice is."""
    samples = _day(given_rows)
    assert read_footer(io.BytesIO(_encode(samples))) == Footer(
        source=SOURCE,
        code_ope="0042",
        granularity="300s",
        slice=str(hours(0, 24)),
        ledger=samples.ledger,
        series_digest=digest_series(samples.rows.series),
        lowest_share=samples.completeness.lowest_share if samples.completeness else None,
        pulled_at=PULLED_AT,
        first_pulled_at=PULLED_AT,
    )


@pytest.mark.contract("lake.earlier-versions")
def test_footer_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """It lacks the later keys. Its `pulled_at` may be any text, which then counts as missing."""
    path, samples = tmp_path / "earlier.parquet", hourly(hours(0, 1))
    for text, moment in (("2026-11-23T03:00:00Z", datetime(2026, 11, 23, 3, tzinfo=UTC)), ("03:00", None)):
        path.write_bytes(earlier(_encode(samples), pulled_at=text))
        footer = read_footer(io.BytesIO(path.read_bytes()))
        assert footer == Footer(
            source=SOURCE,
            code_ope=None,
            granularity="300s",
            slice=str(hours(0, 1)),
            ledger=replace(samples.ledger, values=None),
            pulled_at=moment,
        )


@pytest.mark.contract("lake.pulled-at")
def test_first_pull_of_replaced_objects_is_kept() -> None:
    """A clock that was set back does not change that."""
    for before, first in ((MIDNIGHT, MIDNIGHT), (None, PULLED_AT), (PULLED_AT + DAY, PULLED_AT)):
        data = encode(
            hourly(hours(0, 1)),
            Dataset("0042", "300s"),
            source=SOURCE,
            provenance={},
            first_pulled_at=before,
        )
        footer = read_footer(io.BytesIO(bytes(data)))
        assert footer is not None
        assert (footer.pulled_at, footer.first_pulled_at) == (PULLED_AT, first)


def test_same_samples_give_the_same_bytes() -> None:
    """Writing the same samples again gives the same bytes."""
    assert _encode(hourly(hours(0, 24))) == _encode(hourly(hours(0, 24)))


def test_readers_can_skip_row_groups_and_pages() -> None:
    """Statistics and page index exist for the columns that queries filter by, and for no others."""
    given_rows: list[Row] = [(circuit(name), START + at, float(at)) for name in "ab" for at in range(70_000)]
    metadata = pq.ParquetFile(io.BytesIO(_encode(_day(given_rows)))).metadata
    pruned = {"object_instance_id", "metric_name", "timestamp", "value"}
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        columns = [group.column(at) for at in range(group.num_columns)]
        assert {one.path_in_schema for one in columns if one.is_stats_set} == pruned
        assert {one.path_in_schema for one in columns if one.has_column_index} == pruned
        assert all(one.has_offset_index for one in columns)
    last = metadata.row_group(metadata.num_row_groups - 1)
    found = {one.path_in_schema: one.statistics for one in map(last.column, range(last.num_columns))}
    assert (found["object_instance_id"].min, found["object_instance_id"].max) == ("b", "b")


@pytest.mark.contract("lake.empty-slice")
def test_object_without_rows_has_no_row_group() -> None:
    """ClickHouse 25.8 fails for the whole lake at a row group of 0 rows."""
    data = _encode(_day([]))
    assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 0
    footer = read_footer(io.BytesIO(data))
    assert footer is not None
    assert (footer.ledger.rows, footer.ledger.observed, footer.slice) == (0, 0, str(hours(0, 24)))


def test_large_slice_has_several_row_groups() -> None:
    """All rows read back."""
    given_rows: list[Row] = [(circuit("a"), START + at, float(at)) for at in range(122_881)]
    file = pq.ParquetFile(io.BytesIO(_encode(_day(given_rows))))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [122_880, 1]
    assert file.read()["value"].to_pylist() == [value for _, _, value in given_rows]
    footer = read_footer(io.BytesIO(_encode(_day(given_rows))))
    assert footer is not None
    assert (footer.ledger.rows, footer.ledger.null_values) == (122_881, 0)


def _foreign(metadata: dict[bytes, bytes] | None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(
        pa.table([pa.Array.from_buffers(NUMBER, 0, [None, None])], ["value"], metadata=metadata), sink
    )
    return sink.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"PAR1PAR1",
        b"a,b\n1,2\n" * 9,
        b"PAR1" + b"\xff" * 90 + b"\x10\0\0\0PAR1",
        b"PAR1" + b"\xff" * 90 + b"\xff\xff\xff\xffPAR1",
        _foreign(None),
        _foreign({b"writer": b"another"}),
        _foreign({b"\xff": b"\xfe"}),
        _foreign({b"evpl.source": b"{}"}),
        _foreign({b"evpl.source": b"{}", b"evpl.ledger": b"[]"}),
        _foreign({b"evpl.source": b"5", b"evpl.ledger": b'{"rows": 1, "null_values": 0}'}),
    ],
    ids=[
        "empty",
        "magic",
        "no footer",
        "text",
        "garbage",
        "too long",
        "none",
        "another",
        "binary",
        "half",
        "odd",
        "no source",
    ],
)
def test_footer_of_a_foreign_file_is_none(content: bytes) -> None:
    """The file is no Parquet file, is damaged, or has no footer of this package."""
    assert read_footer(io.BytesIO(content)) is None


def test_footer_of_a_cut_object_is_none() -> None:
    """The beginning or the end of the object is missing."""
    whole = _encode(hourly(hours(0, 24)))
    assert read_footer(io.BytesIO(whole[:-1])) is None
    assert read_footer(io.BytesIO(whole[:100])) is None


class _Unreadable(io.BytesIO):
    """A file that can't be read."""

    def read(self, _size: int | None = -1) -> bytes:
        """Fail."""
        raise ConnectionResetError


def test_unreadable_file_raises_its_error() -> None:
    """A file that can not be read is not taken for a foreign file."""
    with pytest.raises(ConnectionResetError):
        read_footer(_Unreadable(_encode(hourly(hours(0, 1)))))


def test_pandas_is_not_imported() -> None:
    """A process that collects, encodes, reads and compares does not import pandas, though it is installed."""
    program = (
        "import io, sys\n"
        "from airflow_provider_evpl.lake.layout import Dataset\n"
        "from airflow_provider_evpl.lake.parquet import encode, read_footer\n"
        "from airflow_provider_evpl.lake.contents import read_parts\n"
        "from airflow_provider_evpl.lake.revisions import revise\n"
        "from tests.support.lake import hourly, hours\n"
        "DAY = hours(0, 24)\n"
        "data = encode(hourly(DAY), Dataset('0042', '300s'), source={}, provenance={})\n"
        "assert read_footer(io.BytesIO(data)).ledger.rows == 48\n"
        "found = revise(hourly(DAY).rows, DAY, [DAY], lambda _: read_parts(data.to_pybytes()))\n"
        "assert found == (0, 0, 0, None)\n"
        "assert 'pandas' not in sys.modules\n"
        "import pandas\n"
    )
    root = Path(airflow_provider_evpl.__file__).parent.parent
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


@pytest.mark.parametrize(
    "odd",
    [
        {"observed": None},
        {"expected": None},
        {"series": -1},
        {"null_values": -1},
        {"null_values": 3},
        {"expected": -1},
        {"values": -1},
        {"values": 3},
        {"rows": 1.5},
    ],
    ids=str,
)
def test_footer_with_impossible_counts_is_none(tmp_path: Path, odd: dict[str, object]) -> None:
    """`encode` writes no such ledger."""
    ours, theirs = tmp_path / "ours.parquet", tmp_path / "theirs.parquet"
    ours.write_bytes(_encode(hourly(hours(0, 1))))
    footer = pq.read_metadata(ours).metadata
    ledger = json.loads(footer[b"evpl.ledger"]) | odd
    texts = {**footer, b"evpl.ledger": json.dumps(ledger).encode()}
    pq.write_table(pq.read_table(ours).replace_schema_metadata(texts), theirs)
    assert read_footer(io.BytesIO(theirs.read_bytes())) is None


def test_footer_of_rewritten_rows_is_none(tmp_path: Path) -> None:
    """Another program has written more rows and kept the footer."""
    ours, theirs = tmp_path / "ours.parquet", tmp_path / "theirs.parquet"
    ours.write_bytes(_encode(hourly(hours(0, 1))))
    table = pq.read_table(ours)
    footer = pq.read_metadata(ours).metadata
    pq.write_table(pa.concat_tables([table, table]).replace_schema_metadata(footer), theirs)
    assert pq.read_metadata(theirs).metadata[b"evpl.ledger"] == footer[b"evpl.ledger"]
    assert read_footer(io.BytesIO(theirs.read_bytes())) is None
