"""Publishes units of the lake into a table: lists, copies, and commits what changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple

import pyarrow as pa

from airflow_provider_evpl.errors import EvplForeignError, EvplOverlapError, EvplRefusedError
from airflow_provider_evpl.flows.publish.table import UnitTable
from airflow_provider_evpl.flows.publish.units import Landed, Unit, copy_rows, survey
from airflow_provider_evpl.lake.store import Store

__all__ = ["Publication", "Publisher"]

_UNITS_A_COMMIT = 100
_ATTEMPTS = 5
_GONE = "gone"
_MOST_NAMED = 100


@dataclass(slots=True)
class Publication:
    """What a run published.

    Attributes:
        published: units that a commit of this run replaced.
        skipped: units that the table already had as they are in the lake.
        emptied: units without an object in the lake; their rows were removed from the table.
        missing: units without an object in the lake; the table still has their rows, if it had any.
        rows: of the published units.
        snapshots: ids of the commits, in order.
    """

    published: list[Unit] = field(default_factory=list)
    skipped: list[Unit] = field(default_factory=list)
    emptied: list[Unit] = field(default_factory=list)
    missing: list[Unit] = field(default_factory=list)
    rows: int = 0
    snapshots: list[int] = field(default_factory=list)

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


class _Staged(NamedTuple):
    """The data files of a unit, written for one state of the lake."""

    landed: Landed
    files: list[str]
    schemas: list[pa.Schema]


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
        self.publication = Publication()

    def publish(self, units: Iterable[Unit]) -> Publication:
        """Publish units, up to a hundred a commit.

        Raises:
            EvplOverlapError: another writer changed the same units, or the lake changed while it was read,
                five times in a row.
        """
        remaining = iter(sorted(set(units)))
        while some := list(islice(remaining, _UNITS_A_COMMIT)):
            try:
                self._publish_some(some)
            except (EvplForeignError, EvplOverlapError, EvplRefusedError):
                # No commit used the files. After any other error the outcome of a commit may be unknown.
                self._discard(self._open_table(), *self._staged)
                raise
        return self.publication

    def _publish_some(self, units: Sequence[Unit]) -> None:
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._attempt(units)
            except EvplOverlapError:
                self._wait(attempt)
        return self._attempt(units)

    def _attempt(self, units: Sequence[Unit]) -> None:
        # The table is loaded before the lake is listed. In the other order a newer publication of another
        # task would be replaced by an older state of the lake.
        table = self._open_table()
        published = table.published()
        landed = {unit: survey(self._store, unit, self._source) for unit in units}
        here = {unit: found for unit, found in landed.items() if found}
        changed = {unit: found for unit, found in here.items() if published.get(str(unit)) != found.digest}
        for unit, found in changed.items():
            self._stage(table, unit, found)
        if any(survey(self._store, unit, self._source) != found for unit, found in changed.items()):
            raise EvplOverlapError("The lake changed while it was read.", "Publish again.")
        if self._add_columns(table, changed):
            return self._attempt(units)
        gone = [unit for unit, found in landed.items() if found is None]
        emptied = [unit for unit in gone if self._deletes_missing and published.get(str(unit)) != _GONE]
        self._commit(table, changed, emptied)
        self.publication.missing += [] if self._deletes_missing else gone
        self.publication.skipped += [unit for unit in here if unit not in changed]
        return None

    def _commit(self, table: UnitTable, changed: Mapping[Unit, Landed], emptied: Sequence[Unit]) -> None:
        digests = {unit: found.digest for unit, found in changed.items()} | dict.fromkeys(emptied, _GONE)
        if not digests:
            return
        snapshot = table.replace(digests, [file for unit in changed for file in self._staged[unit].files])
        for unit in changed:
            del self._staged[unit]
        done = self.publication
        done.published += changed
        done.emptied += emptied
        done.rows += sum(found.rows for found in changed.values())
        done.snapshots += [snapshot] if snapshot else []

    def _add_columns(self, table: UnitTable, units: Iterable[Unit]) -> bool:
        """Add the columns that the table lacks; return whether it lacked any."""
        schemas = [schema for unit in units for schema in self._staged[unit].schemas]
        lacking = [schema for schema in schemas if not table.has_columns(schema)]
        for schema in lacking[:1]:
            table.add_columns(schema)
        return bool(lacking)

    def _stage(self, table: UnitTable, unit: Unit, landed: Landed) -> None:
        """Write the data files of a unit, unless they are written for the same state of the lake."""
        staged = self._staged.get(unit)
        if staged and staged.landed == landed:
            return
        self._discard(table, unit)
        staged = self._staged[unit] = _Staged(landed, [], [])
        for path in landed.paths:
            location, schema = table.write(partial(copy_rows, self._store, unit, path))
            staged.files.append(location)
            staged.schemas.append(schema)

    def _discard(self, table: UnitTable, *units: Unit) -> None:
        """Remove the data files of units that no commit used."""
        for unit in units:
            if staged := self._staged.pop(unit, None):
                table.remove(staged.files)
