"""The cost of a slice by its shape: the source of the figures in docs/scale.md."""

from collections.abc import Sequence
from typing import Final

from benchmarks.lab import run_module
from benchmarks.one_slice import Cost
from benchmarks.part import Part, say
from benchmarks.report import table_text

__all__ = ["PART"]

_SHAPES: Final = ((4_000, 288), (60_000, 288), (400_000, 12), (1_000_000, 12), (1_000_000, 3))
_HEADS: Final = (
    "series",
    "samples of each",
    "JSON MB",
    "CPU us per sample",
    "memory, bytes per sample",
    "object, bytes per sample",
)


def _run(_: int) -> list[tuple[tuple[int, int], Cost]]:
    say("Slices: once each")
    return [(shape, Cost(*run_module("benchmarks.one_slice", *shape))) for shape in _SHAPES]


def _line(shape: tuple[int, int], cost: Cost) -> tuple[str, ...]:
    count = shape[0] * shape[1]
    return (
        f"{shape[0]:,}",
        f"{shape[1]}",
        f"{cost.json_bytes / 1e6:,.0f}",
        f"{1e6 * cost.cpu_seconds / count:.2f}",
        f"{cost.peak_bytes / count:.0f}",
        f"{cost.object_bytes / count:.2f}",
    )


def _text(costs: Sequence[tuple[tuple[int, int], Cost]]) -> str:
    table = table_text(_HEADS, [_line(shape, cost) for shape, cost in costs])
    return (
        "## Slices\n\n"
        "Pages of 200 series are decoded, and written as one object in memory, without the network. Each "
        f"line was run once.\n\n{table}"
    )


PART = Part(name="slices", run=_run, targets=lambda _: [], text=_text)
