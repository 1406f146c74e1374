"""From numpy arrays to an Arrow table, without a copy.

By buffers and builders only: `pyarrow.array` imports pandas wherever that is installed (0.35 s and
its memory).
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa

from airflow_provider_evpl.lake.schema import SERIES_COLUMNS, TABLE_SCHEMA
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import EPOCH, Window, microseconds

__all__ = ["Codes", "Flags", "Floats", "Grids", "Integers", "Rows", "bounds", "count_steps"]

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
Codes = np.ndarray[tuple[int], np.dtype[np.int32]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


class Rows:
    """Rows in the lake's order, kept by the series.

    Args:
        code_ope: the same for all rows.
        series: the distinct ones, in order.
        grids: the timestamps of each, one at least, in microseconds since the epoch.
        values: of all rows; NaN is null.

    Attributes:
        begins: of each series the position of its first row.
    """

    def __init__(
        self, *, code_ope: str, series: Sequence[Series], grids: Sequence[Integers], values: Floats
    ) -> None:
        self.series = series
        self.grids = grids
        self.values = values
        self._code_ope = code_ope
        lengths = np.array([len(grid) for grid in grids], np.int64)
        self._ends = np.cumsum(lengths)
        self.begins = self._ends - lengths

    def __len__(self) -> int:
        """How many."""
        return len(self.values)

    @property
    def has_value(self) -> Flags:
        """Of each row, whether it has one."""
        return ~np.isnan(self.values)

    @cached_property
    def timestamps(self) -> Integers:
        """Of each row; they take 8 bytes a row once somebody asks."""
        return np.concatenate([np.empty(0, np.int64), *self.grids])

    def table(self, rows: slice = slice(None)) -> pa.Table:
        """Make a table, as `TABLE_SCHEMA` says, of consecutive rows; it holds no text of others."""
        start, stop, _ = rows.indices(len(self))
        first = int(np.searchsorted(self._ends, start, "right"))
        last = int(np.searchsorted(self.begins, stop)) if start < stop else first
        series = self.series[first:last]
        lengths = np.diff(np.minimum(self._ends[first:last], stop), prepend=start)
        values = self.values[start:stop]
        columns = {
            "code_ope": _texts([self._code_ope], np.array([stop - start])),
            "timestamp": _array(pa.timestamp("us", "UTC"), self._timestamps(first, last, start, stop), None),
            "value": _array(pa.float64(), values, ~np.isnan(values)),
        }
        for position, name in enumerate(SERIES_COLUMNS):
            columns[name] = _texts([one[position] for one in series], lengths)
        return pa.Table.from_arrays([columns[name] for name in TABLE_SCHEMA.names], schema=TABLE_SCHEMA)

    def _timestamps(self, first: int, last: int, start: int, stop: int) -> Integers:
        """Those of some rows, which are in these series: of the first and the last one a part, perhaps."""
        pairs = zip(self.grids[first:last], self.begins[first:last], strict=True)
        parts = (grid[max(0, start - begin) : stop - begin] for grid, begin in pairs)
        return np.concatenate([np.empty(0, np.int64), *parts])


def _texts(texts: Iterable[str | None], lengths: Integers) -> pa.DictionaryArray:
    """Each text in as many rows as its length says."""
    codes: dict[str | None, int] = {}
    rows = np.repeat(np.array([codes.setdefault(text, len(codes)) for text in texts], np.int32), lengths)
    present = rows != codes[None] if None in codes else None
    builder = pa.lib.StringBuilder()
    builder.append_values([text or "" for text in codes])
    return pa.DictionaryArray.from_arrays(_array(pa.int32(), rows, present), builder.finish())


def _array(kind: pa.DataType, numbers: Codes | Integers | Floats, present: Flags | None) -> pa.Array:
    validity = None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(kind, len(numbers), [validity, pa.py_buffer(np.ascontiguousarray(numbers))])


class Grids:
    """The timestamps of many series; each array is looked at once.

    Args:
        grids: of each series its timestamps, one at least, in microseconds since the epoch.
    """

    def __init__(self, grids: Sequence[Integers]) -> None:
        distinct = {id(grid): grid for grid in grids}
        places = {key: place for place, key in enumerate(distinct)}
        self._places = np.array([places[id(grid)] for grid in grids], np.intp)
        self._all = np.concatenate([np.empty(0, np.int64), *distinct.values()])
        self._lengths = np.array([len(grid) for grid in distinct.values()], np.int64)
        self._begins = np.cumsum(self._lengths) - self._lengths

    def rise_within(self, window: Window) -> bool:
        """Whether each of them rises, all inside the window."""
        start, end = bounds(window)
        rises = self._all[1:] > self._all[:-1]
        rises[self._begins[1:] - 1] = True
        return bool(np.all(rises) and np.all((self._all >= start) & (self._all < end)))

    def count_steps(self, step: int) -> Integers:
        """Count the steps of each series that have a timestamp; the timestamps of each series rise.

        Args:
            step: in microseconds.
        """
        return count_steps(self._lengths, self._all, step)[self._places]


def count_steps(lengths: Integers, timestamps: Integers, step: int) -> Integers:
    """Count, for each series, the steps of so many microseconds that have a timestamp.

    Args:
        lengths: how many timestamps each series has; 0 is fine.
        timestamps: those of the first series, then those of the second; within a series they rise.
        step: in microseconds.
    """
    steps = timestamps // step
    series = np.repeat(np.arange(len(lengths)), lengths)
    is_new = np.ones(len(steps), np.bool_)
    is_new[1:] = (steps[1:] != steps[:-1]) | (series[1:] != series[:-1])
    return np.bincount(series[is_new], minlength=len(lengths))


def bounds(window: Window) -> tuple[int, int]:
    """Give a window's start and end in microseconds since the epoch."""
    return microseconds(window.start - EPOCH), microseconds(window.end - EPOCH)
