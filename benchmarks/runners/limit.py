"""The limit: download, decode, build columns, sort the series, write. It guarantees nothing.

It assumes that pages are complete and in order, and that the samples of a series are sorted and unique. It
overwrites what is there, and disables the garbage collector.
"""

import gc
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
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
# Only these columns have statistics, as in the objects of this provider: statistics of all would cost more.
_PRUNED = ["object_instance_id", "metric_name", "timestamp", "value"]


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
    """The columns of a page; a grid is the array of timestamps of one series."""

    series: list[tuple[str, ...]]
    grids: list[_Integers]
    values: _Floats


_decoder = msgspec.json.Decoder(_Page, strict=False)
_series = attrgetter(*_NAMES)


def main(job: Job) -> None:
    """Pull each day."""
    gc.disable()
    wire = Wire(job)
    for day in job.each_day():
        pages = list(wire.pages(day, _read))
        pq.write_table(
            _table(pages),
            job.file(day),
            compression="zstd",
            store_schema=False,
            write_statistics=_PRUNED,
        )


def _read(body: memoryview) -> _Columns:
    entries = _decoder.decode(body).entries
    values = np.array([sample.value for entry in entries for sample in entry.samples])
    return _Columns([_series(entry) for entry in entries], _grids(entries), values)


def _grids(entries: Iterable[_Entry]) -> list[_Integers]:
    """Read equal timestamps once: neighboring series mostly have the same."""
    before: list[str] = []
    grid = np.empty(0, np.int64)
    grids = []
    for entry in entries:
        texts = [sample.time_stamp for sample in entry.samples]
        if texts != before:
            before = texts
            grid = np.array([text[:-1] for text in texts], "datetime64[us]").view(np.int64)
        grids.append(grid)
    return grids


def _table(pages: Sequence[_Columns]) -> pa.Table:
    series = list(chain.from_iterable(page.series for page in pages))
    grids = list(chain.from_iterable(page.grids for page in pages))
    values = np.concatenate([page.values for page in pages])
    order = sorted(range(len(series)), key=series.__getitem__)
    lengths = np.array([len(grid) for grid in grids])
    if order != list(range(len(order))):
        ends = np.cumsum(lengths)
        values = np.concatenate([values[ends[at] - lengths[at] : ends[at]] for at in order])
    named, rows = [series[at] for at in order], lengths[order]
    columns = {name: _texts([one[place] for one in named], rows) for place, name in enumerate(_NAMES)}
    columns["code_ope"] = _texts([CODE_OPE], np.array([len(values)]))
    columns["timestamp"] = _array(pa.timestamp("us", "UTC"), np.concatenate([grids[at] for at in order]))
    columns["value"] = _array(pa.float64(), values)
    return pa.Table.from_arrays(list(columns.values()), list(columns))


def _texts(texts: Sequence[str], lengths: _Integers) -> pa.DictionaryArray:
    codes: dict[str, int] = {}
    of_series = np.array([codes.setdefault(text, len(codes)) for text in texts], np.int32)
    builder = pa.lib.StringBuilder()
    builder.append_values(list(codes))
    return pa.DictionaryArray.from_arrays(_array(pa.int32(), np.repeat(of_series, lengths)), builder.finish())


def _array(kind: pa.DataType, numbers: _Numbers) -> pa.Array:
    """Make an array from its buffer, because `pyarrow.array` imports pandas if pandas is installed."""
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])


if __name__ == "__main__":
    main(Job.from_arguments())
