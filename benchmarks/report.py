"""RESULTS.md, from what was measured."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.figures import Figures, Of, Target
from benchmarks.numbers import Spread
from benchmarks.participants import CORE, OURS
from benchmarks.suite import Case, Suite

__all__ = ["Chapter", "render"]

_HEAD = """# Benchmark results

Written by `make bench`; repeat it by the same command, or a part by `make bench SUITE=cpu RUNS=5`, on a
machine that does nothing else.

- Every figure is measured from outside, of whole processes. Each case runs once a round, so what disturbs
  the machine disturbs all. Figures are **median** (smallest to largest).
- *Work* is the time, or the CPU (user and system, children included), without that of an empty process of
  the same kind: an empty task for what runs in Airflow, Python's own start for the rest. Imports are work.
- A task of Airflow is its supervisor and the task process that it forks, as a worker runs them; its time
  ends when the task says how it ended.
- Peak memory is that of the largest process, its start included. MB are 1,000,000 bytes.
- After each run all rows that it wrote are held, by count, sum and a sum of hashes, against the function
  that the served values come from.
- Targets are held against medians. Against the limit means: against the better of its cases.
"""


class Chapter(NamedTuple):
    """One suite, measured."""

    suite: Suite
    figures: Figures
    targets: Callable[[Figures], list[Target]]
    runs: int


def render(chapters: Sequence[Chapter], machine: Mapping[str, str]) -> str:
    """Write all of it."""
    targets = [target for chapter in chapters for target in _targets(chapter)]
    parts = [
        _HEAD,
        "## Targets\n",
        _table(
            ("target", "wanted", "measured", ""),
            ((one.what, one.wanted, one.measured, "met" if one.is_met else "**not met**") for one in targets),
        ),
        *(_chapter(chapter) for chapter in chapters),
        "## Machine\n",
        _table(("what", "is"), machine.items()),
    ]
    return "\n".join(parts)


def _targets(chapter: Chapter) -> list[Target]:
    pages = chapter.suite.shape.pages_a_day
    ours = [case for case in chapter.suite.cases if case.participant in (CORE, OURS)]
    unasked = sum(chapter.figures.unasked(case, pages * case.days) for case in ours)
    name = chapter.suite.title.partition(",")[0]
    what = f"{name}: requests beyond one a page and one token, connections beyond one a page in flight"
    return [*chapter.targets(chapter.figures), Target(what, unasked, 0, unit="in all")]


def _chapter(chapter: Chapter) -> str:
    shape = chapter.suite.shape
    cases = chapter.suite.cases
    latency = chapter.suite.latency_seconds
    data = (
        f"{shape.samples_a_day:,} samples a day on {shape.pages_a_day} pages, "
        f"{latency * 1000:.0f} ms a page, {chapter.runs} runs each.\n"
    )
    heads = (
        "",
        "days",
        "in flight",
        "time of work s",
        "CPU of work s",
        "peak MB",
        "MB written",
        "files",
        "rows",
    )
    lines = (_line(case, chapter.figures.of(case)) for case in cases)
    return "\n".join((f"\n## {chapter.suite.title}\n", data, _table(heads, lines)))


def _line(case: Case, of: Of) -> tuple[str, ...]:
    rows = "right" if not of.wrong else f"**wrong in {of.wrong} runs**"
    lands = case.participant.lands
    return (
        case.participant.title,
        str(case.days),
        str(case.in_flight),
        _spread(of.seconds),
        _spread(of.cpu),
        _spread(of.peak_mb, 0),
        f"{of.bytes.middle / 1e6:.2f}" if lands else "",
        f"{of.last.files}, {of.last.row_groups} row groups" if lands else "",
        rows if lands else "",
    )


def _spread(spread: Spread, digits: int = 2) -> str:
    low, middle, high = (f"{figure:.{digits}f}" for figure in spread)
    return f"**{middle}** ({low} to {high})"


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
