"""The object that holds the figures of a month and operator code: its path, its bytes, and its digest."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_evpl import __version__
from airflow_provider_evpl.flows.figures.landed import Landed
from airflow_provider_evpl.flows.figures.schema import FIGURES_SCHEMA, FIGURES_VERSION, SORT_COLUMNS
from airflow_provider_evpl.flows.figures.series import Scope
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.lake.store_errors import translate_errors
from airflow_provider_evpl.months import Month
from airflow_provider_evpl.window import iso

__all__ = ["digest_of", "figures_path", "make_table", "put_figures", "read_figures"]

_KEY = "evpl.figures"


def figures_path(dataset: Dataset, month: Month) -> str:
    """Return the path of the figures of a month."""
    return f"figures/{dataset.root.removeprefix('samples/')}/month={month}/figures.parquet"


def make_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Make the table of figures, sorted. Keys that are no column are left out. Infinity and NaN are null."""
    finite = ({name: _finite(value) for name, value in row.items()} for row in rows)
    return pa.Table.from_pylist(sorted(finite, key=_nulls_first), FIGURES_SCHEMA)


def _finite(value: Any) -> Any:  # noqa: ANN401 of any column
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _nulls_first(row: Mapping[str, Any]) -> list[tuple[bool, str]]:
    return [(row.get(name) is not None, row.get(name) or "") for name in SORT_COLUMNS]


def digest_of(landed: Landed, scope: Scope, inventory_digest: str | None) -> str:
    """Return a digest of all that the figures of a month depend on."""
    found = landed.within(scope.range)
    objects = [
        (found.shelf.dataset.samples_path(one), found.sizes[one], what) for one, what in found.found.items()
    ]
    parts = [objects, iso(scope.bound), _arguments(scope), inventory_digest, FIGURES_VERSION]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _arguments(scope: Scope) -> dict[str, Any]:
    plan = scope.plan
    return {
        "granularity": plan.granularity.text,
        "time_zone": plan.time_zone.key,
        "min_coverage": plan.min_coverage,
        "warning": plan.warning,
        "critical": plan.critical,
        "full_scale": plan.full_scale,
        "directions": dict(sorted(plan.directions.items())),
    }


def put_figures(store: Store, path: str, table: pa.Table, provenance: Mapping[str, Any]) -> None:
    """Put the figures of a month. The same table and provenance give the same bytes."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, FIGURES_SCHEMA, compression="zstd", store_schema=False) as writer:
        text = json.dumps({"provider_version": __version__, **provenance}, sort_keys=True)
        writer.add_key_value_metadata({_KEY: text})
        writer.write_table(table)
    store.put(path, memoryview(sink.getvalue()))


def read_figures(store: Store, path: str) -> tuple[dict[str, Any], frozenset[str]]:
    """Read the provenance and the circuits of the figures of a month.

    Both are empty if there are no figures, or if another program wrote the object, which is then replaced.
    """
    folder, _, name = path.rpartition("/")
    if name not in store.listing(folder):
        return {}, frozenset()
    with translate_errors(store.url(path)), store.open(path) as file:
        data = pa.BufferReader(file.read())
    try:
        table = pq.read_table(data, columns=["object_instance_id"])
        provenance = msgspec.json.decode(table.schema.metadata[_KEY.encode()], type=dict[str, Any])
    except (pa.ArrowInvalid, OSError, ValueError, LookupError, TypeError):
        return {}, frozenset()
    return provenance, frozenset(filter(None, table["object_instance_id"].to_pylist()))
