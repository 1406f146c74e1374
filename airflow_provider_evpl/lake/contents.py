"""Reads the rows of a landed object, some at a time, and counts them by series."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_evpl.errors import one_line
from airflow_provider_evpl.lake.columns import Codes, Floats, Integers, count_steps, starts_of_runs
from airflow_provider_evpl.lake.schema import SERIES_COLUMNS, TABLE_SCHEMA
from airflow_provider_evpl.models import Series

__all__ = [
    "Counts",
    "Part",
    "SeriesCounter",
    "UnreadableError",
    "read_code_ope",
    "read_parts",
    "read_series",
]

_T = TypeVar("_T")

# A whole row group takes 15 MB more memory, and threads take 40 MB more.
_BATCH_ROWS = 8_192


class UnreadableError(Exception):
    """The footer of an object can be read, but its rows can't."""


class Part(NamedTuple):
    """Consecutive rows of an object.

    Attributes:
        series: of the rows, in order.
        lengths: for each series the number of its rows, at least one.
        timestamps: for each row, in microseconds since the epoch.
        values: for each row; NaN is null.
    """

    series: list[Series]
    lengths: Integers
    timestamps: Integers
    values: Floats


class Counts(NamedTuple):
    """The counts of one series of an object.

    Attributes:
        rows: all rows.
        values: the rows with a value.
        observed: the steps with a row.
        value_steps: the steps with a value.
    """

    rows: int
    values: int
    observed: int
    value_steps: int


class SeriesCounter:
    """Counts the rows, the values and the steps of each series of an object; no steps if `step` is None.

    Attributes:
        counts: of each series in the parts so far.
    """

    def __init__(self, step: int | None) -> None:
        self.counts: dict[Series, Counts] = {}
        self._observed, self._value_steps = _StepCounter(step), _StepCounter(step)

    def add(self, part: Part) -> None:
        """Count the next part."""
        has_value = ~np.isnan(part.values)
        values = np.add.reduceat(has_value, np.cumsum(part.lengths) - part.lengths, dtype=np.int64)
        observed = self._observed.count(part.series, part.lengths, part.timestamps)
        value_steps = self._value_steps.count(part.series, values, part.timestamps[has_value])
        columns = (one.tolist() for one in (part.lengths, values, observed, value_steps))
        for series, *counts in zip(part.series, *columns, strict=True):
            # A part usually begins in the middle of a series that the part before began.
            before = self.counts.get(series)
            sums = map(sum, zip(before, counts, strict=True)) if before else counts
            self.counts[series] = Counts(*sums)


class _StepCounter:
    """Counts the steps of each series, part by part. A step may begin in one part and end in the next."""

    def __init__(self, step: int | None) -> None:
        self._step = step
        self._last: tuple[Series, int] | None = None

    def count(self, series: list[Series], lengths: Integers, timestamps: Integers) -> Integers:
        if self._step is None or not len(timestamps):
            return np.zeros(len(lengths), np.int64)
        counts = count_steps(lengths, timestamps, self._step)
        first, last = np.flatnonzero(lengths)[[0, -1]]
        if self._last == (series[first], timestamps[0] // self._step):
            counts[first] -= 1
        self._last = series[last], timestamps[-1] // self._step
        return counts


def read_parts(data: bytes) -> Iterator[Part]:
    """Read an object that `encode` wrote, some rows at a time; raise UnreadableError if it can't be read."""
    return _batches(data, [*SERIES_COLUMNS, "timestamp", "value"], _part)


def read_series(data: bytes) -> frozenset[Series]:
    """Read the series of an object; raise UnreadableError if its rows can't be read."""
    return frozenset(chain.from_iterable(_batches(data, [*SERIES_COLUMNS], lambda batch: _series(batch)[0])))


def read_code_ope(data: bytes) -> str | None:
    """Read the operator code of an object's first row; None if it has no rows. Raise as `read_series`."""
    codes: Iterator[str] = _batches(data, ["code_ope"], lambda batch: batch.column("code_ope")[0].as_py())
    return next(codes, None)


def _batches(data: bytes, columns: list[str], decode: Callable[[pa.RecordBatch], _T]) -> Iterator[_T]:
    """Decode columns of an object, some rows at a time."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=[*SERIES_COLUMNS])
        _check_types(file.schema_arrow, columns)
        # PyArrow 18 and 19 raise an error for an object without row groups.
        if file.num_row_groups == 0:
            return
        batches: Iterable[pa.RecordBatch] = file.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False)
        yield from (decode(batch) for batch in batches if batch.num_rows)
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise UnreadableError(f"{type(error).__name__}: {one_line(error)}") from error


def _part(batch: pa.RecordBatch) -> Part:
    series, lengths = _series(batch)
    timestamps = _numbers(batch.column("timestamp"), np.int64, 0)
    return Part(series, lengths, timestamps, _numbers(batch.column("value"), np.float64, np.nan))


def _check_types(schema: pa.Schema, columns: list[str]) -> None:
    """Raise ValueError if a column has another type, or LookupError if a column is missing."""
    for name in columns:
        found, expected = schema.field(name).type, TABLE_SCHEMA.field(name).type
        if name == "code_ope":
            expected = expected.value_type
        if found != expected:
            raise ValueError(f"the column {name} is {found}")


def _series(batch: pa.RecordBatch) -> tuple[list[Series], Integers]:
    """Return the series of the rows, in order, and the number of rows of each series."""
    texts, codes = zip(*(_texts(batch.column(name)) for name in SERIES_COLUMNS), strict=True)
    starts = np.flatnonzero(starts_of_runs(*codes))
    columns = [[words[code] for code in column[starts]] for words, column in zip(texts, codes, strict=True)]
    lengths: Integers = np.diff(starts, append=batch.num_rows)
    return [Series(*names) for names in zip(*columns, strict=True)], lengths


def _texts(column: pa.DictionaryArray) -> tuple[list[str | None], Codes]:
    """Return the texts of a column and a last None, and for each row the position of its text."""
    return [*column.dictionary.to_pylist(), None], _numbers(column.indices, np.int32, -1)


def _numbers(array: pa.Array, kind: type[np.number], null: float) -> Any:  # noqa: ANN401 an array of that kind
    """Return a column as a numpy array, made of its buffers.

    `to_numpy` would import pandas where pandas is installed: 0.4 s, 60 MB.
    """
    validity, data = array.buffers()
    start, end = array.offset, array.offset + len(array)
    numbers = np.frombuffer(data, kind, end)[start:]
    if not array.null_count:
        return numbers
    present = np.unpackbits(np.frombuffer(validity, np.uint8), count=end, bitorder="little")[start:]
    return np.where(present, numbers, np.array(null, kind))
