"""An Apache Iceberg table of the lake's rows: opens or creates it, and replaces units in one commit."""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import reduce
from itertools import groupby
from typing import BinaryIO
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.expressions import And, BooleanExpression, EqualTo, GreaterThanOrEqual, LessThan, Or
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot, ancestors_of
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DoubleType, NestedField, StringType, TimestamptzType

from airflow_provider_evpl.errors import LONGEST_NAME, EvplConfigError, one_line
from airflow_provider_evpl.flows.publish.catalog_errors import LostRaceError, translate_catalog_errors
from airflow_provider_evpl.flows.publish.units import Unit
from airflow_provider_evpl.lake.schema import SORT_COLUMNS, TABLE_SCHEMA
from airflow_provider_evpl.window import DAY

__all__ = ["UnitTable", "open_table"]

_UNITS = "evpl.units"
_COMMIT = "evpl.commit"
_RETRIES = "commit.retry.num-retries"
_PAUSE = "commit.retry.min-wait-ms"
_DEADLINE = "commit.retry.total-timeout-ms"
_HOUR = "3600000"
_PARTITION = ("code_ope", "granularity", "timestamp_day")
_PROPERTIES = {
    "commit.manifest-merge.enabled": "true",
    "write.parquet.compression-codec": "zstd",
    # By default bounds end after 16 characters. PyIceberg reads all rows of a file with such bounds before it
    # deletes the file.
    "write.metadata.metrics.column.code_ope": "full",
    "write.metadata.metrics.column.granularity": "full",
}


class _PinnedTable(Table):  # type: ignore[misc]  # mypy skips PyIceberg
    """A table that commits on top of the snapshot that was loaded, or not at all.

    PyIceberg repeats a refused commit on top of what others have committed since. It would then overlook a
    newer publication that changed no data file, like that of an empty day. So it must not load the table.
    """

    def refresh(self) -> Table:
        """Raise LostRaceError, because PyIceberg calls this method after a refused commit."""
        raise LostRaceError(f"{_place(self)}: another writer committed first.", "Airflow retries.")


class UnitTable:
    """A table at one moment: the snapshot that was current when it was opened.

    Attributes:
        location: root of the table's files.
        place: for messages: `table evpl.utilization`.
    """

    def __init__(self, table: Table) -> None:
        self.place = _place(table)
        # PyIceberg deletes the metadata of a commit if its last attempt is refused. But a catalog may refuse
        # a commit that has landed, if a library has repeated the request. `refresh` ends the commit before.
        properties = {**table.metadata.properties, _RETRIES: "1", _PAUSE: "0", _DEADLINE: _HOUR}
        self._table = _PinnedTable(
            table.name(),
            table.metadata.model_copy(update={"properties": properties}),
            table.metadata_location,
            table.io,
            table.catalog,
            table.config,
        )
        self.location = table.location()

    def published(self) -> dict[str, str]:
        """Return the digest of each unit that a snapshot in the history of the current one has published."""
        found = dict[str, str]()
        with translate_catalog_errors(self.place):
            for snapshot in ancestors_of(self._table.current_snapshot(), self._table.metadata):
                found = json.loads(_property(snapshot, _UNITS) or "{}") | found
        return found

    def lacks(self, schema: pa.Schema) -> bool:
        """Return whether the table lacks columns of an object."""
        return bool(self._lacking(schema))

    def add_columns(self, schema: pa.Schema) -> None:
        """Add the columns of an object that the table lacks, in a commit of its own."""
        lacking = pa.schema([pa.field(field.name, field.type) for field in self._lacking(schema)])
        with translate_catalog_errors(self.place), self._table.update_schema() as update:
            update.union_by_name(lacking)

    def _lacking(self, schema: pa.Schema) -> list[pa.Field]:
        names = set(self._table.schema().column_names)
        return [field for field in schema if field.name not in names]

    def write(self, copy: Callable[[BinaryIO], pa.Schema]) -> tuple[str, pa.Schema]:
        """Write a data file in the table's location; it is no part of the table yet.

        Returns:
            Its location, and what `copy` returned.
        """
        with translate_catalog_errors(self.place):
            location = self._table.location_provider().new_data_location(f"evpl-{uuid4().hex}.parquet")
            try:
                with self._table.io.new_output(location).create() as sink:
                    return location, copy(sink)
            except Exception:
                self.remove([location])
                raise

    def remove(self, locations: Iterable[str]) -> None:
        """Remove data files that no commit used. A file that can't be removed stays: no reader sees it."""
        for location in locations:
            with suppress(Exception):
                self._table.io.delete(location)

    def replace(self, units: Mapping[Unit, str], files: Sequence[str]) -> int:
        """Replace all rows of units by those of data files, in one commit.

        Args:
            units: the digest of each unit.
            files: locations.

        Returns:
            The id of the new snapshot.

        Raises:
            LostRaceError: another writer has committed since the table was opened.
            EvplStoreError: the catalog failed. Whether the commit has landed may be unknown.
        """
        commit = uuid4().hex
        properties = {
            _COMMIT: commit,
            _UNITS: json.dumps({str(unit): digest for unit, digest in units.items()}),
        }
        with translate_catalog_errors(self.place):
            try:
                self._commit(_rows_of(units), files, properties)
            except Exception as error:  # noqa: BLE001 raised below, unless the commit has landed
                failed = error
            else:
                return int(self._table.current_snapshot().snapshot_id)
            # The commit may have landed, although its response was lost.
            snapshot = self._find(commit)
            if snapshot is None:
                raise failed
            return snapshot

    def _commit(self, rows: BooleanExpression, files: Sequence[str], properties: Mapping[str, str]) -> None:
        with _without_no_match_warning(), self._table.transaction() as transaction:
            transaction.delete(rows)
            # Also without files: the snapshot says which units are published.
            transaction.add_files([*files], {**properties}, check_duplicate_files=False)

    def _find(self, commit: str) -> int | None:
        table = self._table.catalog.load_table(self._table.name())
        found = (one.snapshot_id for one in table.snapshots() if _property(one, _COMMIT) == commit)
        return next(found, None)


def _place(table: Table) -> str:
    return f"table {one_line('.'.join(table.name()), LONGEST_NAME)}"


def _property(snapshot: Snapshot, name: str) -> str | None:
    return snapshot.summary.additional_properties.get(name) if snapshot.summary else None


def open_table(catalog: Catalog, name: str) -> UnitTable:
    """Load a table past any cache, or create it.

    Raises:
        EvplConfigError: the name, the columns or the partitions of the table don't fit.
        EvplStoreDeniedError: the catalog refuses.
        EvplStoreError: the catalog fails.
    """
    with translate_catalog_errors(f"table {one_line(name, LONGEST_NAME)}"):
        table = _load(catalog, name) or _create(catalog, name)
    _check(table)
    return UnitTable(table)


def _load(catalog: Catalog, name: str) -> Table | None:
    with suppress(NoSuchTableError):
        return catalog.load_table(name)
    return None


def _create(catalog: Catalog, name: str) -> Table:
    with suppress(NoSuchNamespaceError):
        return _create_table(catalog, name)
    catalog.create_namespace_if_not_exists(name.rpartition(".")[0])
    return _create_table(catalog, name)


def _create_table(catalog: Catalog, name: str) -> Table:
    schema = _schema()
    ids = {field.name: field.field_id for field in schema.fields}
    transforms = (IdentityTransform(), IdentityTransform(), DayTransform())
    partitions = zip(_PARTITION, ("code_ope", "granularity", "timestamp"), transforms, strict=True)
    spec = PartitionSpec(
        *(
            PartitionField(source_id=ids[column], field_id=1000 + at, transform=transform, name=partition)
            for at, (partition, column, transform) in enumerate(partitions)
        )
    )
    order = SortOrder(*(SortField(ids[column], IdentityTransform()) for column in SORT_COLUMNS))
    with suppress(TableAlreadyExistsError):
        return catalog.create_table(
            name, schema, partition_spec=spec, sort_order=order, properties=_PROPERTIES
        )
    return catalog.load_table(name)


def _schema() -> Schema:
    """Return the columns of the lake, and the granularity."""
    kinds = {pa.float64(): DoubleType(), pa.timestamp("us", "UTC"): TimestamptzType()}
    fields = [
        NestedField(at, field.name, kinds.get(field.type, StringType()), required=not field.nullable)
        for at, field in enumerate(TABLE_SCHEMA, start=1)
    ]
    return Schema(*fields, NestedField(len(fields) + 1, "granularity", StringType(), required=True))


def _check(table: Table) -> None:
    wanted = {field.name: field for field in _schema().fields}
    found = {field.name: field for field in table.schema().fields}
    wrong = [one for one, field in wanted.items() if not _fits(found.get(one), field)]
    wrong += [one for one, field in found.items() if field.required and one not in wanted]
    spec = [
        f"{field.transform}({table.schema().find_column_name(field.source_id)})"
        for field in table.spec().fields
    ]
    partitions = ["identity(code_ope)", "identity(granularity)", "day(timestamp)"]
    if wrong or spec != partitions:
        raise EvplConfigError(
            f"{_place(table)}: its columns or partitions are not those of the lake.",
            "Publish into a new table, which is then created.",
            f"Missing columns, or of a wrong type: {one_line(', '.join(wrong) or 'none')}.\n"
            f"Partitions: {one_line(', '.join(spec) or 'none')}; they must be {', '.join(partitions)}.",
        )


def _fits(found: NestedField | None, wanted: NestedField) -> bool:
    return (
        found is not None
        and found.field_type == wanted.field_type
        and (wanted.required or not found.required)
    )


def _rows_of(units: Iterable[Unit]) -> BooleanExpression:
    """Return the filter of all rows of some units. Days in a row are one range."""
    filters = [
        And(
            EqualTo("code_ope", first.code_ope),
            EqualTo("granularity", first.granularity),
            GreaterThanOrEqual("timestamp", first.day.isoformat()),
            LessThan("timestamp", (last.day + DAY).isoformat()),
        )
        for first, last in _ranges(sorted(units))
    ]
    return reduce(Or, filters)


def _ranges(units: Sequence[Unit]) -> Iterator[tuple[Unit, Unit]]:
    marked = ((unit, unit.day - at * DAY) for at, unit in enumerate(units))
    for _, members in groupby(marked, key=lambda pair: (pair[0].code_ope, pair[0].granularity, pair[1])):
        some = [unit for unit, _ in members]
        yield some[0], some[-1]


@contextmanager
def _without_no_match_warning() -> Iterator[None]:
    """Hide the warning that a delete matched nothing, as the first delete of a unit does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Delete operation did not match any records")
        yield
