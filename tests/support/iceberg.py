"""Iceberg tables in a local folder: a catalog that can be killed and interleaved, and what the table has."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.io.pyarrow import PyArrowFileIO

from airflow_provider_evpl.errors import EvplNotPublishedError
from airflow_provider_evpl.flows.publish.publish import Publication, Publisher
from airflow_provider_evpl.flows.publish.table import open_table
from airflow_provider_evpl.flows.publish.units import Unit
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.window import DAY
from tests.support.airflow_versions import is_since
from tests.support.lake import MIDNIGHT, SOURCE, day, put
from tests.support.stores import MemoryStore

if not is_since("3.1"):
    pytest.skip("Airflow has SQLAlchemy 2, which a SQL catalog needs, since 3.1", allow_module_level=True)
# Fails with an older SQLAlchemy.
from pyiceberg.catalog.sql import SqlCatalog

TABLE = "evpl.utilization"
DAY_VALUES = Counter({1.0: 48})
"""The values of a day of `lake_of_days`."""

Before = Callable[[], None]


def unit(day: int = 0, code_ope: str = "0042", granularity: str = "300s") -> Unit:
    """A UTC day, counted from MIDNIGHT."""
    return Unit(code_ope, granularity, MIDNIGHT + day * DAY)


def lake_of_days(count: int = 2) -> MemoryStore:
    """Make a lake of whole days from MIDNIGHT on."""
    store = MemoryStore()
    for number in range(count):
        put(store, day(number))
    return store


def catalog_in(folder: Path, before: Before = lambda: None) -> "FolderCatalog":
    """Open the catalog in a folder, as another process would.

    Args:
        folder: of catalog and tables.
        before: is called before each call of the catalog and of the table's files, and after each commit.
    """
    catalog = FolderCatalog(
        "iceberg_default", uri=f"sqlite:///{folder}/catalog.db", warehouse=folder.as_uri()
    )
    catalog.before = before
    return catalog


class FolderCatalog(SqlCatalog):  # type: ignore[misc]  # mypy skips PyIceberg
    """A catalog of SQLite.

    Attributes:
        before: is called before each call, and after each commit.
        commits: number of commits that landed.
    """

    before: Before = staticmethod(lambda: None)
    commits = 0

    def load_table(self, identifier: Any) -> Any:  # noqa: ANN401 as PyIceberg has it
        """Load."""
        self.before()
        return super().load_table(identifier)

    def create_namespace(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 likewise
        """Create."""
        self.before()
        super().create_namespace(*arguments, **named)

    def create_table(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 likewise
        """Create."""
        self.before()
        return super().create_table(*arguments, **named)

    def commit_table(self, *arguments: Any) -> Any:  # noqa: ANN401 likewise
        """Commit. The response may be lost."""
        self.before()
        response = super().commit_table(*arguments)
        self.commits += 1
        self.before()
        return response

    def _load_file_io(self, properties: Any = None, location: str | None = None) -> FileIO:  # noqa: ANN401, ARG002 likewise
        return _Files({**self.properties, **(properties or {})}, self.before)


class _Files(PyArrowFileIO):  # type: ignore[misc]  # likewise
    def __init__(self, properties: dict[str, str], before: Before) -> None:
        super().__init__(properties)
        self._before, self._thread = before, threading.get_ident()

    def _call(self) -> None:
        # PyIceberg writes manifests in threads of its own. Their order means nothing.
        if threading.get_ident() == self._thread:
            self._before()

    def new_input(self, location: str) -> InputFile:
        self._call()
        return super().new_input(location)

    def new_output(self, location: str) -> OutputFile:
        self._call()
        return super().new_output(location)

    def delete(self, location: Any) -> None:  # noqa: ANN401 likewise
        self._call()
        super().delete(location)


def make_publisher(
    store: Store,
    catalog: Catalog,
    *,
    source: dict[str, str] = SOURCE,
    deletes_missing: bool = False,
    wait: Callable[[int], None] = lambda _: None,
) -> Publisher:
    """Make a publisher, without waits."""
    return Publisher(
        store, source, lambda: open_table(catalog, TABLE), wait=wait, deletes_missing=deletes_missing
    )


def publish(store: Store, catalog: Catalog, units: Iterable[Unit], **options: Any) -> Publication:  # noqa: ANN401 those of `make_publisher`
    """Publish units. Nothing is raised if units are missing in the lake, and that is all."""
    publisher = make_publisher(store, catalog, **options)
    try:
        return publisher.publish(units)
    except EvplNotPublishedError:
        if publisher.publication.failed:
            raise
        return publisher.publication


Rows = Counter[tuple[object, ...]]
"""Circuit, moment and value of each row, with the number of such rows."""


def table_rows(catalog: Catalog) -> dict[Unit, Rows]:
    """Read all rows of the table, by their unit."""
    try:
        table = catalog.load_table(TABLE)
    except NoSuchTableError:
        return {}
    found: dict[Unit, Rows] = {}
    for row in table.scan().to_arrow().to_pylist():
        day = row["timestamp"].replace(hour=0, minute=0, second=0)
        one = Unit(row["code_ope"], row["granularity"], day)
        found.setdefault(one, Counter())[row["object_instance_id"], row["timestamp"], row["value"]] += 1
    return found


def table_values(catalog: Catalog, of: Unit | None = None) -> Counter[object]:
    """Count the values of a unit in the table; by default that of MIDNIGHT."""
    rows = table_rows(catalog).get(of or unit(), Counter())
    return Counter(value for _, _, value in rows.elements())


def data_files(folder: Path) -> list[Path]:
    """List the Parquet files in a folder."""
    return sorted(folder.rglob("*.parquet"))
