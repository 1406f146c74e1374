"""A slice as the bytes of one Parquet object, and what its footer says."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from io import SEEK_END
from typing import Annotated, BinaryIO, NamedTuple, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_evpl import __version__
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.lake.schema import SCHEMA_VERSION, SORT_COLUMNS, TABLE_SCHEMA

__all__ = ["Footer", "encode", "read_footer"]

_PREFIX = "evpl."
_ROW_GROUP_ROWS = 122_880  # of 17.3 M rows one circuit reads 7.8 MB, of 34; groups of a million: 32 MB, of 31
_PRUNED_COLUMNS = ["object_instance_id", "metric_name", "timestamp", "value"]
"""What readers skip row groups and pages by; of the others, which are spread over all of them, statistics
would cost a third of the writing."""


class Footer(NamedTuple):
    """What has landed in an object, and from where.

    Attributes:
        source: base URL, job, offer type and ctxtid.
        rows: how many.
        values: how many of them have a value.
        series: how many there are among the rows.
        expected: the ledger's: series times grid steps; None where the granularity has no fixed length.
        observed: of those, how many are there; None likewise.
    """

    source: dict[str, str]
    rows: int
    values: int
    series: int
    expected: int | None
    observed: int | None


_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class _Counts(msgspec.Struct):
    rows: _Count
    null_values: _Count
    series: _Count
    expected: _Count | None
    observed: _Count | None

    def __post_init__(self) -> None:
        """Check what no single field says."""
        if (self.expected is None) != (self.observed is None):
            raise ValueError("expected and observed: both or neither")
        if self.null_values > self.rows:
            raise ValueError("null_values: more than there are rows")


def encode(
    samples: Samples, *, granularity: str, source: Mapping[str, str], provenance: Mapping[str, str]
) -> pa.Buffer:
    """Write a slice's rows as one Parquet file in memory.

    Args:
        samples: the slice.
        granularity: as asked for.
        source: where the samples come from.
        provenance: of the run: its ids and the time of the pull.
    """
    pool = pa.system_memory_pool()  # the default one keeps some 8 MB more
    sink = pa.BufferOutputStream(pool)
    with pq.ParquetWriter(
        sink,
        TABLE_SCHEMA,
        compression="zstd",
        store_schema=False,  # readers see plain strings, not this process's dictionaries
        sorting_columns=pq.SortingColumn.from_ordering(
            TABLE_SCHEMA, [(name, "ascending") for name in SORT_COLUMNS], "at_start"
        ),
        write_page_index=True,
        write_statistics=_PRUNED_COLUMNS,
        memory_pool=pool,
    ) as writer:
        writer.add_key_value_metadata(_metadata(samples, granularity, source, provenance))
        for start in range(0, len(samples.rows) or 1, _ROW_GROUP_ROWS):
            writer.write_table(samples.rows.table(slice(start, start + _ROW_GROUP_ROWS)))
    return sink.getvalue()


def _metadata(
    samples: Samples, granularity: str, source: Mapping[str, str], provenance: Mapping[str, str]
) -> dict[str, str]:
    own = {
        "schema_version": SCHEMA_VERSION,
        "provider_version": __version__,
        "slice": str(samples.window),
        "granularity": granularity,
        "source": json.dumps(source, sort_keys=True),
        "ledger": json.dumps(asdict(samples.ledger)),
        "unknown_fields": json.dumps(sorted(samples.unknown_fields)),
    }
    return {f"{_PREFIX}{name}": text for name, text in {**provenance, **own}.items()}


def read_footer(file: BinaryIO) -> Footer | None:
    """Read what an object holds; None where it isn't ours.

    Raises:
        OSError: it can't be read.
    """
    tail = _read_tail(file)
    try:
        metadata = pq.read_metadata(pa.BufferReader(tail))
        texts = metadata.metadata or {}
        source = msgspec.json.decode(texts[f"{_PREFIX}source".encode()], type=dict[str, str])
        counts = msgspec.json.decode(texts[f"{_PREFIX}ledger".encode()], type=_Counts)
    except (pa.ArrowInvalid, OSError, ValueError, KeyError):
        return None  # its bytes are here, and they aren't what `encode` writes
    if metadata.num_rows != counts.rows:
        return None  # somebody wrote other rows under our footer
    return Footer(
        source=source,
        rows=counts.rows,
        values=counts.rows - counts.null_values,
        series=counts.series,
        expected=counts.expected,
        observed=counts.observed,
    )


def _read_tail(file: BinaryIO) -> bytes:
    """Read a Parquet file from its footer on: the last eight bytes are the footer's length and `PAR1`."""
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - 8))
    tail = file.read()
    if tail[4:] == b"PAR1":
        file.seek(max(0, size - 8 - int.from_bytes(tail[:4], "little")))
        tail = file.read()
    return tail
