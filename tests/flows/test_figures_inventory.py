"""Inventories as CSV and Parquet, and each wrong one."""

import io
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.flows.figures.inventory import MAX_BYTES, Inventory, Period, read_inventory

PARIS = ZoneInfo("Europe/Paris")
HEADER = "object_instance_id,committed_mbits"
NO_ZONE = datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None)
DATES = f"{HEADER},valid_from,valid_to"


def read(*lines: str, name: str = "lines.csv", zone: ZoneInfo = PARIS) -> Inventory:
    """Read an inventory from the lines of a CSV object."""
    return read_inventory("\n".join(lines).encode(), name, zone)


def parquet(columns: dict[str, Any]) -> bytes:
    """Write columns as a Parquet object."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def message(*lines: str) -> str:
    """Return the message for a wrong CSV inventory."""
    with pytest.raises(EvplConfigError) as caught:
        read(*lines)
    return str(caught.value)


@pytest.mark.contract("figure.inventory")
def test_csv_gives_all_columns() -> None:
    """Columns have any order. A date is midnight in the time zone, and a time has its own zone."""
    found = read(
        "\ufefflabel,object_instance_id, committed_mbits ,end,group,valid_from,valid_to",
        'Paris "A" <b>,0042, 100.5 ,PAR1,"Paris, Lyon",2026-11-01,2026-11-15T12:00:00+00:00',
    )
    period = Period(
        row=1,
        committed_mbits=100.5,
        end="PAR1",
        group="Paris, Lyon",
        label='Paris "A" <b>',
        valid_from=datetime(2026, 10, 31, 23, tzinfo=UTC),
        valid_to=datetime(2026, 11, 15, 12, tzinfo=UTC),
    )
    assert found.periods == {"0042": (period,)}


def test_optional_columns_and_cells_may_be_missing() -> None:
    """An empty cell is the same as a column that is missing."""
    bare, empty = Period(row=1, committed_mbits=1), Period(row=2, committed_mbits=2)
    assert read(HEADER, "a,1").periods == {"a": (bare,)}
    assert read(f"{HEADER},end,group,label,valid_from,valid_to", "", "a,2, ,,,,").periods == {"a": (empty,)}


def test_header_alone_is_an_empty_inventory() -> None:
    """No circuit has a rate."""
    assert read(HEADER).periods == {}


def test_parquet_gives_the_same_as_csv() -> None:
    """Dates, moments, numbers and nulls are read as the texts of a CSV object."""
    east = timezone(timedelta(hours=2))
    columns = {
        "object_instance_id": pa.array(["0042", "0042"]).dictionary_encode(),
        "committed_mbits": pa.array([100, 50]),
        "label": ["a", None],
        "valid_from": pa.array([None, date(2026, 11, 1)]),
        "valid_to": pa.array(
            [datetime(2026, 11, 1, 1, tzinfo=east), None], pa.timestamp("ns", "Europe/Paris")
        ),
    }
    csv = read(
        f"{HEADER},label,valid_from,valid_to",
        "0042,100,a,,2026-11-01T01:00:00+02:00",
        "0042,50,,2026-11-01,",
    )
    assert read_inventory(parquet(columns), "LINES.PARQUET", PARIS).periods == csv.periods


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view"])
def test_parquet_may_have_any_type_of_text(kind: str) -> None:
    """Which of them a file has depends on the program that wrote it."""
    columns = {"object_instance_id": pa.array(["007"], getattr(pa, kind)()), "committed_mbits": [1.0]}
    try:
        data = parquet(columns)
    except pa.ArrowNotImplementedError:
        pytest.skip(f"PyArrow {pa.__version__} writes no {kind}")
    assert [*read_inventory(data, "a.parquet", PARIS).periods] == ["007"]


def test_rows_are_numbered_through_the_batches_of_parquet() -> None:
    """A batch of the reader has 65,536 rows."""
    columns = {
        "object_instance_id": [str(number) for number in range(70_000)],
        "committed_mbits": [1.0] * 70_000,
    }
    assert read_inventory(parquet(columns), "a.parquet", PARIS).periods["69999"][0].row == 70_000


def test_period_and_newest_row_of_a_circuit_are_found() -> None:
    """The start of a period belongs to it, and its end to the next one."""
    found = read(DATES, "a,20,2026-11-10,2026-11-20", "a,10,,2026-11-10", "a,30,2026-11-25,")
    first, second, third = found.periods["a"]
    assert [one.committed_mbits for one in (first, second, third)] == [10, 20, 30]
    change = datetime(2026, 11, 9, 23, tzinfo=UTC)
    assert found.period_at("a", change - timedelta.resolution) == first
    assert found.period_at("a", change) == second
    assert found.period_at("a", datetime(2026, 11, 22, tzinfo=UTC)) is None
    assert found.period_at("b", change) is None
    assert (found.newest("a"), found.newest("b")) == (third, None)


def test_digest_is_that_of_the_bytes() -> None:
    """Another byte gives another digest."""
    assert read(HEADER, "a,1").digest == read(HEADER, "a,1").digest != read(HEADER, "a,2").digest


@pytest.mark.contract("figure.inventory")
def test_unknown_circuits_and_circuits_without_a_row_are_noted() -> None:
    """A note has a count and up to five names. Names stay on one line."""
    found = read(HEADER, *(f"c{number},1" for number in range(7)))
    assert found.note_unknown([f"c{number}" for number in range(9)]) == []
    assert found.note_missing(["c0"]) == []
    assert found.note_unknown(["c0", "new"]) == [
        "Circuits in the inventory, but not in the lake: 6 (c1, c2, c3, c4, c5 and 1 more)."
    ]
    assert found.note_missing(["c0", "new\nline"]) == [
        "Circuits in the lake, but not in the inventory: 1 (new line)."
    ]


@pytest.mark.contract("figure.inventory")
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["committed_mbits,group"], "inventory: the object lacks columns: object_instance_id."),
        ([], "inventory: the object lacks columns: object_instance_id, committed_mbits."),
        ([f"{HEADER},grp,"], "inventory: the object has unknown columns: grp, (empty)."),
        ([f"{HEADER},end,end"], "inventory: the object has a column twice: end."),
        ([HEADER, "a,1", "", "b,1,2"], "inventory row 3: has 3 cells, but the header has 2."),
        ([HEADER, "a,1", " ,1"], "inventory row 2: object_instance_id: is empty."),
        ([HEADER, 'a,"1'], "inventory: the CSV object can't be read."),
        ([HEADER, "a,-5"], "inventory row 1: committed_mbits: must be a number above 0, but is '-5'."),
        ([HEADER, "a,0"], "inventory row 1: committed_mbits: must be a number above 0, but is '0'."),
        ([HEADER, "a,"], "inventory row 1: committed_mbits: must be a number above 0, but is ''."),
        ([HEADER, "a,inf"], "inventory row 1: committed_mbits: must be a number above 0, but is 'inf'."),
        ([DATES, "a,1,1.11.2026,"], "inventory row 1: valid_from: must be a date, or a time with a zone"),
        ([DATES, "a,1,,2026-11-01T00:00:00"], "inventory row 1: valid_to: must be a date, or a time with"),
        (
            [DATES, "a,1,0001-01-01,"],
            "inventory row 1: valid_from: must be a date within the years 1 to 9999",
        ),
        ([DATES, "a,1,2026-11-02,2026-11-02"], "inventory row 1: valid_to: must be after valid_from"),
        ([HEADER, "a,1", "b,1", "a,1"], "inventory rows 1 and 3: the periods of circuit a overlap."),
        ([DATES, "a,1,2026-11-05,", "a,1,,2026-11-06"], "inventory rows 1 and 2: the periods of circuit a"),
    ],
)
def test_wrong_csv_is_an_error_that_names_the_place(lines: list[str], expected: str) -> None:
    """Rows are counted from 1, after the header. Blank rows count."""
    assert message(*lines).startswith(expected)


def test_csv_with_semicolons_names_the_next_step() -> None:
    """Some spreadsheets write semicolons."""
    assert "with commas between the columns" in message(HEADER.replace(",", ";"), "a;1")


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"", "a.xlsx", "inventory: the name must end in .csv or .parquet, but is 'a.xlsx'."),
        (b"\xff\xfe", "a.csv", "inventory: the CSV object is not UTF-8."),
        (b"PAR1", "a.parquet", "inventory: the Parquet object can't be read."),
        (bytes(MAX_BYTES + 1), "a.csv", "inventory: has more than 64 MB."),
        (
            parquet({"object_instance_id": [42], "committed_mbits": [1.0]}),
            "a.parquet",
            "inventory column object_instance_id: must be text, but is int64.",
        ),
        (
            parquet({"object_instance_id": ["a"], "committed_mbits": [float("nan")]}),
            "a.parquet",
            "inventory row 1: committed_mbits: must be a number above 0, but is 'nan'.",
        ),
        (
            parquet({"object_instance_id": ["a"], "committed_mbits": [[1.0]]}),
            "a.parquet",
            "inventory: the Parquet object can't be read.",
        ),
        (
            parquet({"object_instance_id": ["a"], "committed_mbits": [1], "valid_to": [NO_ZONE]}),
            "a.parquet",
            "inventory row 1: valid_to: must be a date, or a time with a zone",
        ),
    ],
)
def test_wrong_object_is_an_error(data: bytes, name: str, expected: str) -> None:
    """Nothing of the object is used."""
    with pytest.raises(EvplConfigError) as caught:
        read_inventory(data, name, PARIS)
    assert str(caught.value).startswith(expected)
