"""The verifier sees whatever a run may have done to its rows, and takes every writer's names."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.shape import NOTHING, Sums
from benchmarks.sums import Row, of_rows
from benchmarks.verify import read_lake

ROWS: list[Row] = [
    ("EVPL-1", "utilizationIn", "PAR-01", 1_790_000_000_000_000, 1.25),
    ("EVPL-1", "utilizationIn", "LON-02", 1_790_000_000_000_000, 2.5),
    ("EVPL-2", "utilizationOut", "PAR-01", 1_790_000_300_000_000, 99.99),
]
NAMES = ("object_instance_id", "metric_name", "pop_section_name", "timestamp", "value")


def write(path: Path, rows: list[Row], names: tuple[str, ...] = NAMES, kind: str = "us") -> None:
    """Write rows as somebody would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    moments = pa.array(columns[names[3]], pa.timestamp("us", "UTC")).cast(pa.timestamp(kind, "UTC"))
    pq.write_table(pa.table({**columns, names[3]: moments}), path)


def test_who_wrote_them_how_makes_no_difference(tmp_path: Path) -> None:
    """Order, files, a style of names, the timestamps' unit and what begins with `_` change no sum."""
    theirs = ("objectInstanceId", "metric_name", "pop_section_name", "timeStamp", "value")
    write(tmp_path / "b" / "2.parquet", ROWS[:1], theirs, "ms")
    write(tmp_path / "a" / "1.parquet", ROWS[:0:-1], theirs, "ms")
    write(tmp_path / "_own" / "3.parquet", ROWS, theirs)
    written = read_lake(tmp_path)
    sizes = [path.stat().st_size for path in (tmp_path / "a" / "1.parquet", tmp_path / "b" / "2.parquet")]
    assert written.sums == of_rows(ROWS)
    assert (written.files, written.bytes, written.row_groups) == (2, sum(sizes), 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[1:],
        lambda rows: [*rows, rows[0]],
        lambda rows: [*rows[:2], rows[1]],
        lambda rows: [(*rows[0][:4], 2.5), (*rows[1][:4], 1.25), rows[2]],
        lambda rows: [("EVPL-3", *rows[0][1:]), *rows[1:]],
        lambda rows: [(*rows[0][:3], rows[0][3] + 1, rows[0][4]), *rows[1:]],
        lambda rows: [(*rows[0][:2], "PAR-02", *rows[0][3:]), *rows[1:]],
    ],
    ids=["missing", "doubled", "one for another", "values swapped", "circuit", "moment", "place"],
)
def test_wrong_rows_show(tmp_path: Path, change: Callable[[list[Row]], list[Row]]) -> None:
    """A row that is missing, doubled, changed or in another's place changes the sums."""
    write(tmp_path / "rows.parquet", change(ROWS))
    assert read_lake(tmp_path).sums != of_rows(ROWS)


def test_nothing_is_nothing(tmp_path: Path) -> None:
    """An empty folder has no rows, no file and no byte."""
    assert read_lake(tmp_path) == (NOTHING, 0, 0, 0)
    assert Sums(0, 0, 0) == NOTHING
