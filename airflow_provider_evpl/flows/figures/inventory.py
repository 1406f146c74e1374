"""The inventory: the committed rate of each circuit, and the group, end and label that a user gives it.

A rate is valid in a period. The periods of a circuit don't overlap.
"""

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_evpl.config.readers import read_moment, read_number
from airflow_provider_evpl.errors import EvplConfigError, name_of, name_some, one_line, wrong
from airflow_provider_evpl.months import local_midnight

__all__ = ["MAX_BYTES", "Inventory", "Period", "read_inventory"]

MAX_BYTES = 64 * 2**20

_REQUIRED = ("object_instance_id", "committed_mbits")
_OPTIONAL = ("end", "group", "label", "valid_from", "valid_to")
_COLUMNS = (*_REQUIRED, *_OPTIONAL)
_ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A row of the inventory: what is valid for a circuit from a moment up to, not including, another.

    Attributes:
        row: 1 is the first after the header.
        committed_mbits: Mbit/s, finite and above 0.
        end: the `pop_section_name` or `pop_name` of the end that counts in the group.
        valid_from, valid_to: UTC; None for an open bound.
    """

    row: int
    committed_mbits: float
    end: str | None = None
    group: str | None = None
    label: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Both bounds; the earliest and the latest moment of Python for open ones."""
        return self.valid_from or _ALWAYS[0], self.valid_to or _ALWAYS[1]

    def holds(self, moment: datetime) -> bool:
        """Return whether a moment lies in the period."""
        return self.bounds[0] <= moment < self.bounds[1]

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Return whether a moment from `start` up to, not including, `end` lies in the period."""
        return self.bounds[0] < end and start < self.bounds[1]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The periods of all circuits.

    Attributes:
        periods: by `object_instance_id`, in the order of time.
        digest: of the bytes that were read.
    """

    periods: Mapping[str, tuple[Period, ...]]
    digest: str

    def period_at(self, circuit: str, moment: datetime) -> Period | None:
        """Return the period of a circuit that holds a moment; None if there is none."""
        return next((one for one in self.periods.get(circuit, ()) if one.holds(moment)), None)

    def newest(self, circuit: str) -> Period | None:
        """Return the last period of a circuit; None if the circuit has no row."""
        return (self.periods.get(circuit) or (None,))[-1]

    def note_unknown(self, circuits: Collection[str]) -> list[str]:
        """Return a note, if the lake lacks circuits of the inventory.

        `circuits` are those of all operator codes, because the inventory has no codes.
        """
        return _note("in the inventory, but not in the lake", self.periods.keys() - frozenset(circuits))

    def note_missing(self, circuits: Collection[str]) -> list[str]:
        """Return a note, if the inventory lacks circuits of the lake."""
        return _note("in the lake, but not in the inventory", frozenset(circuits) - self.periods.keys())


def _note(where: str, circuits: Collection[str]) -> list[str]:
    names = name_some([name_of(one) for one in sorted(circuits)])
    return [f"Circuits {where}: {len(circuits):,} ({names})."] if circuits else []


def read_inventory(data: bytes, name: str, zone: ZoneInfo) -> Inventory:
    """Read an inventory from the bytes of a CSV or Parquet object.

    Args:
        data: at most `MAX_BYTES`.
        name: of the object; it ends in `.csv` or `.parquet`.
        zone: a date means the midnight of this time zone.

    Raises:
        EvplConfigError: the object can't be read, or a column or a row is wrong. The message names the row.
    """
    if len(data) > MAX_BYTES:
        raise EvplConfigError(f"inventory: has more than {MAX_BYTES / 2**20:.0f} MB.", "Leave out rows.")
    read = next((read for ending, read in _FORMATS.items() if name.lower().endswith(ending)), None)
    if read is None:
        raise wrong("inventory: the name must end in .csv or .parquet", name)
    circuits = defaultdict[str, list[Period]](list)
    for row, cells in read(data):
        try:
            circuits[_read_id(cells)].append(_read_period(row, cells, zone))
        except EvplConfigError as error:
            raise error.within(f"inventory row {row}").with_next_step("Correct the row.") from None
    periods = {circuit: _ordered(circuit, found) for circuit, found in circuits.items()}
    return Inventory(periods, hashlib.sha256(data).hexdigest())


def _ordered(circuit: str, periods: list[Period]) -> tuple[Period, ...]:
    ordered = sorted(periods, key=lambda one: one.bounds)
    for one, other in pairwise(ordered):
        if other.bounds[0] < one.bounds[1]:
            first, second = sorted([one.row, other.row])
            shown = name_of(circuit)
            raise EvplConfigError(
                f"inventory rows {first} and {second}: the periods of circuit {shown} overlap.",
                "Remove one of the rows, or set valid_from and valid_to.",
                shown=[shown],
            )
    return tuple(ordered)


def _read_id(cells: Mapping[str, str]) -> str:
    if not (circuit := cells["object_instance_id"]):
        raise EvplConfigError(
            "object_instance_id: is empty.", "Write the id of a circuit, or remove the row."
        )
    return circuit


def _read_period(row: int, cells: Mapping[str, str], zone: ZoneInfo) -> Period:
    start, end = (_read_bound(cells.get(name), name, zone) for name in ("valid_from", "valid_to"))
    period = Period(
        row=row,
        committed_mbits=read_number(
            cells["committed_mbits"], "committed_mbits", (0, float("inf")), above=True
        ),
        **{name: cells.get(name) or None for name in ("end", "group", "label")},
        valid_from=start,
        valid_to=end,
    )
    if start and end and end <= start:
        raise wrong("valid_to: must be after valid_from", cells["valid_to"])
    return period


def _read_bound(text: str | None, name: str, zone: ZoneInfo) -> datetime | None:
    """Read a local date, or a time with a zone."""
    if not text:
        return None
    try:
        return local_midnight(date.fromisoformat(text), zone)
    except OverflowError:
        raise wrong(f"{name}: must be a date within the years 1 to 9999 in UTC", text) from None
    except ValueError:
        return read_moment(text, name)


def _read_csv(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield number and cells of each row. Blank rows are left out, but counted."""
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(rows, [])]
        _check_columns(header, "Write a header, with commas between the columns.")
        for row, cells in enumerate(rows, 1):
            if not cells:
                continue
            if len(cells) != len(header):
                raise EvplConfigError(
                    f"inventory row {row}: has {len(cells):,} cells, but the header has {len(header)}.",
                    "Write a text that has a comma in double quotes.",
                )
            yield row, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    except UnicodeDecodeError:
        raise EvplConfigError("inventory: the CSV object is not UTF-8.", "Save it as UTF-8.") from None
    except csv.Error as error:
        raise EvplConfigError("inventory: the CSV object can't be read.", detail=one_line(error)) from None


def _read_parquet(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield number and cells of each row, as text."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        _check_columns(file.schema_arrow.names, "Name the columns as in a CSV inventory.")
        _check_id_type(file.schema_arrow.field("object_instance_id").type)
        rows = (cells for batch in file.iter_batches() for cells in _as_texts(batch).to_pylist())
        for row, cells in enumerate(rows, 1):
            yield row, {name: (cell or "").strip() for name, cell in cells.items()}
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise EvplConfigError(
            "inventory: the Parquet object can't be read.", detail=one_line(error)
        ) from None


def _as_texts(batch: Any) -> Any:  # noqa: ANN401 pyarrow has no types
    return pa.table({name: _as_text(batch[name]) for name in batch.schema.names})


def _as_text(column: Any) -> Any:  # noqa: ANN401 pyarrow has no types
    if pa.types.is_timestamp(column.type):
        # `datetime` reads six digits of a second.
        column = column.cast(pa.timestamp("us", column.type.tz))
    return column.cast(pa.string())


def _check_id_type(kind: Any) -> None:  # noqa: ANN401 pyarrow has no types
    value_type = kind.value_type if pa.types.is_dictionary(kind) else kind
    if value_type not in (pa.string(), pa.large_string(), pa.string_view()):
        raise EvplConfigError(
            f"inventory column object_instance_id: must be text, but is {one_line(kind)}.",
            "Write the ids as text, because numbers lose leading zeros.",
        )


def _check_columns(header: list[str], next_step: str) -> None:
    def fail(what: str, names: Iterable[str]) -> EvplConfigError:
        shown = [name_of(one) or "(empty)" for one in names]
        listed = f"Columns are {', '.join(_COLUMNS)}. The first two are required."
        return EvplConfigError(f"inventory: {what}: {name_some(shown)}.", next_step, listed, shown=shown)

    if missing := [name for name in _REQUIRED if name not in header]:
        raise fail("the object lacks columns", missing)
    if unknown := [name for name in header if name not in _COLUMNS]:
        raise fail("the object has unknown columns", unknown)
    if doubled := sorted({name for name in header if header.count(name) > 1}):
        raise fail("the object has a column twice", doubled)


_FORMATS = {".csv": _read_csv, ".parquet": _read_parquet}
