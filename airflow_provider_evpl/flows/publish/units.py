"""The units of a publication: what has landed of a UTC day, and its rows as Parquet files of a table."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from airflow_provider_evpl.errors import (
    EvplForeignError,
    EvplOverlapError,
    EvplRefusedError,
    EvplStoreError,
    one_line,
)
from airflow_provider_evpl.lake.layout import Dataset, group, largest
from airflow_provider_evpl.lake.objects import Foreign, Objects
from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.lake.schema import TABLE_SCHEMA
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.lake.store_errors import translate_errors
from airflow_provider_evpl.window import DAY, Window

__all__ = ["Landed", "Unit", "copy_rows", "survey"]

# The column that a table has in addition to those of the lake.
_GRANULARITY = pa.field("granularity", pa.dictionary(pa.int32(), pa.string()), nullable=False)

_DIGEST_CHARACTERS = 16


class Unit(NamedTuple):
    """A UTC day of one operator code and granularity: what one publication replaces."""

    code_ope: str
    granularity: str
    day: datetime

    def __str__(self) -> str:
        """Return the key of the unit in the properties of a snapshot, and in messages."""
        return f"{self.code_ope}/{self.granularity}/{self.day:%Y-%m-%d}"

    @property
    def dataset(self) -> Dataset:
        """The data set of the unit in the lake."""
        return Dataset(self.code_ope, self.granularity)

    @property
    def window(self) -> Window:
        """The UTC day."""
        return Window(self.day, self.day + DAY)


@dataclass(frozen=True, slots=True)
class Landed:
    """The objects of a unit at one moment.

    Attributes:
        paths: of the objects that have rows; relative to the lake's root, in order of time.
        rows: number of rows of all objects.
        digest: equal for equal objects.
    """

    paths: tuple[str, ...]
    rows: int
    digest: str


def survey(store: Store, unit: Unit, source: Mapping[str, str]) -> Landed | None:
    """List the objects of a unit, past any cache; None if nothing has landed.

    Raises:
        EvplForeignError: an object is from another source.
        EvplOverlapError: two objects have the same samples.
        EvplStoreError: the store failed.
    """
    objects = Objects(store, unit.dataset, source)
    try:
        found = objects.footers_with_digests(objects.sizes(unit.window))
    except EvplStoreError:
        # A pull may have replaced an object since it was listed.
        found = objects.footers_with_digests(objects.sizes(unit.window))
    own = {one: _own(store, unit, one, what) for one, (what, _) in found.items()}
    windows = largest(own)
    if len(group(windows, windows)) < len(windows):
        raise EvplOverlapError(
            f"unit {unit}: two objects have the same samples.", "Pull the day again, then publish it again."
        )
    if not windows:
        return None
    # A footer has the time of its pull, so the digest differs for each pull.
    text = repr([(one.label, own[one], found[one][1]) for one in windows])
    return Landed(
        paths=tuple(unit.dataset.samples_path(one) for one in windows if own[one].ledger.rows),
        rows=sum(own[one].ledger.rows for one in windows),
        digest=hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS],
    )


def _own(store: Store, unit: Unit, window: Window, what: Footer | Foreign) -> Footer:
    if isinstance(what, Foreign):
        raise EvplForeignError(
            f"unit {unit}: the connection didn't land the object {window.label}.",
            "Move the object away, or publish with the connection that landed it.",
            f"{store.url(unit.dataset.samples_path(window))}\nThe object {what.reason}.",
        )
    return what


def copy_rows(store: Store, unit: Unit, path: str, sink: BinaryIO) -> pa.Schema:
    """Write the rows of an object as a Parquet file of a table, one row group after the other.

    The file has no field ids, because PyIceberg adds only files without them.

    Returns:
        The columns that the table needs.

    Raises:
        EvplRefusedError: the rows can't be read, or are of another unit.
    """
    url = store.url(path)
    with translate_errors(url), store.open(path) as opened:
        data = pa.BufferReader(opened.read())
    with _refused(unit, url):
        plain = pq.read_schema(data)
        texts = [field.name for field in plain if field.type == pa.string()]
        file = pq.ParquetFile(data, read_dictionary=texts)
        schema = pa.schema([*(_declared(field) for field in file.schema_arrow), _GRANULARITY])
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        store_schema=False,
        memory_pool=pa.system_memory_pool(),
    ) as writer:
        for number in range(file.num_row_groups):
            with _refused(unit, url):
                rows = _read(file, number, unit).cast(schema)
            writer.write_table(rows)
    return plain


@contextmanager
def _refused(unit: Unit, url: str) -> Iterator[None]:
    """Turn an error of PyArrow into one of this package. The data file is written outside of it."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise EvplRefusedError(
            f"unit {unit}: the rows of an object can't be read.",
            "Pull the day again, then publish it again.",
            f"{url}\n{type(error).__name__}: {one_line(error)}",
        ) from error


def _read(file: pq.ParquetFile, number: int, unit: Unit) -> pa.Table:
    rows = file.read_row_group(number, use_threads=False)
    times = rows["timestamp"]
    inside = pc.and_(pc.greater_equal(times, unit.day), pc.less(times, unit.day + DAY))
    # Such rows would get into the partition of another unit, beside its own.
    if pc.all(inside).as_py() is False or {*rows["code_ope"].unique().to_pylist()} - {unit.code_ope}:
        raise ValueError("rows of another day or operator code")
    return rows.append_column(_GRANULARITY, _repeat(unit.granularity, len(rows)))


def _declared(field: pa.Field) -> pa.Field:
    """Return the lake's own field, because an earlier version may have declared other nulls."""
    known = TABLE_SCHEMA.get_field_index(field.name)
    return TABLE_SCHEMA.field(known) if known >= 0 else field


def _repeat(text: str, times: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), times), [text])
