"""Read the demo's lake back, compare it with the sandbox, and describe it."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network, Row

__all__ = ["Lake", "busiest", "check", "how_to_open", "ledger", "read_lake", "tree"]

_SERIES = Row._fields[:-2]  # all but timestamp and value
_SHOWN_SERIES = 10

Key = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class LandedObject:
    """One object of the lake; `start` and `end` are seconds since the epoch."""

    path: Path
    size: int
    start: int
    end: int
    rows: list[tuple[Key, float]]


@dataclass(frozen=True, kw_only=True)
class Lake:
    """All objects of the lake."""

    objects: list[LandedObject]
    source_port: int | None

    @property
    def rows(self) -> int:
        """Number of rows in all objects."""
        return sum(len(landed.rows) for landed in self.objects)

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
    table = pq.read_table(path, partitioning=None)
    series = zip(*(table[name].to_pylist() for name in _SERIES), strict=True)
    seconds = [moment.timestamp() for moment in table["timestamp"].to_pylist()]
    values = table["value"].to_pylist()
    start, end = (
        int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
        for stamp in path.stem.split("-")
    )
    return LandedObject(
        path=path,
        size=path.stat().st_size,
        start=start,
        end=end,
        rows=[
            ((*names, moment), value) for names, moment, value in zip(series, seconds, values, strict=True)
        ],
    )


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
    for landed in lake.objects:
        truth = {row[:-1]: row.value for row in network.truth(start=landed.start, end=landed.end)}
        if len(landed.rows) != len(truth) or dict(landed.rows) != truth:
            raise ValueError(f"{landed.path} differs from the samples of the sandbox")
    return lake.rows


def tree(lake: Lake, root: Path) -> str:
    """Return a tree of folders and objects, with sizes and row counts."""
    lines = [f"{root.name}/"]
    shown: tuple[str, ...] = ()
    for landed in lake.objects:
        *folders, name = landed.path.relative_to(root).parts
        for depth, folder in enumerate(folders):
            if shown[: depth + 1] != tuple(folders[: depth + 1]):
                lines.append(f"{'  ' * (depth + 1)}{folder}/")
        shown = tuple(folders)
        size = f"{landed.size / 1024:,.0f} KiB, {len(landed.rows):,} rows"
        lines.append(f"{'  ' * (len(folders) + 1)}{name}  {size}")
    return "\n".join(lines)


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


def busiest(lake: Lake) -> str:
    """Return the busiest series by 95th percentile (nearest rank, not interpolated)."""
    values = defaultdict(list)
    for landed in lake.objects:
        for (_, circuit, metric, _, place, section, _), value in landed.rows:
            values[circuit, metric, place, section].append(value)
    ranked = sorted(
        ((_percentile_95(found), len(found), series) for series, found in values.items()),
        reverse=True,
    )
    lines = ["Busiest by 95th percentile of utilization (indicative, not an invoice):"]
    lines += [
        f"  {circuit}  {metric:<14} {section:<7} {place:<12} {percentile:6.2f} %  {count:,} samples"
        for percentile, count, (circuit, metric, place, section) in ranked[:_SHOWN_SERIES]
    ]
    return "\n".join(lines)


def _percentile_95(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def how_to_open(root: str) -> str:
    """Return the lines that open the lake in DuckDB and in pandas."""
    return (
        "Open it:\n"
        f"  duckdb.sql(\"FROM read_parquet('{root}/samples/**/*.parquet', hive_partitioning=true)\")\n"
        f'  pandas.read_parquet("{root}/samples")'
    )
