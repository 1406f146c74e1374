"""Publishes units of the lake into a table: lists, copies, and commits what changed."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import pyarrow as pa

from airflow_provider_evpl.errors import (
    EvplError,
    EvplForeignError,
    EvplNotPublishedError,
    EvplOverlapError,
    EvplPermanentError,
    EvplRefusedError,
    EvplRetryableError,
    EvplStoreError,
    name_some,
)
from airflow_provider_evpl.flows.publish.catalog_errors import LostRaceError
from airflow_provider_evpl.flows.publish.table import UnitTable
from airflow_provider_evpl.flows.publish.units import Landed, Unit, copy_rows, survey
from airflow_provider_evpl.lake.store import Store

__all__ = ["Publication", "Publisher"]

_UNITS_A_COMMIT = 100
_ATTEMPTS = 5
_GONE = "gone"
_MOST_NAMED = 100
_MOST_SHOWN = 5
_OF_ONE_UNIT = (EvplForeignError, EvplOverlapError, EvplRefusedError)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Publication:
    """What a run published.

    Attributes:
        published: units that a commit of this run replaced.
        skipped: units that the table already had as they are in the lake.
        emptied: units without an object in the lake; their rows were removed from the table.
        missing: units without an object in the lake; the table still has their rows, if it had any.
        failed: the errors of units that can't be read; the table has their rows as before.
        rows: of the published units.
        snapshots: ids of the commits, in order.
    """

    published: list[Unit] = field(default_factory=list)
    skipped: list[Unit] = field(default_factory=list)
    emptied: list[Unit] = field(default_factory=list)
    missing: list[Unit] = field(default_factory=list)
    failed: dict[Unit, EvplError] = field(default_factory=dict)
    rows: int = 0
    snapshots: list[int] = field(default_factory=list)

    def dates(self, *, is_retry: bool = False) -> list[str]:
        """Return the UTC days that this run changed in the table, in order.

        Args:
            is_retry: return the unchanged days too, because an earlier try may have changed them.
        """
        units = [*self.published, *self.emptied, *(self.skipped if is_retry else ())]
        return sorted({f"{unit.day:%Y-%m-%d}" for unit in units})

    def as_dict(self) -> dict[str, object]:
        """Return counts, and the first hundred units of each kind, small enough for XCom."""
        kinds = {
            "published": self.published,
            "skipped": self.skipped,
            "emptied": self.emptied,
            "missing": self.missing,
        }
        counts = {f"{name}_count": len(units) for name, units in kinds.items()}
        named = {name: [*map(str, units[:_MOST_NAMED])] for name, units in kinds.items()}
        # As text, because JSON readers round numbers of this size.
        return {**counts, **named, "rows": self.rows, "snapshot_ids": [*map(str, self.snapshots)]}

    def errors(self) -> list[EvplError]:
        """Return the errors of units, the temporary ones first."""
        found = [*self.failed.values()]
        if self.missing:
            found.append(_not_in_lake(self.missing))
        return sorted(found, key=lambda error: isinstance(error, EvplPermanentError))

    def raise_errors(self, place: str) -> None:
        """Raise the errors of all units as one, and log those that it does not show. Return if there is none.

        Args:
            place: for the message: `table evpl.utilization`.
        """
        errors = self.errors()
        if len(errors) == 1:
            raise errors[0]
        if errors:
            _log_all(errors[_MOST_SHOWN:])
            raise _join(errors, place, sorted([*self.failed, *self.missing]))


def _not_in_lake(units: Sequence[Unit]) -> EvplError:
    return EvplNotPublishedError(
        f"not in the lake: {name_some([*map(str, units)])}.",
        'Pull these days, or set on_missing="delete" to remove their rows from the table.',
    )


def _join(errors: Sequence[EvplError], place: str, units: Sequence[Unit]) -> EvplError:
    shown = [_indented(error) for error in errors[:_MOST_SHOWN]]
    if len(errors) > _MOST_SHOWN:
        shown.append(f"and {len(errors) - _MOST_SHOWN:,} more: see the warnings in the log")
    return type(errors[0])(
        f"{place}: {len(units):,} days were not published; the first is {units[0]}. All others are.",
        "Airflow retries the task. If an error below stays, do what it says."
        if isinstance(errors[0], EvplRetryableError)
        else "Do what each error below says, then run the task again.",
        "\n".join(shown),
    )


def _indented(error: EvplError) -> str:
    return str(error).replace("\n", "\n  ")


def _log_all(errors: Iterable[EvplError]) -> None:
    for error in errors:
        _log.warning("%s", _indented(error))


@dataclass(slots=True)
class _Staged:
    """The data files of a unit, written for one state of the lake.

    Attributes:
        offered: a commit has had the files. Its outcome may be unknown, so they must not be removed.
    """

    table: UnitTable
    landed: Landed
    files: list[str] = field(default_factory=list)
    schemas: list[pa.Schema] = field(default_factory=list)
    offered: bool = False


class Publisher:
    """Publishes units of a lake into a table.

    Args:
        store: of the lake.
        source: of the lake's objects, `Settings.source`.
        open_table: loads the table past any cache.
        wait: waits before the next attempt; its argument is the number of failed attempts, from 1.
        deletes_missing: whether a unit that is gone from the lake is emptied in the table.

    Attributes:
        publication: what has been published so far.
        location: root of the table's files; None before the table was opened.
    """

    def __init__(
        self,
        store: Store,
        source: Mapping[str, str],
        open_table: Callable[[], UnitTable],
        *,
        wait: Callable[[int], None],
        deletes_missing: bool = False,
    ) -> None:
        self._store = store
        self._source = source
        self._open_table = open_table
        self._wait = wait
        self._deletes_missing = deletes_missing
        self._staged: dict[Unit, _Staged] = {}
        self._place = ""
        self.publication = Publication()
        self.location: str | None = None

    def publish(self, units: Iterable[Unit]) -> Publication:
        """Publish units, up to a hundred a commit. Raise the errors of units after the others are published.

        Several errors of units are raised as one: a temporary one if any of them is temporary.

        Raises:
            EvplForeignError: a unit has an object of another source.
            EvplRefusedError: the rows of an object can't be read, or are of another unit.
            EvplOverlapError: objects of a unit overlap, or the lake changed during each of five reads. Or
                other writers changed the table five times in a row.
            EvplNotPublishedError: units are not in the lake, and are not to be deleted.
            EvplError: the store or the catalog failed.
        """
        remaining = iter(sorted(set(units)))
        while some := list(islice(remaining, _UNITS_A_COMMIT)):
            try:
                self._publish_some(some)
            except Exception:
                self._discard(*self._staged)
                _log_all(self.publication.errors())
                raise
        self.publication.raise_errors(self._place)
        return self.publication

    def _publish_some(self, units: Sequence[Unit]) -> None:
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._attempt(units)
            except LostRaceError:
                self._wait(attempt)
        return self._attempt(units)

    def _attempt(self, units: Sequence[Unit]) -> None:
        # The table is loaded before the lake is listed. In the other order a newer publication of another
        # task would be replaced by an older state of the lake.
        table = self._open_table()
        self.location, self._place = table.location, table.place
        published = table.published()
        landed, failed = self._read(table, units, published)
        changed = {unit: found for unit, found in landed.items() if unit in self._staged and found}
        if lacking := [schema for unit in changed for schema in self._lacking(table, unit)]:
            table.add_columns(lacking[0])
            return self._attempt(units)
        gone = [unit for unit, found in landed.items() if found is None]
        emptied = [unit for unit in gone if self._deletes_missing and published.get(str(unit)) != _GONE]
        missing = [] if self._deletes_missing else gone
        self._commit(table, changed, emptied)
        self.publication.failed |= failed
        self.publication.missing += missing
        self.publication.skipped += [unit for unit in landed if unit not in {*changed, *emptied, *missing}]
        return None

    def _read(
        self, table: UnitTable, units: Sequence[Unit], published: Mapping[str, str]
    ) -> tuple[dict[Unit, Landed | None], dict[Unit, EvplError]]:
        """Read units one by one; return what landed, and the errors of units that can't be read."""
        landed, failed = dict[Unit, Landed | None](), dict[Unit, EvplError]()
        for unit in units:
            try:
                landed[unit] = self._read_one(table, unit, published.get(str(unit)))
            except _OF_ONE_UNIT as error:
                self._discard(unit)
                failed[unit] = error.without_frames()
        return landed, failed

    def _lacking(self, table: UnitTable, unit: Unit) -> Iterable[pa.Schema]:
        return (schema for schema in self._staged[unit].schemas if table.lacks(schema))

    def _read_one(self, table: UnitTable, unit: Unit, published: str | None) -> Landed | None:
        """List a unit and write its data files, unless the table has it in this state already.

        Raises:
            EvplOverlapError: the lake changed during each of five reads.
        """
        for _ in range(_ATTEMPTS):
            landed = survey(self._store, unit, self._source)
            if landed is None or landed.digest == published:
                self._discard(unit)
                return landed
            if self._stage(table, unit, landed):
                return landed
        raise EvplOverlapError(f"unit {unit}: the lake changed while it was read.", "Airflow retries.")

    def _stage(self, table: UnitTable, unit: Unit, landed: Landed) -> bool:
        """Write the data files of a unit; return whether the lake was the same afterwards."""
        staged = self._staged.get(unit)
        if staged and staged.landed == landed:
            return True
        self._discard(unit)
        staged = self._staged[unit] = _Staged(table, landed)
        try:
            for path in landed.paths:
                location, schema = table.write(partial(copy_rows, self._store, unit, path))
                staged.files.append(location)
                staged.schemas.append(schema)
        except (EvplRefusedError, EvplStoreError):
            self._discard(unit)
            # An object that was replaced or deleted while it was read is no error.
            if survey(self._store, unit, self._source) == landed:
                raise
            return False
        return survey(self._store, unit, self._source) == landed

    def _commit(self, table: UnitTable, changed: Mapping[Unit, Landed], emptied: Sequence[Unit]) -> None:
        digests = {unit: found.digest for unit, found in changed.items()} | dict.fromkeys(emptied, _GONE)
        if not digests:
            return
        staged = [self._staged[unit] for unit in changed]
        for one in staged:
            one.offered = True
        done = self.publication
        done.snapshots.append(table.replace(digests, [file for one in staged for file in one.files]))
        done.published += changed
        done.emptied += emptied
        done.rows += sum(found.rows for found in changed.values())
        self._staged.clear()

    def _discard(self, *units: Unit) -> None:
        """Forget the data files of units, and remove them if no commit has had them."""
        for unit in units:
            staged = self._staged.pop(unit, None)
            if staged and not staged.offered:
                staged.table.remove(staged.files)
