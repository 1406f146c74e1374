"""RESULTS.md, from what was measured."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.figures import Figures, Of, Target
from benchmarks.numbers import Spread
from benchmarks.suite import Case, Suite

__all__ = ["render", "spread_text", "suite_text", "table_text"]

_HEAD = """# Benchmark results

Written by `make bench`; repeat it by the same command, or a part by `make bench SUITE=cpu RUNS=5`, on a
machine that does nothing else.

- Every figure is measured from outside, of whole processes. Each case runs once a round, so what disturbs
  the machine disturbs all. Figures are **median** (smallest to largest).
- *Work* is the time, or the CPU (user and system, children included), without that of a process of the same
  kind that imports the same modules and does nothing. *Imports* are the CPU of that process, without that of
  an empty one: an empty task for what runs in Airflow, Python's own start for the rest.
- A task of Airflow is its supervisor and the task process that it forks, as a worker runs them; its time
  ends when the task says how it ended.
- Peak memory is that of the largest process, its start included. MB are 1,000,000 bytes.
- After each run all rows that it wrote are held, by count, sum and a sum of hashes, against the function
  that the served values come from.
- Targets are held against medians. Against the limit means: against the better of its cases.
"""


def render(targets: Iterable[Target], chapters: Iterable[str], machine: Mapping[str, str]) -> str:
    """Write all of it."""
    lines = ((one.what, one.wanted, one.measured, "met" if one.is_met else "**not met**") for one in targets)
    parts = [
        _HEAD,
        "## Targets\n",
        table_text(("target", "wanted", "measured", ""), lines),
        *chapters,
        "## Machine\n",
        table_text(("what", "is"), machine.items()),
    ]
    return "\n".join(parts)


def suite_text(suite: Suite, figures: Figures) -> str:
    """Write the chapter of a suite of pulls."""
    shape = suite.shape
    data = (
        f"{shape.samples_a_day:,} samples a day on {shape.pages_a_day} pages, "
        f"{suite.latency_seconds * 1000:.0f} ms a page, {figures.runs} runs each.\n"
    )
    heads = (
        "",
        "days",
        "in flight",
        "time of work s",
        "CPU of work s",
        "CPU of imports s",
        "peak MB",
        "MB written",
        "files",
        "rows",
    )
    lines = (_line(case, figures.of(case)) for case in suite.cases)
    return "\n".join((f"## {suite.title}\n", data, table_text(heads, lines)))


def _line(case: Case, of: Of) -> tuple[str, ...]:
    rows = "right" if not of.wrong else f"**wrong in {of.wrong} runs**"
    lands = case.participant.lands
    return (
        case.participant.title,
        str(case.days),
        str(case.in_flight),
        spread_text(of.seconds),
        spread_text(of.cpu),
        f"{of.imports:.2f}" if case.participant.start else "",
        spread_text(of.peak_mb, 0),
        f"{of.bytes.middle / 1e6:.2f}" if lands else "",
        f"{of.last.files}, {of.last.row_groups} row groups" if lands else "",
        rows if lands else "",
    )


def spread_text(spread: Spread, digits: int = 2, unit: str = "") -> str:
    """Write median, smallest and largest."""
    low, middle, high = (f"{figure:.{digits}f}{unit}" for figure in spread)
    return f"**{middle}** ({low} to {high})"


def table_text(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
