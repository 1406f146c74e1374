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
from pyiceberg import exceptions as iceberg
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import And, BooleanExpression, EqualTo, GreaterThanOrEqual, LessThan, Or
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import ancestors_of
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DoubleType, NestedField, StringType, TimestamptzType

from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplOverlapError,
    EvplStoreDeniedError,
    EvplStoreError,
    one_line,
    quoted,
)
from airflow_provider_evpl.flows.publish.units import Unit
from airflow_provider_evpl.lake.schema import SORT_COLUMNS, TABLE_SCHEMA
from airflow_provider_evpl.window import DAY

__all__ = ["LostRaceError", "UnitTable", "open_table"]

_UNITS = "evpl.units"
_PARTITION = ("code_ope", "granularity", "timestamp_day")


class LostRaceError(EvplOverlapError):
    """Another writer committed the same units first. Nothing of this commit is in the table."""


class UnitTable:
    """A table at one moment: the snapshot that was current when it was opened.

    A commit is checked against that snapshot: if another writer has changed the same units since, it fails.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def published(self) -> dict[str, str]:
        """Return the digest of each unit that a snapshot in the history of the current one has published."""
        found = dict[str, str]()
        for snapshot in ancestors_of(self._table.current_snapshot(), self._table.metadata):
            properties = snapshot.summary.additional_properties if snapshot.summary else {}
            found = json.loads(properties.get(_UNITS, "{}")) | found
        return found

    def has_columns(self, schema: pa.Schema) -> bool:
        """Return whether the table has all columns of an object."""
        return set(schema.names) <= set(self._table.schema().column_names)

    def add_columns(self, schema: pa.Schema) -> None:
        """Add the columns of an object that the table lacks, in a commit of its own."""
        with _translated(self._name), self._table.update_schema() as update:
            update.union_by_name(schema)

    def write(self, copy: Callable[[BinaryIO], pa.Schema]) -> tuple[str, pa.Schema]:
        """Write a data file in the table's location; it is no part of the table yet.

        Returns:
            Its location, and what `copy` returned.
        """
        location = f"{self._table.location().rstrip('/')}/data/evpl-{uuid4().hex}.parquet"
        with _translated(self._name), self._table.io.new_output(location).create() as sink:
            return location, copy(sink)

    def remove(self, locations: Iterable[str]) -> None:
        """Remove data files that no commit used. A file that can't be removed stays: no reader sees it."""
        for location in locations:
            with suppress(Exception):
                self._table.io.delete(location)

    def replace(self, units: Mapping[Unit, str], files: Sequence[str]) -> int | None:
        """Replace all rows of units by those of data files, in one commit.

        Args:
            units: the digest of each unit.
            files: locations.

        Returns:
            The id of the new snapshot; None if neither the table nor the files have rows of the units.

        Raises:
            LostRaceError: another writer has changed the same units.
        """
        properties = {_UNITS: json.dumps({str(unit): digest for unit, digest in units.items()})}
        before = self._table.current_snapshot()
        with _translated(self._name), _without_no_match_warning(), self._table.transaction() as transaction:
            # The delete makes PyIceberg compare the units with what other writers committed. An append alone
            # is never checked: two first publications of a unit would both land.
            transaction.delete(_rows_of(units), snapshot_properties=properties)
            if files:
                transaction.add_files([*files], properties, check_duplicate_files=False)
        after = self._table.current_snapshot()
        return after.snapshot_id if after and after != before else None

    @property
    def _name(self) -> str:
        return ".".join(self._table.name())


def open_table(catalog: Catalog, name: str) -> UnitTable:
    """Load a table past any cache, or create it.

    Raises:
        EvplConfigError: the name, the columns or the partitions of the table don't fit.
        EvplStoreDeniedError: the catalog refuses.
        EvplStoreError: the catalog fails.
    """
    with _translated(name):
        try:
            table = catalog.load_table(name)
        except iceberg.NoSuchTableError:
            table = _create(catalog, name)
    _check(table, name)
    return UnitTable(table)


def _create(catalog: Catalog, name: str) -> Table:

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
    properties = {"commit.manifest-merge.enabled": "true", "write.parquet.compression-codec": "zstd"}
    catalog.create_namespace_if_not_exists(name.rpartition(".")[0])
    try:
        return catalog.create_table(
            name, schema, partition_spec=spec, sort_order=order, properties=properties
        )
    except iceberg.TableAlreadyExistsError:
        return catalog.load_table(name)


def _schema() -> Schema:
    """Return the columns of the lake, and the granularity."""
    kinds = {pa.float64(): DoubleType(), pa.timestamp("us", "UTC"): TimestamptzType()}
    fields = [
        NestedField(at, field.name, kinds.get(field.type, StringType()), required=not field.nullable)
        for at, field in enumerate(TABLE_SCHEMA, start=1)
    ]
    return Schema(*fields, NestedField(len(fields) + 1, "granularity", StringType(), required=True))


def _check(table: Table, name: str) -> None:
    wanted = {field.name: field.field_type for field in _schema().fields}
    found = {field.name: field.field_type for field in table.schema().fields}
    wrong = [f"{column} ({kind})" for column, kind in wanted.items() if found.get(column) != kind]
    spec = [
        f"{field.transform}({table.schema().find_column_name(field.source_id)})"
        for field in table.spec().fields
    ]
    partitions = ["identity(code_ope)", "identity(granularity)", "day(timestamp)"]
    if wrong or spec != partitions:
        raise EvplConfigError(
            f"table {quoted(name)}: its columns or partitions are not those of the lake.",
            "Publish into a new table, which is then created.",
            f"Missing columns, or of another type: {', '.join(wrong) or 'none'}.\n"
            f"Partitions: {', '.join(spec) or 'none'}; they must be {', '.join(partitions)}.",
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
    """Hide PyIceberg's warning that a delete matched nothing: so it is for a unit's first publication."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Delete operation did not match any records")
        yield


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Translate the errors of PyIceberg and its catalogs.

    Raises:
        LostRaceError, EvplConfigError, EvplStoreDeniedError, EvplStoreError: as fits.
    """
    try:
        yield
    except (iceberg.CommitFailedException, iceberg.ValidationException) as error:
        raise LostRaceError(
            f"table {quoted(name)}: another writer changed the same days at the same time.",
            detail=f"{type(error).__name__}: {one_line(error)}",
        ) from error
    except (iceberg.UnauthorizedError, iceberg.ForbiddenError, iceberg.OAuthError) as error:
        raise EvplStoreDeniedError(
            f"table {quoted(name)}: the catalog refuses.",
            "Check the permissions of the Iceberg connection.",
            f"{type(error).__name__}: {one_line(error)}",
        ) from error
    except iceberg.RESTError as error:
        raise EvplStoreError(
            f"table {quoted(name)}: the catalog failed.", detail=f"{type(error).__name__}: {one_line(error)}"
        ) from error
