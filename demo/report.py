"""Read the demo's lake back, compare it with the sandbox, and describe it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network, Row, Series

__all__ = ["Lake", "check", "how_to_open", "inventory", "ledger", "read_lake", "tree"]

_SERIES = Row._fields[:-2]  # all but timestamp and value
_RATES = (100, 200, 500, 1000)
_GROUPS = ("Head offices", "Plants", "Data centers")
_SORTED_BY = (*_SERIES[1:], _SERIES[0])  # the order of the rows of an object


@dataclass(frozen=True, kw_only=True)
class LandedObject:
    """One object of the lake; `start` and `end` are seconds since the epoch."""

    path: Path
    size: int
    start: int
    end: int
    rows: pa.Table


@dataclass(frozen=True, kw_only=True)
class Lake:
    """All objects of the lake."""

    objects: list[LandedObject]
    source_port: int | None

    @property
    def rows(self) -> int:
        """Number of rows in all objects."""
        return sum(landed.rows.num_rows for landed in self.objects)

    @property
    def summary(self) -> str:
        """Numbers of rows and objects, as text."""
        return f"{self.rows:,} rows in {len(self.objects)} objects"


def read_lake(root: Path) -> Lake:
    """Read every object below a root. A missing root is an empty lake."""
    paths = sorted((root / "samples").rglob("*.parquet"))
    ports = {_port(path) for path in paths}
    return Lake(objects=[_read(path) for path in paths], source_port=min(ports, default=None))


def _port(path: Path) -> int:
    source = json.loads(pq.read_metadata(path).metadata[b"evpl.source"])
    return urlsplit(source["base_url"]).port or 80


def _read(path: Path) -> LandedObject:
    start, end = (
        int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
        for stamp in path.stem.split("-")
    )
    rows = pq.read_table(path, partitioning=None, columns=list(Row._fields))
    return LandedObject(path=path, size=path.stat().st_size, start=start, end=end, rows=rows)


def check(lake: Lake, config: SandboxConfig) -> int:
    """Compare every row with the sandbox: no row is wrong, missing or there twice.

    Returns:
        The number of rows compared.

    Raises:
        ValueError: an object differs from the sandbox.
    """
    network = Network(
        circuits=config.circuits, granularity_seconds=config.granularity_seconds, seed=config.seed
    )
    series = sorted(network.series, key=lambda one: [getattr(one, name) for name in _SORTED_BY])
    for landed in lake.objects:
        truth = _truth(network, series, network.steps(start=landed.start, end=landed.end))
        if not all(landed.rows[name].equals(truth[name]) for name in Row._fields):
            raise ValueError(f"{landed.path} differs from the samples of the sandbox")
    return lake.rows


def _truth(network: Network, series: list[Series], steps: range) -> pa.Table:
    """Return what an object must hold, column by column."""
    names = {name: [getattr(one, name) for one in series] for name in _SERIES}
    moments = np.tile(np.array(steps, "datetime64[s]"), len(series))
    return pa.table(
        {
            **{name: np.repeat(texts, len(steps)) for name, texts in names.items()},
            "timestamp": pa.array(moments, pa.timestamp("us", "UTC")),
            "value": np.concatenate([network.values(one, steps=steps) for one in series]),
        }
    )


def inventory(config: SandboxConfig) -> str:
    """Return invented committed rates, groups and labels of the circuits, as CSV."""
    network = Network(circuits=config.circuits, granularity_seconds=1, seed=config.seed)
    ends = (one for one in network.series if (one.end, one.direction) == ("A", "in"))
    rows = (
        (
            one.object_instance_id,
            _RATES[one.circuit % len(_RATES)],
            one.pop_section_name,
            _GROUPS[one.circuit % len(_GROUPS)],
            f"Site {one.circuit}",
        )
        for one in ends
    )
    heads = ("object_instance_id", "committed_mbits", "end", "group", "label")
    return "".join(f"{','.join(map(str, row))}\n" for row in (heads, *rows))


def tree(lake: Lake, root: Path) -> str:
    """Return the first and the last object with their folders, sizes and row counts."""
    paths = [landed.path.relative_to(root) for landed in lake.objects]
    lines = [f"{root.name}/{paths[0].parents[1]}/"]
    lines += [
        f"  {path.parent.name}/{path.name}  {landed.size / 1024:,.0f} KiB, {landed.rows.num_rows:,} rows"
        for path, landed in zip(paths, lake.objects, strict=True)
    ]
    hidden = len(lines) - 3
    return "\n".join([*lines[:2], *([f"  ... {hidden} more"] if hidden > 0 else []), *lines[2:][-1:]])


def ledger(result: Mapping[str, Any]) -> str:
    """Return where each sample of the run went, as text."""
    parts = [f"{result[name]:,} {name}" for name in ("duplicates", "out_of_window", "rejected")]
    total = sum(result[name] for name in ("rows", "duplicates", "out_of_window", "rejected"))
    coverage = result["values"] / result["expected"] if result["expected"] else 0
    return (
        f"Window {result['window_start']} to {result['window_end']}, every {result['granularity']}, "
        f"operator code {result['code_ope']}\n"
        f"Ledger: {result['received']:,} received = {result['rows']:,} rows + {' + '.join(parts)}"
        f"{'' if total == result['received'] else '  DOES NOT ADD UP'}\n"
        f"Coverage: {result['values']:,} of {result['expected']:,} expected ({coverage:.1%}), "
        f"{result['series']} series, {result['pages']} pages, {result['retries']} retries"
    )


def how_to_open(root: str) -> str:
    """Return the lines that open the lake in DuckDB and in pandas."""
    return (
        "Open it:\n"
        f"  duckdb.sql(\"FROM read_parquet('{root}/samples/**/*.parquet', hive_partitioning=true)\")\n"
        f'  pandas.read_parquet("{root}/samples")'
    )
