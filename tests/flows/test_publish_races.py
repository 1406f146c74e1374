"""Publications while the lake and the table change, and commits whose outcome is unknown."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import requests
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException
from sqlalchemy.exc import OperationalError

from airflow_provider_evpl.errors import (
    EvplOverlapError,
    EvplRefusedError,
    EvplStoreError,
)
from airflow_provider_evpl.flows.publish.catalog_errors import LostRaceError
from airflow_provider_evpl.flows.publish.publish import Publisher
from airflow_provider_evpl.flows.publish.table import UnitTable, open_table
from tests.support.iceberg import (
    DAY_VALUES,
    TABLE,
    FolderCatalog,
    catalog_in,
    data_files,
    lake_of_days,
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
    store = _Changing(lake_of_days(1).objects, [lambda other: put(other, day(0), value=2.0)])
    done = publish(store, catalog, [unit()])
    assert (done.rows, table_values(catalog), len(data_files(tmp_path))) == (48, Counter({2.0: 48}), 1)


@pytest.mark.contract("iceberg.listed-again")
def test_hours_that_a_day_replaces_while_they_are_read_are_listed_again(catalog: FolderCatalog) -> None:
    """The first hour is gone when it is opened."""
    hourly = MemoryStore()
    run(hourly, hours(0, 1), hours(1, 2))
    publish(_Changing(hourly.objects, [lambda other: put(other, day(0))]), catalog, [unit()])
    assert table_values(catalog) == DAY_VALUES


def test_object_that_is_gone_before_its_footer_is_read_is_listed_again(catalog: FolderCatalog) -> None:
    """The store fails once, between listing and footer."""
    store = lake_of_days(1)
    store.calls.clear()
    store.fail_at = 1
    publish(store, catalog, [unit()])
    assert table_values(catalog) == DAY_VALUES


def test_store_that_fails_is_a_temporary_error(catalog: FolderCatalog, tmp_path: Path) -> None:
    """The lake is the same after the failure, so the object can't be read."""
    store = lake_of_days(1)
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
    store = _Changing(lake_of_days(1).objects, changes)
    with pytest.raises(EvplOverlapError, match="the lake changed while it was read"):
        publish(store, catalog, [unit()])
    assert data_files(tmp_path) == []


def _racing(
    store: MemoryStore, catalog: FolderCatalog, others: Iterable[Callable[[], object]]
) -> tuple[Publisher, list[int]]:
    """Make a publisher, and the list of its waits. One of the others runs after each loading of the table."""
    waits: list[int] = []
    at_load = iter(others)

    def load() -> UnitTable:
        table = open_table(catalog, TABLE)
        for other in at_load:
            other()
            break
        return table

    return Publisher(store, SOURCE, load, wait=waits.append), waits


@pytest.mark.contract("iceberg.races")
@pytest.mark.parametrize("is_first", [True, False], ids=["first publication", "replacement"])
def test_older_publication_does_not_replace_a_newer_one(catalog: FolderCatalog, *, is_first: bool) -> None:
    """The older one loaded the table and read the lake before; it starts again, and skips the day."""
    store = lake_of_days(1)
    publish(store, catalog, [unit(5 if is_first else 0)])
    put(store, day(0), value=2.0)

    def other() -> None:
        put(newer, day(0), value=3.0)
        publish(newer, catalog, [unit()])

    newer = MemoryStore()
    newer.objects = store.objects
    publisher, waits = _racing(store, catalog, [other])
    done = publisher.publish([unit()])
    assert (done.skipped, done.published, waits) == ([unit()], [], [1])
    assert table_values(catalog) == Counter({3.0: 48})


@pytest.mark.contract("iceberg.races")
def test_lake_is_listed_after_the_table_is_loaded(catalog: FolderCatalog) -> None:
    """In the other order, an older day would replace one that is published between the two."""
    store = lake_of_days(1)
    publish(store, catalog, [unit()])

    def load() -> UnitTable:
        put(store, day(0), value=3.0)
        publish(store, catalog, [unit()])
        return open_table(catalog, TABLE)

    done = Publisher(store, SOURCE, load, wait=lambda _: None).publish([unit()])
    assert (done.skipped, done.published) == ([unit()], [])
    assert table_values(catalog) == Counter({3.0: 48})


@pytest.mark.contract("iceberg.races")
def test_older_publication_does_not_undo_that_of_an_empty_day(catalog: FolderCatalog) -> None:
    """The empty day has no data file, and none is deleted; still the older publication starts again."""
    store = lake_of_days(1)
    stale = open_table(catalog, TABLE)
    put(store, day(0), circuits="")
    publish(store, catalog, [unit()])
    with pytest.raises(LostRaceError):
        stale.replace({unit(): "older"}, [])
    assert table_rows(catalog) == {}


@pytest.mark.contract("iceberg.races")
def test_other_days_may_be_published_at_the_same_time(catalog: FolderCatalog, tmp_path: Path) -> None:
    """The data files of the lost attempt are committed by the next one."""
    store = lake_of_days(2)
    publisher, waits = _racing(store, catalog, [lambda: publish(store, catalog, [unit(1)])])
    done = publisher.publish([unit()])
    assert (done.published, waits, len(table_rows(catalog))) == ([unit(0)], [1], 2)
    assert len(data_files(tmp_path)) == 2


@pytest.mark.contract("iceberg.races", "iceberg.one-unit")
@pytest.mark.parametrize("is_repaired", [True, False], ids=["repaired", "damaged"])
def test_day_that_can_not_be_read_is_read_again_after_a_lost_race(
    catalog: FolderCatalog, *, is_repaired: bool
) -> None:
    """It counts as the last attempt found it."""
    store = lake_of_days(3)
    whole = store.objects[DAY_PATH]
    first, second = (damaged(whole), whole) if is_repaired else (whole, damaged(whole))
    store.objects[DAY_PATH] = first
    others = [
        lambda: publish(store, catalog, [unit(2)]),
        lambda: store.objects.__setitem__(DAY_PATH, second),
    ]
    publisher, waits = _racing(store, catalog, others)
    with nullcontext() if is_repaired else pytest.raises(EvplRefusedError):
        publisher.publish([unit(0), unit(1)])
    done = publisher.publication
    assert (unit(0) in done.published, unit(0) in done.failed) == (is_repaired, not is_repaired)
    assert (unit(1) in done.published, waits) == (True, [1])


@pytest.mark.contract("iceberg.races", "iceberg.leftovers")
def test_five_lost_races_are_a_temporary_error(catalog: FolderCatalog, tmp_path: Path) -> None:
    """The data file stays, because a lost commit is not always a failed one."""
    store = lake_of_days(1)
    others = (partial(publish, store, catalog, [unit(number)], deletes_missing=True) for number in count(1))
    publisher, waits = _racing(store, catalog, others)
    with pytest.raises(EvplOverlapError, match=r"table evpl\.utilization: another writer committed first"):
        publisher.publish([unit()])
    assert waits == [1, 2, 3, 4]
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
    done = publish(lake_of_days(1), catalog, [unit()])
    assert (done.published, len(done.snapshots), table_values(catalog)) == ([unit()], 1, DAY_VALUES)


@pytest.mark.contract("iceberg.unknown-outcome")
@pytest.mark.parametrize("late", [True, False], ids=["landed", "not landed"])
@pytest.mark.parametrize("error", LOST_RESPONSES[:3], ids=lambda error: type(error).__name__)
def test_unknown_outcome_is_a_temporary_error_and_the_next_run_is_right(
    tmp_path: Path, error: Exception, *, late: bool
) -> None:
    """Data files stay, because the table may have them."""
    catalog, store = _failing(tmp_path, error, late=late, unreachable=1), lake_of_days(1)
    with pytest.raises(EvplStoreError, match="the catalog failed") as caught:
        publish(store, catalog, [unit()])
    assert "Airflow retries" in str(caught.value)
    assert len(data_files(tmp_path)) == 1
    done = publish(store, catalog, [unit()])
    assert (len(done.skipped), len(done.published), table_values(catalog)) == (late, not late, DAY_VALUES)


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
        publish(lake_of_days(1), catalog, [unit()])


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
    publish(lake_of_days(1), catalog, [unit()])
    assert table_values(catalog) == DAY_VALUES
