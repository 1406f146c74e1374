"""Writes a slice as one Parquet object, and reads the footer of an object."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from io import SEEK_END
from typing import BinaryIO, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_evpl import __version__
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.ledger import Ledger
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.lake.schema import SCHEMA_VERSION, SORT_COLUMNS, TABLE_SCHEMA
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import iso

__all__ = ["Footer", "digest_series", "encode", "read_footer"]

_PREFIX = "evpl."
_ROW_GROUP_ROWS = 122_880
"""A query for one circuit in 17.3 million rows reads 7.8 of 34 MB. With row groups of a million rows it reads
the whole object."""

_PRUNED_COLUMNS = ["object_instance_id", "metric_name", "timestamp", "value"]
"""Columns with statistics, by which readers skip row groups and pages. The values of other columns are in all
row groups, and their statistics would take a third of the time of writing."""


class Footer(NamedTuple):
    """What has landed in an object, and from where.

    An object of an earlier version has None for `ledger.values` and for the fields with a default.

    Attributes:
        source: base URL, job, offer type and ctxtid.
        granularity, slice: as they are written in paths and file names.
        pulled_at: when the slice's first page was requested; None if the footer has no such time.
        first_pulled_at: the earliest pull of this object and of the objects that it replaced.
        series_digest: equal for objects with equal series.
        lowest_share: the lowest share of steps with a value that a series has. None also if the slice isn't
            made of whole steps.
    """

    source: dict[str, str]
    granularity: str
    slice: str
    ledger: Ledger
    pulled_at: datetime | None
    code_ope: str | None = None
    first_pulled_at: datetime | None = None
    series_digest: str | None = None
    lowest_share: float | None = None


def encode(
    samples: Samples,
    dataset: Dataset,
    *,
    source: Mapping[str, str],
    provenance: Mapping[str, str],
    first_pulled_at: datetime | None = None,
) -> pa.Buffer:
    """Write a slice's rows as one Parquet file in memory, with source and ids of the run in its footer.

    `first_pulled_at` is the earliest pull of the replaced objects; None if no object is replaced.
    """
    own = {
        "schema_version": SCHEMA_VERSION,
        "provider_version": __version__,
        "code_ope": dataset.code_ope,
        "slice": str(samples.window),
        "granularity": dataset.granularity,
        "source": json.dumps(source, sort_keys=True),
        "ledger": json.dumps(asdict(samples.ledger)),
        "series_digest": digest_series(samples.rows.series),
        "lowest_share": json.dumps(samples.completeness and samples.completeness.lowest_share),
        "unknown_fields": json.dumps(sorted(samples.unknown_fields)),
        "pulled_at": iso(samples.pulled_at),
        "first_pulled_at": iso(min(first_pulled_at or samples.pulled_at, samples.pulled_at)),
    }
    return _write(samples, {**provenance, **own})


def digest_series(series: Sequence[Series]) -> str:
    """Return a digest that is the same for the same series in the same order."""
    return hashlib.sha256(msgspec.json.encode(series)).hexdigest()


def _write(samples: Samples, metadata: Mapping[str, str]) -> pa.Buffer:
    # The default pool keeps 8 MB more.
    pool = pa.system_memory_pool()
    sink = pa.BufferOutputStream(pool)
    with pq.ParquetWriter(
        sink,
        TABLE_SCHEMA,
        compression="zstd",
        # Without the Arrow schema readers see plain strings, not dictionaries.
        store_schema=False,
        sorting_columns=pq.SortingColumn.from_ordering(
            TABLE_SCHEMA, [(name, "ascending") for name in SORT_COLUMNS], "at_start"
        ),
        write_page_index=True,
        write_statistics=_PRUNED_COLUMNS,
        memory_pool=pool,
    ) as writer:
        writer.add_key_value_metadata({f"{_PREFIX}{name}": text for name, text in metadata.items()})
        for start in range(0, len(samples.rows), _ROW_GROUP_ROWS):
            writer.write_table(samples.rows.table(slice(start, start + _ROW_GROUP_ROWS)))
    return sink.getvalue()


def read_footer(file: BinaryIO) -> Footer | None:
    """Read the footer of an object; None if this package didn't write the object."""
    tail = _read_tail(file)
    try:
        metadata = pq.read_metadata(pa.BufferReader(tail))
        footer = _read_texts(_own_texts(metadata.metadata or {}))
    except (pa.ArrowInvalid, OSError, ValueError, KeyError):
        # The bytes were read, and `encode` writes no such bytes.
        return None
    # Another program may have written other rows and kept the footer.
    return footer if metadata.num_rows == footer.ledger.rows else None


def _own_texts(metadata: Mapping[bytes, bytes]) -> dict[str, str]:
    prefix = _PREFIX.encode()
    own = ((key.removeprefix(prefix), text) for key, text in metadata.items() if key.startswith(prefix))
    return {key.decode(): text.decode() for key, text in own}


def _read_texts(texts: Mapping[str, str]) -> Footer:
    return Footer(
        source=msgspec.json.decode(texts["source"], type=dict[str, str]),
        granularity=texts["granularity"],
        slice=texts["slice"],
        ledger=msgspec.json.decode(texts["ledger"], type=Ledger),
        pulled_at=_moment(texts.get("pulled_at")),
        code_ope=texts.get("code_ope"),
        first_pulled_at=_moment(texts.get("first_pulled_at")),
        series_digest=texts.get("series_digest"),
        lowest_share=msgspec.json.decode(texts.get("lowest_share", "null"), type=float | None),
    )


def _moment(text: str | None) -> datetime | None:
    """Read a moment. In an object of an earlier version the text may be anything."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text or "")
        return moment if moment.tzinfo else None
    return None


def _read_tail(file: BinaryIO) -> bytes:
    """Read the end of a Parquet file, from its footer on.

    The last eight bytes are the length of the footer, and `PAR1`.
    """
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - 8))
    tail = file.read()
    if tail[4:] == b"PAR1":
        file.seek(max(0, size - 8 - int.from_bytes(tail[:4], "little")))
        tail = file.read()
    return tail
