"""Days that can't be published: the others are, and the error names these."""

import io
from collections import Counter
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl.errors import (
    EvplForeignError,
    EvplNotPublishedError,
    EvplOverlapError,
    EvplRefusedError,
    EvplStoreError,
)
from airflow_provider_evpl.flows.publish.units import copy_rows
from airflow_provider_evpl.window import DAY
from tests.support.iceberg import (
    DAY_VALUES,
    FolderCatalog,
    catalog_in,
    data_files,
    lake_of_days,
    make_publisher,
    publish,
    table_rows,
    table_values,
    unit,
)
from tests.support.lake import (
    DATASET,
    SOURCE,
    damaged,
    day,
    hours,
    put,
    run,
)
from tests.support.stores import MemoryStore

DAY_PATH = DATASET.samples_path(day(0))


@pytest.fixture
def catalog(tmp_path: Path) -> FolderCatalog:
    """Give an empty catalog."""
    return catalog_in(tmp_path)


def test_overlapping_objects_are_a_temporary_error(catalog: FolderCatalog) -> None:
    """Neither is right, so the next pull decides. The task does not wait for it."""
    store = MemoryStore()
    run(store, hours(0, 2))
    first = dict(store.objects)
    store.objects.clear()
    run(store, hours(1, 3))
    store.objects |= first
    waits: list[int] = []
    with pytest.raises(EvplOverlapError, match="two objects have the same samples"):
        publish(store, catalog, [unit()], wait=waits.append)
    assert waits == []
    assert data_files(Path(catalog.properties["warehouse"].removeprefix("file://"))) == []


def test_foreign_object_is_refused(catalog: FolderCatalog) -> None:
    """Rows of the sandbox must not get into the table of production."""
    store = lake_of_days()
    with pytest.raises(EvplForeignError, match="unit 0042/300s/2026-11-22"):
        publish(store, catalog, [unit()], source=SOURCE | {"job": "OTHER"})
    assert table_rows(catalog) == {}


@pytest.mark.contract("iceberg.one-unit")
def test_unreadable_object_is_refused_and_the_other_days_are_published(
    catalog: FolderCatalog, tmp_path: Path
) -> None:
    """The table has the rows of the day as before, and its new data file is removed."""
    store = lake_of_days(102)
    units = [unit(number) for number in range(102)]
    publish(store, catalog, units[:2])
    for number in (1, 2):
        put(store, day(number), value=2.0)
    store.objects[DAY_PATH] = damaged(store.objects[DAY_PATH])
    publisher = make_publisher(store, catalog)
    with pytest.raises(EvplRefusedError, match="unit 0042/300s/2026-11-22: the rows of an object can't be"):
        publisher.publish(units)
    done = publisher.publication
    assert (done.published, [*done.failed], len(done.snapshots)) == (units[1:], units[:1], 2)
    assert [table_values(catalog, one) for one in units[:2]] == [DAY_VALUES, Counter({2.0: 48})]
    assert len(data_files(tmp_path)) == 103


@pytest.mark.contract("iceberg.one-unit", "iceberg.on_missing")
def test_errors_of_several_days_are_one_error(catalog: FolderCatalog) -> None:
    """A temporary one, if one of them may be gone later. It has the next step of each."""
    store = lake_of_days(3)
    for number in (0, 1):
        path = DATASET.samples_path(day(number))
        store.objects[path] = damaged(store.objects[path])
    publisher = make_publisher(store, catalog)
    with pytest.raises(EvplRefusedError, match="2 days were not published") as permanent:
        publisher.publish([unit(0), unit(1)])
    assert str(permanent.value).count("Pull the day again, then publish it again.") == 2
    with pytest.raises(EvplNotPublishedError, match="3 days were not published") as temporary:
        publisher.publish([unit(0), unit(1), unit(2), unit(3)])
    assert "not in the lake: 0042/300s/2026-11-25." in str(temporary.value)
    assert table_values(catalog, unit(2)) == DAY_VALUES


@pytest.mark.contract("iceberg.one-unit")
def test_errors_that_the_error_does_not_show_are_warnings(
    catalog: FolderCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    """Five errors are shown, the temporary one first. A later error of the store leaves them in the log."""
    store = lake_of_days(106)
    for number in range(6):
        path = DATASET.samples_path(day(number))
        store.objects[path] = damaged(store.objects[path])
    publisher = make_publisher(store, catalog)
    with pytest.raises(EvplNotPublishedError, match="not in the lake: 0042/300s/2027-03-08") as caught:
        publisher.publish(unit(number) for number in (*range(8), 106))
    assert str(caught.value).endswith("and 2 more: see the warnings in the log")
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["unit 0042/300s/2026-11-26", "unit 0042/300s/2026-11-27"]
    caplog.clear()
    failing = _FailingAt(store, DATASET.samples_path(day(105)))
    publisher = make_publisher(failing, catalog)
    with pytest.raises(EvplStoreError):
        publisher.publish(unit(number) for number in range(106))
    assert len(publisher.publication.published) == 92
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 6


class _FailingAt(MemoryStore):
    """Never reads one of the objects of another store."""

    def __init__(self, other: MemoryStore, path: str) -> None:
        super().__init__()
        self.objects, self._path = other.objects, path

    def open(self, path: str) -> BinaryIO:
        """Fail."""
        if path == self._path:
            raise EvplStoreError("told to fail")
        return super().open(path)


@pytest.mark.parametrize("wrong", ["timestamp", "code_ope"])
def test_rows_of_another_unit_are_refused(catalog: FolderCatalog, wrong: str) -> None:
    """They would get into the partition of that unit, beside its own rows."""
    store = lake_of_days(1)
    rows = pq.read_table(io.BytesIO(store.objects[DAY_PATH]))
    texts = pq.read_metadata(io.BytesIO(store.objects[DAY_PATH])).metadata
    later = pa.array([time + DAY for time in rows["timestamp"].to_pylist()], rows["timestamp"].type)
    others = {"timestamp": later, "code_ope": pa.array(["0043"] * len(rows))}
    rows = rows.set_column(rows.schema.get_field_index(wrong), wrong, others[wrong])
    sink = io.BytesIO()
    pq.write_table(rows.replace_schema_metadata(texts), sink)
    store.objects[DAY_PATH] = sink.getvalue()
    with pytest.raises(EvplRefusedError, match="rows of another day or operator code"):
        publish(store, catalog, [unit()])
    assert table_rows(catalog) == {}


class _FullDisk(io.BytesIO):
    def write(self, _: object) -> int:
        raise OSError(28, "No space left on device")


def test_error_of_the_tables_storage_is_not_one_of_the_day() -> None:
    """It concerns all days, so the task stops."""
    with pytest.raises(OSError, match="No space left on device"):
        copy_rows(lake_of_days(1), unit(), DAY_PATH, _FullDisk())
