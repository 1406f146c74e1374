"""Publications of landed days into an Iceberg table."""

import io
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from pyiceberg import exceptions as iceberg
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType
from sqlalchemy.exc import OperationalError, ProgrammingError

from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplError,
    EvplForeignError,
    EvplNotPublishedError,
    EvplOverlapError,
    EvplRefusedError,
    EvplStoreDeniedError,
    EvplStoreError,
)
from airflow_provider_evpl.flows.publish.catalog_errors import LostRaceError, translate_catalog_errors
from airflow_provider_evpl.flows.publish.publish import Publication, Publisher
from airflow_provider_evpl.flows.publish.table import UnitTable, open_table
from airflow_provider_evpl.flows.publish.units import Unit
from airflow_provider_evpl.lake.layout import Dataset
from tests.support.iceberg import TABLE, FolderCatalog, catalog_in, data_files, publish, table_rows, unit
from tests.support.lake import (
    DATASET,
    MIDNIGHT,
    SOURCE,
    Answer,
    Row,
    circuit,
    collect,
    damaged,
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
ONE = Counter({1.0: 48})


@pytest.fixture
def catalog(tmp_path: Path) -> FolderCatalog:
    """Give an empty catalog."""
    return catalog_in(tmp_path)


def _values(catalog: FolderCatalog, of: Unit | None = None) -> Counter[object]:
    rows = table_rows(catalog).get(of or unit(), Counter())
    return Counter(value for _, _, value in rows.elements())


def _days(count: int = 2) -> MemoryStore:
    store = MemoryStore()
    for number in range(count):
        put(store, day(number))
    return store


@pytest.mark.contract("iceberg.created")
def test_table_is_created_with_the_columns_of_the_lake(catalog: FolderCatalog) -> None:
    """The namespace too. Columns, partitions, order and properties are documented."""
    publish(_days(), catalog, [unit()])
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
    store = _days()
    first = publish(store, catalog, [unit(0), unit(1), unit(1)])
    assert (first.published, first.skipped, first.rows) == ([unit(0), unit(1)], [], 96)
    assert first.snapshots == [catalog.load_table(TABLE).current_snapshot().snapshot_id]
    put(store, day(1), value=2.0)
    second = publish(store, catalog, [unit(0), unit(1)])
    assert (second.published, second.skipped, second.dates()) == ([unit(1)], [unit(0)], ["2026-11-23"])
    assert (_values(catalog, unit(0)), _values(catalog, unit(1))) == (ONE, Counter({2.0: 48}))
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
    store = _days()
    put(store, day(1), circuits="")
    units = [unit(0), unit(1), unit(2)]
    publish(store, catalog, units, deletes_missing=True)
    done = publish(store, catalog, units, deletes_missing=True)
    assert (catalog.commits, done.skipped) == (1, units)
    assert _values(catalog) == ONE


def test_foreign_text_in_the_property_of_a_snapshot_is_a_permanent_error(catalog: FolderCatalog) -> None:
    """Another tool has written the property of the digests."""
    store = _days(1)
    publish(store, catalog, [unit()])
    table = catalog.load_table(TABLE)
    table.append(table.scan(limit=0).to_arrow(), snapshot_properties={"evpl.units": "all"})
    with pytest.raises(EvplConfigError, match="Check the table"):
        publish(store, catalog, [unit()])


@pytest.mark.contract("iceberg.unchanged")
def test_unit_of_an_expired_snapshot_is_published_again(catalog: FolderCatalog) -> None:
    """The digest is in a snapshot, so it expires with it."""
    store = _days()
    publish(store, catalog, [unit(0)])
    publish(store, catalog, [unit(1)])
    table = catalog.load_table(TABLE)
    first = table.snapshots()[0].snapshot_id
    table.maintenance.expire_snapshots().by_id(first).commit()
    done = publish(store, catalog, [unit(0), unit(1)])
    assert (done.published, done.skipped) == ([unit(0)], [unit(1)])
    assert table_rows(catalog).keys() == {unit(0), unit(1)}
    assert _values(catalog) == ONE


@pytest.mark.contract("iceberg.empty")
def test_empty_day_empties_its_partition(catalog: FolderCatalog) -> None:
    """And no other day."""
    store = _days()
    publish(store, catalog, [unit(0), unit(1)])
    put(store, day(0), circuits="")
    done = publish(store, catalog, [unit(0), unit(1)])
    assert (done.published, done.rows) == ([unit(0)], 0)
    assert table_rows(catalog).keys() == {unit(1)}


@pytest.mark.contract("iceberg.on_missing")
def test_missing_day_stays_or_is_deleted(catalog: FolderCatalog) -> None:
    """By default its rows stay, and it is reported."""
    store = _days()
    publish(store, catalog, [unit(0), unit(1)])
    store.delete(DAY_PATH)
    done = publish(store, catalog, [unit(0), unit(1)])
    assert (done.missing, done.skipped, _values(catalog)) == ([unit(0)], [unit(1)], ONE)
    done = publish(store, catalog, [unit(0), unit(1)], deletes_missing=True)
    assert (done.emptied, done.missing, [*table_rows(catalog)]) == ([unit(0)], [], [unit(1)])
    put(store, day(0))
    assert publish(store, catalog, [unit(0)]).published == [unit(0)]
    assert _values(catalog) == ONE


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
    store, long = _days(1), "0042-" + "x" * 40
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
    assert _values(catalog, unit(code_ope=long)) == Counter({8.0: 1})
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
    assert _values(catalog) == ONE


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
    store = _days()
    with pytest.raises(EvplForeignError, match="unit 0042/300s/2026-11-22"):
        publish(store, catalog, [unit()], source=SOURCE | {"job": "OTHER"})
    assert table_rows(catalog) == {}


@pytest.mark.contract("iceberg.one-unit")
def test_unreadable_object_is_refused_and_the_other_days_are_published(
    catalog: FolderCatalog, tmp_path: Path
) -> None:
    """The table has the rows of the day as before, and its new data file is removed."""
    store = _days(102)
    units = [unit(number) for number in range(102)]
    publish(store, catalog, units[:2])
    for number in (1, 2):
        put(store, day(number), value=2.0)
    store.objects[DAY_PATH] = damaged(store.objects[DAY_PATH])
    publisher = Publisher(store, SOURCE, lambda: open_table(catalog, TABLE), wait=lambda _: None)
    with pytest.raises(EvplRefusedError, match="unit 0042/300s/2026-11-22: the rows of an object can't be"):
        publisher.publish(units)
    done = publisher.publication
    assert (done.published, [*done.failed], len(done.snapshots)) == (units[1:], units[:1], 2)
    assert [_values(catalog, one) for one in units[:2]] == [ONE, Counter({2.0: 48})]
    assert len(data_files(tmp_path)) == 103


@pytest.mark.contract("iceberg.one-unit", "iceberg.on_missing")
def test_errors_of_several_days_are_one_error(catalog: FolderCatalog) -> None:
    """A temporary one, if one of them may be gone later. It has the next step of each."""
    store = _days(3)
    for number in (0, 1):
        path = DATASET.samples_path(day(number))
        store.objects[path] = damaged(store.objects[path])
    publisher = Publisher(store, SOURCE, lambda: open_table(catalog, TABLE), wait=lambda _: None)
    with pytest.raises(EvplRefusedError, match="2 days were not published") as permanent:
        publisher.publish([unit(0), unit(1)])
    assert str(permanent.value).count("Pull the day again, then publish it again.") == 2
    with pytest.raises(EvplNotPublishedError, match="3 days were not published") as temporary:
        publisher.publish([unit(0), unit(1), unit(2), unit(3)])
    assert "1 days are not in the lake" in str(temporary.value)
    assert _values(catalog, unit(2)) == ONE


@pytest.mark.contract("iceberg.columns-added")
def test_column_that_the_lake_adds_is_added_to_the_table(catalog: FolderCatalog) -> None:
    """Rows that were published before have null in it."""
    store = _days()
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
    store = _days()
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
        publish(_days(), catalog, [unit()])
    assert "Publish into a new table" in str(caught.value)


class _Changing(MemoryStore):
    """Other runs change the lake before objects are opened, as long as there are changes."""

    def __init__(self, objects: dict[str, bytes], changes: Iterable[Callable[[MemoryStore], object]]) -> None:
        super().__init__()
        self._other = MemoryStore()
        self.objects = self._other.objects = objects
        self._changes = iter(changes)

    def open(self, path: str) -> BinaryIO:
        """Open after the next change."""
        for change in self._changes:
            change(self._other)
            break
        return super().open(path)


@pytest.mark.contract("iceberg.listed-again")
def test_day_that_changes_while_it_is_read_is_read_again(catalog: FolderCatalog, tmp_path: Path) -> None:
    """The second listing shows the change. The file of the first read is removed."""
    store = _Changing(_days(1).objects, [lambda other: put(other, day(0), value=2.0)])
    done = publish(store, catalog, [unit()])
    assert (done.rows, _values(catalog), len(data_files(tmp_path))) == (48, Counter({2.0: 48}), 1)


@pytest.mark.contract("iceberg.listed-again")
def test_hours_that_a_day_replaces_while_they_are_read_are_listed_again(catalog: FolderCatalog) -> None:
    """The first hour is gone when it is opened."""
    hourly = MemoryStore()
    run(hourly, hours(0, 1), hours(1, 2))
    publish(_Changing(hourly.objects, [lambda other: put(other, day(0))]), catalog, [unit()])
    assert _values(catalog) == ONE


def test_object_that_is_gone_before_its_footer_is_read_is_listed_again(catalog: FolderCatalog) -> None:
    """The store fails once, between listing and footer."""
    store = _days(1)
    store.calls.clear()
    store.fail_at = 1
    publish(store, catalog, [unit()])
    assert _values(catalog) == ONE


def test_store_that_fails_is_a_temporary_error(catalog: FolderCatalog, tmp_path: Path) -> None:
    """The lake is the same after the failure, so the object can't be read."""
    store = _days(1)
    store.calls.clear()
    store.fail_at = 3
    with pytest.raises(EvplStoreError, match="told to fail"):
        publish(store, catalog, [unit()])
    assert store.calls[2][0] == "open"
    assert data_files(tmp_path) == []


@pytest.mark.contract("iceberg.listed-again")
def test_lake_that_always_changes_is_a_temporary_error(catalog: FolderCatalog, tmp_path: Path) -> None:
    """After five reads."""
    changes = (partial(put, window=day(0), value=float(number)) for number in count())
    store = _Changing(_days(1).objects, changes)
    with pytest.raises(EvplOverlapError, match="the lake changed while it was read"):
        publish(store, catalog, [unit()])
    assert data_files(tmp_path) == []


def _publish_at_load(
    store: MemoryStore, catalog: FolderCatalog, others: Iterable[Callable[[], object]]
) -> tuple[Publication, list[int]]:
    """Publish a day, while other publications run after the table was loaded."""
    waits: list[int] = []
    at_load = iter(others)

    def load() -> UnitTable:
        table = open_table(catalog, TABLE)
        for other in at_load:
            other()
            break
        return table

    publisher = Publisher(store, SOURCE, load, wait=waits.append)
    try:
        return publisher.publish([unit()]), waits
    except EvplOverlapError:
        assert waits == [1, 2, 3, 4]
        raise


@pytest.mark.contract("iceberg.races")
@pytest.mark.parametrize("is_first", [True, False], ids=["first publication", "replacement"])
def test_older_publication_does_not_replace_a_newer_one(catalog: FolderCatalog, *, is_first: bool) -> None:
    """The older one loaded the table and read the lake before; it starts again, and skips the day."""
    store = _days(1)
    publish(store, catalog, [unit(5 if is_first else 0)])
    put(store, day(0), value=2.0)

    def other() -> None:
        put(newer, day(0), value=3.0)
        publish(newer, catalog, [unit()])

    newer = MemoryStore()
    newer.objects = store.objects
    done, waits = _publish_at_load(store, catalog, [other])
    assert (done.skipped, done.published, waits) == ([unit()], [], [1])
    assert _values(catalog) == Counter({3.0: 48})


@pytest.mark.contract("iceberg.races")
def test_lake_is_listed_after_the_table_is_loaded(catalog: FolderCatalog) -> None:
    """In the other order, an older day would replace one that is published between the two."""
    store = _days(1)
    publish(store, catalog, [unit()])

    def load() -> UnitTable:
        put(store, day(0), value=3.0)
        publish(store, catalog, [unit()])
        return open_table(catalog, TABLE)

    done = Publisher(store, SOURCE, load, wait=lambda _: None).publish([unit()])
    assert (done.skipped, done.published) == ([unit()], [])
    assert _values(catalog) == Counter({3.0: 48})


@pytest.mark.contract("iceberg.races")
def test_older_publication_does_not_undo_that_of_an_empty_day(catalog: FolderCatalog) -> None:
    """The empty day has no data file, and none is deleted; still the older publication starts again."""
    store = _days(1)
    stale = open_table(catalog, TABLE)
    put(store, day(0), circuits="")
    publish(store, catalog, [unit()])
    with pytest.raises(LostRaceError):
        stale.replace({unit(): "older"}, [])
    assert table_rows(catalog) == {}


@pytest.mark.contract("iceberg.races")
def test_other_days_may_be_published_at_the_same_time(catalog: FolderCatalog, tmp_path: Path) -> None:
    """The data files of the lost attempt are committed by the next one."""
    store = _days(2)
    done, waits = _publish_at_load(store, catalog, [lambda: publish(store, catalog, [unit(1)])])
    assert (done.published, waits, len(table_rows(catalog))) == ([unit(0)], [1], 2)
    assert len(data_files(tmp_path)) == 2


@pytest.mark.contract("iceberg.races", "iceberg.leftovers")
def test_five_lost_races_are_a_temporary_error(catalog: FolderCatalog, tmp_path: Path) -> None:
    """The data file stays, because a lost commit is not always a failed one."""
    store = _days(1)
    others = (partial(publish, store, catalog, [unit(number)], deletes_missing=True) for number in count(1))
    with pytest.raises(EvplOverlapError, match=r"table evpl\.utilization: another writer committed first"):
        _publish_at_load(store, catalog, others)
    assert len(data_files(tmp_path)) == 1


class _Failing(FolderCatalog):
    """Its next commit fails, before or after it landed; then the catalog can't be reached for some calls."""

    error: Exception | None = None
    late = False
    unreachable = 0
    calls_refused = 0

    def commit_table(self, *arguments: Any) -> Any:  # noqa: ANN401 as PyIceberg has it
        """Fail."""
        error, self.error = self.error, None
        response = super().commit_table(*arguments) if error is None or self.late else None
        if error is not None:
            self.calls_refused = self.unreachable
            raise error
        return response

    def load_table(self, identifier: Any) -> Any:  # noqa: ANN401 likewise
        """Fail, if it can't be reached."""
        if self.calls_refused:
            self.calls_refused -= 1
            raise requests.ConnectionError("connection reset")
        return super().load_table(identifier)


def _failing(folder: Path, error: Exception, *, late: bool, unreachable: int = 0) -> _Failing:
    catalog_in(folder).create_namespace("evpl")
    open_table(catalog_in(folder), TABLE)
    catalog = _Failing("iceberg_default", uri=f"sqlite:///{folder}/catalog.db", warehouse=folder.as_uri())
    catalog.error, catalog.late, catalog.unreachable = error, late, unreachable
    return catalog


LOST_RESPONSES = [
    CommitStateUnknownException("status 504"),
    requests.ConnectionError("connection reset"),
    OperationalError("COMMIT", {}, Exception("server closed the connection")),
    # A library below has repeated the request, and the catalog refused the second one.
    CommitFailedException("version conflict"),
]


@pytest.mark.contract("iceberg.unknown-outcome")
@pytest.mark.parametrize("error", LOST_RESPONSES, ids=lambda error: type(error).__name__)
def test_commit_whose_response_was_lost_is_found(tmp_path: Path, error: Exception) -> None:
    """The table is loaded again, and has the commit: nothing is published twice, and nothing is removed."""
    catalog = _failing(tmp_path, error, late=True)
    done = publish(_days(1), catalog, [unit()])
    assert (done.published, len(done.snapshots), _values(catalog)) == ([unit()], 1, ONE)


@pytest.mark.contract("iceberg.unknown-outcome")
@pytest.mark.parametrize("late", [True, False], ids=["landed", "not landed"])
@pytest.mark.parametrize("error", LOST_RESPONSES[:3], ids=lambda error: type(error).__name__)
def test_unknown_outcome_is_a_temporary_error_and_the_next_run_is_right(
    tmp_path: Path, error: Exception, *, late: bool
) -> None:
    """Data files stay, because the table may have them."""
    catalog, store = _failing(tmp_path, error, late=late, unreachable=1), _days(1)
    with pytest.raises(EvplStoreError, match="the catalog failed") as caught:
        publish(store, catalog, [unit()])
    assert "Airflow retries" in str(caught.value)
    assert len(data_files(tmp_path)) == 1
    done = publish(store, catalog, [unit()])
    assert (len(done.skipped), len(done.published), _values(catalog)) == (late, not late, ONE)


@pytest.mark.contract("iceberg.errors")
@pytest.mark.parametrize("call", range(1, 5))
def test_outage_while_a_table_is_created_is_a_temporary_error(tmp_path: Path, call: int) -> None:
    """Although the table was missing before."""
    catalog, left = catalog_in(tmp_path), iter(range(call - 1))

    def before() -> None:
        if next(left, None) is None:
            raise requests.ConnectionError("connection reset")

    catalog.before = before
    with pytest.raises(EvplStoreError, match="the catalog failed"):
        publish(_days(1), catalog, [unit()])


def test_table_that_another_task_creates_at_the_same_time_is_used(tmp_path: Path) -> None:
    """Both find no table; the second one to create it loads the other's."""
    other = catalog_in(tmp_path)
    catalog = catalog_in(tmp_path)
    others = iter([partial(other.list_namespaces), partial(open_table, other, TABLE)])

    def before() -> None:
        for one in others:
            one()
            break

    catalog.before = before
    other.create_namespace("evpl")
    open_table(catalog, TABLE)
    publish(_days(1), catalog, [unit()])
    assert _values(catalog) == ONE


def _client_error(code: str, status: int) -> Exception:
    error: Exception = ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetTable"
    )
    return error


def _refusal(error: Exception) -> Exception:
    """Give an error of a REST catalog, which HTTPError causes."""
    error.__cause__ = requests.HTTPError("400 Client Error")
    return error


@pytest.mark.contract("iceberg.errors")
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (iceberg.UnauthorizedError("no"), EvplStoreDeniedError),
        (iceberg.ForbiddenError("no"), EvplStoreDeniedError),
        (iceberg.OAuthError("no"), EvplStoreDeniedError),
        (PermissionError(13, "denied"), EvplStoreDeniedError),
        (_client_error("AccessDeniedException", 400), EvplStoreDeniedError),
        (OSError("When writing: AWS Error ACCESS_DENIED during PutObject"), EvplStoreDeniedError),
        (
            OperationalError("connect", {}, Exception("password authentication failed for user")),
            EvplStoreDeniedError,
        ),
        (iceberg.NoSuchNamespaceError("no"), EvplConfigError),
        (iceberg.NoSuchTableError("no"), EvplConfigError),
        (_refusal(iceberg.BadRequestError("no")), EvplConfigError),
        (_refusal(iceberg.RESTError("NotFoundError: no environment")), EvplConfigError),
        (requests.exceptions.MissingSchema("no scheme"), EvplConfigError),
        (ProgrammingError("SELECT", {}, Exception("no such table")), EvplConfigError),
        (ValueError("unknown type"), EvplConfigError),
        (ImportError("no module"), EvplConfigError),
        (iceberg.ServiceUnavailableError("busy"), EvplStoreError),
        (_refusal(iceberg.ServerError("500")), EvplStoreError),
        (requests.exceptions.Timeout("slow"), EvplStoreError),
        (requests.exceptions.JSONDecodeError("no JSON", "", 0), EvplStoreError),
        (requests.ConnectionError("reset"), EvplStoreError),
        (_client_error("ThrottlingException", 400), EvplStoreError),
        (EndpointConnectionError(endpoint_url="https://glue.invalid"), EvplStoreError),
        (OperationalError("connect", {}, Exception("connection refused")), EvplStoreError),
        (OSError("When reading: AWS Error NETWORK_CONNECTION"), EvplStoreError),
        (iceberg.ValidationException("conflict"), LostRaceError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_error_of_a_catalog_gets_its_class_and_a_next_step(error: Exception, kind: type[EvplError]) -> None:
    """Permanent if something must be changed, temporary if not."""
    with pytest.raises(EvplError) as caught, translate_catalog_errors("table evpl.utilization"):
        raise error
    assert type(caught.value) is kind
    assert caught.value.what.startswith("table evpl.utilization: ")
    assert caught.value.next_step
    assert type(error).__name__ in caught.value.detail
