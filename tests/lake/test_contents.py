"""Reading the rows of a landed object, and counting them by series."""

import io
from array import array
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.errors import EvplStoreError
from airflow_provider_evpl.lake.contents import (
    Counts,
    SeriesCounter,
    UnreadableError,
    read_code_ope,
    read_parts,
    read_series,
)
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.parquet import encode
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY
from tests.support.lake import (
    DATASET,
    MIDNIGHT,
    SOURCE,
    Answer,
    Row,
    circuit,
    collect,
    damaged,
    earlier,
    fewer,
    hours,
    lake_of,
    land,
    microseconds,
    objects_of,
)
from tests.support.stores import MemoryStore

STEP = 300_000_000
START = microseconds(MIDNIGHT)
rows = st.lists(
    st.tuples(
        st.sampled_from([circuit("a"), circuit("b"), Series("a", "out", None, None, "", None)]),
        st.integers(0, 40).map(lambda number: START + number * STEP // 3),
        st.sampled_from([None, 1.0]),
    ),
    max_size=40,
    unique_by=lambda row: row[:2],
)


def written(samples: Samples) -> bytes:
    """Write a slice as an object."""
    data = encode(samples, Dataset("0042", "300s"), source=SOURCE, provenance={})
    return bytes(data.to_pybytes())


def counted(given_rows: list[Row]) -> dict[Series, Counts]:
    """Count by brute force."""
    found = {}
    for series in {row[0] for row in given_rows}:
        own = [(moment // STEP, value) for name, moment, value in given_rows if name == series]
        values = [step for step, value in own if value is not None]
        found[series] = Counts(len(own), len(values), len({step for step, _ in own}), len(set(values)))
    return found


@fewer
@given(rows)
def test_counts_of_each_series_are_exact(given_rows: list[Row]) -> None:
    """Rows, values and steps equal those counted in plain Python. Without a step no steps are counted."""
    data = written(collect([Answer(given_rows, [])], hours(0, 24)))
    counter, stepless = SeriesCounter(STEP), SeriesCounter(None)
    for part in read_parts(data):
        counter.add(part)
        stepless.add(part)
    assert counter.counts == counted(given_rows)
    assert {series: one[:2] for series, one in stepless.counts.items()} == {
        series: one[:2] for series, one in counter.counts.items()
    }
    assert all(one[2:] == (0, 0) for one in stepless.counts.values())
    assert read_series(data) == counter.counts.keys()
    assert read_code_ope(data) == ("0042" if given_rows else None)


def test_step_that_spans_two_parts_counts_once() -> None:
    """The series have more samples than a part, several in each step, some without a value."""
    second = STEP // 300
    given_rows: list[Row] = [
        (circuit(name), START + at * 5 * second, None if at % 7 else 1.0)
        for name in "ab"
        for at in range(10_000)
    ]
    counter = SeriesCounter(STEP)
    parts = list(read_parts(written(collect([Answer(given_rows, [])], hours(0, 24)))))
    for part in parts:
        counter.add(part)
    assert len(parts) > 1
    assert counter.counts == counted(given_rows)


def test_damaged_rows_raise_unreadable_error() -> None:
    """The error differs from the error of a failing store."""
    data = written(collect([Answer([(circuit("a"), START, 1.0)], [])], hours(0, 24)))
    for read in (read_series, read_code_ope, lambda data: list(read_parts(data))):
        with pytest.raises(UnreadableError):
            read(damaged(data))


def test_texts_that_are_not_utf8_raise_unreadable_error() -> None:
    """A damaged object may hold any bytes."""
    table = pq.read_table(
        pa.BufferReader(written(collect([Answer([(circuit("a"), START, 1.0)], [])], hours(0, 24))))
    )
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(array("i", [0, 1])), pa.py_buffer(b"\xff"))
    sink = pa.BufferOutputStream()
    pq.write_table(table.set_column(table.schema.get_field_index("pop_name"), "pop_name", broken), sink)
    data = sink.getvalue().to_pybytes()
    for read in (read_series, lambda data: list(read_parts(data))):
        with pytest.raises(UnreadableError, match="UnicodeDecodeError"):
            read(data)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("value", pa.float32()),
        ("value", pa.string()),
        ("timestamp", pa.timestamp("ms", "UTC")),
        ("timestamp", pa.string()),
        ("pop_name", pa.null()),
        ("object_instance_id", pa.binary()),
        ("value", pa.struct([("\r\nERROR \x1b[2J" + "x" * 5000, pa.int8())])),
        ("value", None),
        ("timestamp", None),
        ("metric_name", None),
    ],
    ids=lambda one: str(one)[:12],
)
def test_column_of_another_type_raises_unreadable_error(column: str, kind: pa.DataType | None) -> None:
    """Another program has rewritten the object. The error names the column on one short line."""
    data = written(collect([Answer([(circuit("a"), START, 1.0)], [])], hours(0, 24)))
    table = pq.read_table(io.BytesIO(data))
    at = table.column_names.index(column)
    table = table.remove_column(at)
    if kind is not None:
        table = table.add_column(at, column, pa.nulls(1, kind))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    with pytest.raises(UnreadableError, match=column) as error:
        list(read_parts(sink.getvalue()))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 1000


class TestNewestSeries:
    """The series of the newest object of ours with rows that ended shortly before."""

    @staticmethod
    def lake(*hours_of_circuits: tuple[int, int, str]) -> MemoryStore:
        """Land a sample of each circuit in some hours."""
        store = MemoryStore()
        for start, end, names in hours_of_circuits:
            window = hours(start, end)
            given_rows: list[Row] = [(circuit(name), microseconds(window.start), 1.0) for name in names]
            [target] = lake_of(store).targets([window])
            land(lake_of(store), target, collect([Answer(given_rows, [])], window))
        return store

    @pytest.mark.parametrize(
        ("landed", "expected"),
        [
            ([(0, 1, "a"), (1, 2, "b")], "b"),
            ([(0, 1, "a"), (1, 2, "")], "a"),  # one without rows says nothing
            ([(0, 1, "a"), (1, 3, "b")], "a"),  # one that ends later is none before
            ([(-22, -21, "a")], "a"),
            ([(-23, -22, "a")], ""),  # it ended 24 hours before
            ([], ""),
        ],
    )
    def test_newest_object_with_rows_gives_the_series(
        self, landed: list[tuple[int, int, str]], expected: str
    ) -> None:
        """The object must end before the third hour of the day, by less than 24 hours."""
        found = objects_of(self.lake(*landed)).newest_series(hours(2, 3).start, DAY)
        assert found == {circuit(name) for name in expected}

    def test_newest_object_is_the_one_that_ends_last(self) -> None:
        """A leftover hour begins after its day begins, and ends before the day ends."""
        store = self.lake((-20, -19, "b"))
        leftover = dict(store.objects)
        store.objects |= self.lake((-24, 0, "a")).objects | leftover
        assert objects_of(store).newest_series(hours(2, 3).start, DAY) == {circuit("a")}

    def test_object_of_an_earlier_version_is_read_by_its_rows(self) -> None:
        """Its footer has no digest of the series."""
        store = self.lake((0, 1, "ab"))
        for path, data in store.objects.items():
            store.objects[path] = earlier(data, pulled_at="")
        found = objects_of(store).newest_series(hours(2, 3).start, DAY)
        assert found == {circuit("a"), circuit("b")}

    def test_object_superseded_meanwhile_is_no_error(self) -> None:
        """Another run replaced the hour by its day after the hour was listed."""
        store = self.lake((-2, -1, "a"))
        path = DATASET.samples_path(hours(-2, -1))

        class Racing(MemoryStore):
            def open(self, path_: str) -> BinaryIO:
                if path_ == path and path in self.objects:
                    del self.objects[path]
                return super().open(path_)

        racing = Racing()
        racing.objects = store.objects
        assert objects_of(racing).newest_series(hours(2, 3).start, DAY) == frozenset()

    def test_failing_store_raises_store_error(self) -> None:
        """The object is still listed, but can not be read now."""
        store = self.lake((-2, -1, "a"))
        store.fail_at = len(store.calls) + 3
        with pytest.raises(EvplStoreError):
            objects_of(store).newest_series(hours(2, 3).start, DAY)

    def test_foreign_and_damaged_objects_are_skipped(self) -> None:
        """The series of the object before them are returned."""
        store = self.lake((-2, -1, "a"), (0, 1, "b"), (1, 2, "c"))
        store.objects[DATASET.samples_path(hours(1, 2))] = b"theirs"
        path = DATASET.samples_path(hours(0, 1))
        store.objects[path] = damaged(store.objects[path])
        assert objects_of(store).newest_series(hours(2, 3).start, DAY) == {circuit("a")}
