"""From numpy arrays to an Arrow table, without a copy.

By buffers and builders only: `pyarrow.array` imports pandas wherever that is installed (0.35 s and
its memory).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from airflow_provider_evpl.lake.schema import SERIES_COLUMNS, TABLE_SCHEMA
from airflow_provider_evpl.page import Series

__all__ = ["Codes", "Flags", "Floats", "Integers", "Rows"]

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
Codes = np.ndarray[tuple[int], np.dtype[np.int32]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows in the lake's order, an element of each array a row.

    Attributes:
        code_ope: the same for all rows.
        series: the distinct ones, in order.
        ranks: places in `series`.
        timestamps: microseconds since the epoch.
        values: NaN is null.
    """

    code_ope: str
    series: Sequence[Series]
    ranks: Codes
    timestamps: Integers
    values: Floats

    def __len__(self) -> int:
        """How many."""
        return len(self.ranks)

    @property
    def has_value(self) -> Flags:
        """Of each row, whether it has one."""
        return ~np.isnan(self.values)

    def table(self, rows: slice = slice(None)) -> pa.Table:
        """Make a table, as `TABLE_SCHEMA` says, of some rows in a row; it holds no text of others."""
        ranks = self.ranks[rows]
        starts = np.flatnonzero(np.diff(ranks, prepend=-1))
        lengths = np.diff(starts, append=len(ranks))
        series = [self.series[rank] for rank in ranks[starts]]
        values = self.values[rows]
        columns = {
            "code_ope": _texts([self.code_ope], np.array([len(ranks)])),
            "timestamp": _array(pa.timestamp("us", "UTC"), self.timestamps[rows], None),
            "value": _array(pa.float64(), values, ~np.isnan(values)),
        }
        for position, name in enumerate(SERIES_COLUMNS):
            columns[name] = _texts([one[position] for one in series], lengths)
        return pa.Table.from_arrays([columns[name] for name in TABLE_SCHEMA.names], schema=TABLE_SCHEMA)


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
