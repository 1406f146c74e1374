"""Publications of landed days into an Iceberg table."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType

from airflow_provider_evpl.errors import (
    EvplConfigError,
)
from airflow_provider_evpl.flows.publish.table import open_table
from airflow_provider_evpl.lake.layout import Dataset
from tests.support.iceberg import (
    DAY_VALUES,
    TABLE,
    FolderCatalog,
    catalog_in,
    lake_of_days,
    publish,
    table_rows,
    table_values,
    unit,
)
from tests.support.lake import (
    DATASET,
    MIDNIGHT,
    Answer,
    Row,
    circuit,
    collect,
    day,
    hours,
    lake_of,
    land,
    microseconds,
    put,
    run,
)
from tests.support.stores import MemoryStore

DAY_PATH = DATASET.samples_path(day(0))


@pytest.fixture
def catalog(tmp_path: Path) -> FolderCatalog:
    """Give an empty catalog."""
    return catalog_in(tmp_path)


@pytest.mark.contract("iceberg.created")
def test_table_is_created_with_the_columns_of_the_lake(catalog: FolderCatalog) -> None:
    """The namespace too. Columns, partitions, order and properties are documented."""
    publish(lake_of_days(), catalog, [unit()])
    table = catalog.load_table(TABLE)
    assert [(one.name, str(one.field_type), one.required) for one in table.schema().fields] == [
        ("code_ope", "string", True),
        ("object_type", "string", False),
        ("object_instance_id", "string", True),
        ("metric_name", "string", True),
        ("pop_country", "string", False),
        ("pop_name", "string", False),
        ("pop_section_name", "string", False),
        ("timestamp", "timestamptz", True),
        ("value", "double", False),
        ("granularity", "string", True),
    ]
    names = {one.field_id: one.name for one in table.schema().fields}
    partitions = [(str(one.transform), names[one.source_id]) for one in table.spec().fields]
    assert partitions == [("identity", "code_ope"), ("identity", "granularity"), ("day", "timestamp")]
    assert [names[one.source_id] for one in table.sort_order().fields] == [
        *("object_instance_id", "metric_name", "pop_country", "pop_name", "pop_section_name"),
        *("object_type", "timestamp"),
    ]
    assert table.properties["commit.manifest-merge.enabled"] == "true"


@pytest.mark.contract("iceberg.equals-lake", "iceberg.result")
def test_publication_replaces_days_and_reports_them(catalog: FolderCatalog) -> None:
    """One commit replaces a day that changed; the other day is skipped."""
    store = lake_of_days()
    first = publish(store, catalog, [unit(0), unit(1), unit(1)])
    assert (first.published, first.skipped, first.rows) == ([unit(0), unit(1)], [], 96)
    assert first.snapshots == [catalog.load_table(TABLE).current_snapshot().snapshot_id]
    put(store, day(1), value=2.0)
    second = publish(store, catalog, [unit(0), unit(1)])
    assert (second.published, second.skipped, second.dates()) == ([unit(1)], [unit(0)], ["2026-11-23"])
    assert (table_values(catalog, unit(0)), table_values(catalog, unit(1))) == (
        DAY_VALUES,
        Counter({2.0: 48}),
    )
    assert second.as_dict() == {
        "published_count": 1,
        "skipped_count": 1,
        "emptied_count": 0,
        "missing_count": 0,
        "published": ["0042/300s/2026-11-23"],
        "skipped": ["0042/300s/2026-11-22"],
        "emptied": [],
        "missing": [],
        "rows": 48,
        "snapshot_ids": [str(second.snapshots[0])],
    }


@pytest.mark.contract("iceberg.unchanged")
def test_second_publication_makes_no_commit(catalog: FolderCatalog) -> None:
    """Also of an empty day, and of a day that is gone."""
    store = lake_of_days()
    put(store, day(1), circuits="")
    units = [unit(0), unit(1), unit(2)]
    publish(store, catalog, units, deletes_missing=True)
    done = publish(store, catalog, units, deletes_missing=True)
    assert (catalog.commits, done.skipped) == (1, units)
    assert table_values(catalog) == DAY_VALUES


def test_foreign_text_in_the_property_of_a_snapshot_is_a_permanent_error(catalog: FolderCatalog) -> None:
    """Another tool has written the property of the digests."""
    store = lake_of_days(1)
    publish(store, catalog, [unit()])
    table = catalog.load_table(TABLE)
    table.append(table.scan(limit=0).to_arrow(), snapshot_properties={"evpl.units": "all"})
    with pytest.raises(EvplConfigError, match="Check the table"):
        publish(store, catalog, [unit()])


@pytest.mark.contract("iceberg.unchanged")
def test_unit_of_an_expired_snapshot_is_published_again(catalog: FolderCatalog) -> None:
    """The digest is in a snapshot, so it expires with it."""
    store = lake_of_days()
    publish(store, catalog, [unit(0)])
    publish(store, catalog, [unit(1)])
    table = catalog.load_table(TABLE)
    first = table.snapshots()[0].snapshot_id
    table.maintenance.expire_snapshots().by_id(first).commit()
    done = publish(store, catalog, [unit(0), unit(1)])
    assert (done.published, done.skipped) == ([unit(0)], [unit(1)])
    assert table_rows(catalog).keys() == {unit(0), unit(1)}
    assert table_values(catalog) == DAY_VALUES


@pytest.mark.contract("iceberg.empty")
def test_empty_day_empties_its_partition(catalog: FolderCatalog) -> None:
    """And no other day."""
    store = lake_of_days()
    publish(store, catalog, [unit(0), unit(1)])
    put(store, day(0), circuits="")
    done = publish(store, catalog, [unit(0), unit(1)])
    assert (done.published, done.rows) == ([unit(0)], 0)
    assert table_rows(catalog).keys() == {unit(1)}


@pytest.mark.contract("iceberg.on_missing")
def test_missing_day_stays_or_is_deleted(catalog: FolderCatalog) -> None:
    """By default its rows stay, and it is reported."""
    store = lake_of_days()
    publish(store, catalog, [unit(0), unit(1)])
    store.delete(DAY_PATH)
    done = publish(store, catalog, [unit(0), unit(1)])
    assert (done.missing, done.skipped, table_values(catalog)) == ([unit(0)], [unit(1)], DAY_VALUES)
    done = publish(store, catalog, [unit(0), unit(1)], deletes_missing=True)
    assert (done.emptied, done.missing, [*table_rows(catalog)]) == ([unit(0)], [], [unit(1)])
    put(store, day(0))
    assert publish(store, catalog, [unit(0)]).published == [unit(0)]
    assert table_values(catalog) == DAY_VALUES


@pytest.mark.contract("iceberg.one-commit")
def test_a_hundred_units_are_one_commit(catalog: FolderCatalog) -> None:
    """The 101st is in a second one."""
    store = MemoryStore()
    units = [unit(number) for number in range(101)]
    for number in range(101):
        put(store, day(number), circuits="")
    assert len(publish(store, catalog, units).snapshots) == 2
    assert publish(store, catalog, units).as_dict()["skipped_count"] == 101


@pytest.mark.contract("iceberg.unit")
def test_codes_and_granularities_are_units_of_their_own(catalog: FolderCatalog) -> None:
    """A commit replaces exactly the rows of its units, also with a long operator code."""
    store, long = lake_of_days(1), "0042-" + "x" * 40
    for code_ope, granularity in ((long, "300s"), ("0042", "1h"), (long + "y", "300s")):
        lake = lake_of(store, dataset=Dataset(code_ope, granularity))
        [target] = lake.targets([day(0)])
        rows: list[Row] = [(circuit("a"), microseconds(MIDNIGHT), 7.0)]
        land(lake, target, collect([Answer(rows, [])], day(0), code_ope=code_ope))
    units = [unit(), unit(code_ope=long), unit(granularity="1h"), unit(code_ope=long + "y")]
    publish(store, catalog, units)
    before = table_rows(catalog)
    assert before.keys() == set(units)
    lake = lake_of(store, dataset=Dataset(long, "300s"))
    [target] = lake.targets([day(0)])
    land(
        lake,
        target,
        collect([Answer([(circuit("a"), microseconds(MIDNIGHT), 8.0)], [])], day(0), code_ope=long),
    )
    publish(store, catalog, units)
    assert table_values(catalog, unit(code_ope=long)) == Counter({8.0: 1})
    assert {one: rows for one, rows in table_rows(catalog).items() if one.code_ope != long} == {
        one: rows for one, rows in before.items() if one.code_ope != long
    }
    # A delete that can't use the bounds of the operator code reads the file, and makes a third snapshot.
    assert [str(one.summary.operation.value) for one in catalog.load_table(TABLE).snapshots()] == [
        *("append", "delete", "append")
    ]


def test_leftover_objects_are_not_published(catalog: FolderCatalog) -> None:
    """A killed pull may leave hours beside their day: the day is right."""
    store = MemoryStore()
    run(store, hours(0, 1), value=3.0)
    leftover = dict(store.objects)
    put(store, day(0))
    store.objects |= leftover
    publish(store, catalog, [unit()])
    assert table_values(catalog) == DAY_VALUES


@pytest.mark.contract("iceberg.columns-added")
def test_column_that_the_lake_adds_is_added_to_the_table(catalog: FolderCatalog) -> None:
    """Rows that were published before have null in it."""
    store = lake_of_days()
    publish(store, catalog, [unit(0)])
    path = DATASET.samples_path(day(1))
    store.objects[path] = _with_column(store.objects[path], "quality")
    publish(store, catalog, [unit(0), unit(1)])
    rows = catalog.load_table(TABLE).scan().to_arrow()
    assert Counter(rows["quality"].to_pylist()) == {None: 48, "good": 48}
    assert not publish(store, catalog, [unit(0), unit(1)]).snapshots


def _with_column(data: bytes, name: str, value: object = "good") -> bytes:
    table, sink = pq.read_table(io.BytesIO(data)), io.BytesIO()
    texts = pq.read_metadata(io.BytesIO(data)).metadata
    wider = table.append_column(name, pa.array([value] * len(table)))
    pq.write_table(wider.replace_schema_metadata(texts), sink)
    return sink.getvalue()


def test_column_of_another_type_is_a_permanent_error(catalog: FolderCatalog) -> None:
    """The message names the table and says what to do."""
    store = lake_of_days()
    for number, value in enumerate(("good", 7)):
        path = DATASET.samples_path(day(number))
        store.objects[path] = _with_column(store.objects[path], "quality", value)
    publish(store, catalog, [unit(0)])
    with pytest.raises(EvplConfigError, match="Check the table"):
        publish(store, catalog, [unit(1)])


@pytest.mark.contract("iceberg.wrong-table")
@pytest.mark.parametrize("change", ["type", "missing", "required", "partition"])
def test_wrong_table_is_a_permanent_error(catalog: FolderCatalog, change: str) -> None:
    """The message names columns and partitions."""
    open_table(catalog, TABLE)
    table = catalog.load_table(TABLE)
    spec: Any = table.spec()
    with table.update_schema(allow_incompatible_changes=True) as update:
        if change in ("missing", "type"):
            update.delete_column("value")
        elif change == "required":
            update.add_column("owner", LongType(), required=True)
    if change == "type":
        with table.update_schema() as update:
            update.add_column("value", LongType())
    if change == "partition":
        spec = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "code_ope"))
        catalog.drop_table(TABLE)
        catalog.create_table(TABLE, table.schema(), partition_spec=spec)
    named = {"required": "owner", "partition": r"identity\(code_ope\); they must be"}.get(change, "value")
    with pytest.raises(EvplConfigError, match=named) as caught:
        publish(lake_of_days(), catalog, [unit()])
    assert "Publish into a new table" in str(caught.value)
