"""What a slice changes of what had landed: samples added, changed, gone."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_evpl.lake.columns import Codes, Flags, Floats, Rows
from airflow_provider_evpl.lake.grids import Integers, bounds
from airflow_provider_evpl.lake.schema import SERIES_COLUMNS
from airflow_provider_evpl.lake.settle import begins_of_runs, is_inside
from airflow_provider_evpl.page import Series
from airflow_provider_evpl.window import Window

__all__ = ["Revisions", "UnreadableError", "revise"]

_BATCH_ROWS = 8_192  # a row group at once takes 15 MB more, threads 40
_NO_ROW = np.iinfo(np.int64).max


class Revisions(NamedTuple):
    """What a slice has that the objects it replaces had not, and the other way round.

    Attributes:
        added: samples in an interval that had landed without them.
        changed: samples with another value than before; null is one, too.
        gone: samples that are there no more.
        oldest: time of the oldest one added, in microseconds since the epoch; None where none was.
    """

    added: int = 0
    changed: int = 0
    gone: int = 0
    oldest: int | None = None


class UnreadableError(Exception):
    """An object's footer is ours, but its rows can't be read."""


class _Part(NamedTuple):
    """Rows of an object: the series in order, how many rows each has, and of all rows time and value."""

    series: list[Series]
    lengths: Integers
    timestamps: Integers
    values: Floats


def revise(
    rows: Rows, window: Window, landed: Iterable[Window], read: Callable[[Window], bytes]
) -> Revisions:
    """Compare a slice with what had landed in it; it takes nine bytes a row, and an object's bytes.

    A moment that is in two objects, as after a killed run, is compared with the one that begins first, and
    of those with the longest.

    Args:
        rows: the slice's.
        window: the slice.
        landed: intervals of the objects that it replaces.
        read: gives an object's bytes.

    Raises:
        UnreadableError: an object's rows can't be read.
    """
    comparison = _Comparison(rows, window)
    until = window.start
    for one in sorted(landed, key=lambda one: (one.start, one.start - one.end)):
        if one.end > until:
            comparison.add(Window(max(one.start, until), one.end), read(one))
            until = one.end
    return comparison.finish()


class _Comparison:
    """Knows each row by a number: the place of its series times the slice's length, plus its time in it."""

    def __init__(self, rows: Rows, window: Window) -> None:
        self._start, end = bounds(window)
        self._length = end - self._start
        self._places = {series: place for place, series in enumerate(rows.series)}
        numbers = [grid + (place * self._length - self._start) for place, grid in enumerate(rows.grids)]
        self._numbers = np.concatenate([*numbers, np.array([_NO_ROW])])
        self._values = rows.values
        self._was_there = np.zeros(len(self._numbers), np.bool_)
        self._landed: list[Window] = []
        self._changed = self._gone = 0

    def add(self, window: Window, data: bytes) -> None:
        """Compare with an object, as far as it is in a window."""
        self._landed.append(window)
        for part in _read(data):
            places = np.array([self._places.get(one, -1) for one in part.series], np.int64)
            numbers = np.repeat(places, part.lengths) * self._length + (part.timestamps - self._start)
            counts = is_inside(part.timestamps, window)
            self._compare(numbers[counts], part.values[counts])

    def _compare(self, numbers: Integers, values: Floats) -> None:
        at = np.searchsorted(self._numbers, numbers)
        stays = self._numbers[at] == numbers
        self._was_there[at[stays]] = True
        self._changed += int(_differ(self._values[at[stays]], values[stays]).sum())
        self._gone += int((~stays).sum())

    def finish(self) -> Revisions:
        """Count."""
        times = self._numbers[:-1][~self._was_there[:-1]] % self._length + self._start
        added = np.concatenate([times[:0], *(times[is_inside(times, one)] for one in self._landed)])
        oldest = int(added.min()) if len(added) else None
        return Revisions(len(added), self._changed, self._gone, oldest)


def _differ(one: Floats, other: Floats) -> Flags:
    differ: Flags = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return differ


def _read(data: bytes) -> Iterator[_Part]:
    """Read an object that `encode` wrote, some rows at a time."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=[*SERIES_COLUMNS])
        columns = [*SERIES_COLUMNS, "timestamp", "value"]
        for batch in file.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
            yield _part(batch)
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error


def _part(batch: pa.RecordBatch) -> _Part:
    texts, codes = zip(*(_texts(batch.column(name)) for name in SERIES_COLUMNS), strict=True)
    starts = np.flatnonzero(begins_of_runs(*codes))
    columns = [[words[code] for code in column[starts]] for words, column in zip(texts, codes, strict=True)]
    return _Part(
        series=[Series(*names) for names in zip(*columns, strict=True)],
        lengths=np.diff(starts, append=batch.num_rows),
        timestamps=_numbers(batch.column("timestamp"), np.int64, 0),
        values=_numbers(batch.column("value"), np.float64, np.nan),
    )


def _texts(column: pa.DictionaryArray) -> tuple[list[str | None], Codes]:
    """The texts of a column, None behind them, and which of them each row has."""
    return [*column.dictionary.to_pylist(), None], _numbers(column.indices, np.int32, -1)


def _numbers(array: pa.Array, kind: type[np.number], null: float) -> Any:  # noqa: ANN401 an array of that kind
    """From the buffers: `to_numpy` imports pandas wherever that is installed (0.4 s, 60 MB)."""
    validity, data = array.buffers()
    start, end = array.offset, array.offset + len(array)
    numbers = np.frombuffer(data, kind, end)[start:]
    if not array.null_count:
        return numbers
    present = np.unpackbits(np.frombuffer(validity, np.uint8), count=end, bitorder="little")[start:]
    return np.where(present, numbers, np.array(null, kind))
