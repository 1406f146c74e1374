"""What a slice costs, by its shape: the figures behind docs/scale.md."""

from collections.abc import Mapping
from typing import Final

from benchmarks.lab import said_by
from benchmarks.numbers import Spread
from benchmarks.one_slice import Cost
from benchmarks.part import Part, say
from benchmarks.report import spread_text, table_text

__all__ = ["PART"]

_SHAPES: Final = ((4_000, 288), (60_000, 288), (400_000, 12), (1_000_000, 12), (1_000_000, 3))
_HEADS: Final = (
    "series",
    "samples of each",
    "JSON MB",
    "CPU us a sample",
    "memory, bytes a sample",
    "object, bytes a sample",
)


def _run(runs: int) -> dict[str, list[Cost]]:
    say(f"Slices: {len(_SHAPES)} shapes, {runs} runs each")
    found: dict[str, list[Cost]] = {f"{series}x{samples}": [] for series, samples in _SHAPES}
    for _ in range(runs):
        for series, samples in _SHAPES:
            cost = Cost(*said_by("benchmarks.one_slice", series, samples))
            found[f"{series}x{samples}"].append(cost)
            say(f"  {series:,} series of {samples}: {cost}")
    return found


def _line(shape: str, costs: list[Cost]) -> tuple[str, ...]:
    series, samples = map(int, shape.split("x"))
    count = series * samples
    return (
        f"{series:,}",
        f"{samples}",
        f"{costs[0].json_bytes / 1e6:,.0f}",
        spread_text(Spread.of(1e6 * one.cpu_seconds / count for one in costs), 2),
        spread_text(Spread.of(one.peak_bytes / count for one in costs), 0),
        f"{costs[0].object_bytes / count:.2f}",
    )


def _text(raw: Mapping[str, list[Cost]]) -> str:
    table = table_text(_HEADS, [_line(shape, costs) for shape, costs in raw.items()])
    return (
        "## Slices\n\n"
        f"Pages of 200 series, read, collected and written in memory, without the network.\n\n{table}"
    )


PART = Part(name="slices", run=_run, targets=lambda _: [], text=_text)
