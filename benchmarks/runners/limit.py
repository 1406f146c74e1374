"""The limit: download, decode, columns, sort by integer codes, write. No guarantee of any kind.

It takes pages for whole and in order, samples for good, each there once, and writes over what is there.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.job import CODE_OPE, Job
from benchmarks.runners.wire import Wire

_Integers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]
_Floats: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]
_Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.generic]]
_NAMES = ("object_instance_id", "metric_name", "pop_country", "pop_name", "pop_section_name", "object_type")


class _Sample(msgspec.Struct, gc=False):
    time_stamp: str = msgspec.field(name="timeStamp")
    value: float


class _Entry(msgspec.Struct, gc=False):
    object_instance_id: str = msgspec.field(name="objectInstanceId")
    metric_name: str
    pop_country: str
    pop_name: str
    pop_section_name: str
    object_type: str = msgspec.field(name="objectType")
    samples: list[_Sample] = msgspec.field(name="performanceValues")


class _Page(msgspec.Struct, gc=False):
    entries: list[_Entry]


class _Columns(NamedTuple):
    """A page as columns."""

    series: list[tuple[str, ...]]
    counts: list[int]
    moments: _Integers
    values: _Floats


_decoder = msgspec.json.Decoder(_Page, strict=False)


def main(job: Job) -> None:
    """Pull each day."""
    wire = Wire(job)
    for day in job.each_day():
        pages = list(wire.pages(day, _read))
        _write(_table(pages), job, day)


def _read(body: bytes) -> _Columns:
    page = _decoder.decode(body)
    counts = [len(entry.samples) for entry in page.entries]
    total = sum(counts)
    values = np.fromiter((one.value for entry in page.entries for one in entry.samples), np.float64, total)
    return _Columns(
        [tuple(getattr(entry, name) for name in _NAMES) for entry in page.entries],
        counts,
        _moments(page.entries),
        values,
    )


def _moments(entries: Iterable[_Entry]) -> _Integers:
    """Neighbours mostly have the same moments: read once."""
    before: list[str] = []
    read = np.empty(0, np.int64)
    parts = []
    for entry in entries:
        texts = [one.time_stamp for one in entry.samples]
        if texts != before:
            before = texts
            read = np.array([text[:-1] for text in texts], "datetime64[us]").view(np.int64)
        parts.append(read)
    return np.concatenate(parts)


def _table(pages: Sequence[_Columns]) -> pa.Table:
    series = list(chain.from_iterable(page.series for page in pages))
    counts = list(chain.from_iterable(page.counts for page in pages))
    order = sorted(range(len(series)), key=series.__getitem__)
    ranks = np.empty(len(series), np.int64)
    ranks[order] = np.arange(len(series))
    moments = np.concatenate([page.moments for page in pages])
    values = np.concatenate([page.values for page in pages])
    seconds = (moments - moments.min()) // 1_000_000
    key = np.repeat(ranks, counts) * (int(seconds.max()) + 1) + seconds
    places = np.argsort(key, kind="stable")
    rows = np.repeat(ranks, counts)[places]
    named = [series[one] for one in order]
    columns = {name: _texts([one[place] for one in named], rows) for place, name in enumerate(_NAMES)}
    columns["code_ope"] = _texts([CODE_OPE], np.zeros(len(rows), np.int64))
    columns["timestamp"] = _array(pa.timestamp("us", "UTC"), moments[places])
    columns["value"] = _array(pa.float64(), values[places])
    return pa.Table.from_arrays(list(columns.values()), list(columns))


def _texts(texts: Sequence[str], rows: _Integers) -> pa.DictionaryArray:
    codes: dict[str, int] = {}
    of_rank = np.array([codes.setdefault(text, len(codes)) for text in texts], np.int32)
    builder = pa.lib.StringBuilder()
    builder.append_values(list(codes))
    return pa.DictionaryArray.from_arrays(_array(pa.int32(), of_rank[rows]), builder.finish())


def _array(kind: pa.DataType, numbers: _Numbers) -> pa.Array:
    """By its buffer: `pyarrow.array` would import pandas, where that is installed."""
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])


def _write(table: pa.Table, job: Job, day: str) -> None:
    pq.write_table(table, job.file(day), compression="zstd", store_schema=False)


if __name__ == "__main__":
    main(Job.from_arguments())
