"""Write RESULTS.md from the results."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.figures import Figures, Of, Target
from benchmarks.numbers import Spread
from benchmarks.suite import Case, Suite

__all__ = ["render", "spread_text", "suite_text", "table_text"]

_HEAD = """# Benchmark results

`make bench` writes this page. To repeat the measurement, run it on an idle machine. For a part of it run, for
example, `make bench SUITE=cpu RUNS=5`.

- Each figure is measured from outside, for whole processes. Each round runs every case once, so that a
  disturbance affects all cases. Figures are the **median** (smallest to largest).
- *Work* is time or CPU (user and system, with child processes) without start and imports: the figure of a
  process of the same kind that only imports the same modules is subtracted.
- *Imports* is the CPU of that importing process, without the start. The start is that of an empty task for
  cases in Airflow, and that of an empty Python program for the others.
- An Airflow task consists of its supervisor and of the task process that it forks, as on a worker. Its time
  ends when the task reports its final state.
- Peak memory is that of the largest process, including its start. 1 MB is 1,000,000 bytes.
- After each run, all rows that it wrote are compared with the function that generates the served values: by
  count, by sum, and by a sum of hashes.
- Targets are compared with medians. *Against the limit* means: against its better case.
- *Unneeded* are requests other than the pages and one token, and connections above the pages in flight.
"""


def render(targets: Iterable[Target], chapters: Iterable[str], machine: Mapping[str, str]) -> str:
    """Return the whole page."""
    lines = ((one.what, one.wanted, one.measured, "met" if one.is_met else "**not met**") for one in targets)
    parts = [
        _HEAD,
        "## Targets\n",
        table_text(("target", "wanted", "measured", ""), lines),
        *chapters,
        "## Machine\n",
        table_text(("item", "value"), machine.items()),
    ]
    return "\n".join(parts)


def suite_text(suite: Suite, figures: Figures) -> str:
    """Return the chapter of a suite of pulls."""
    shape = suite.shape
    data = (
        f"{shape.samples_a_day:,} samples per day on {shape.pages_a_day} pages, "
        f"{suite.latency_seconds * 1000:.0f} ms per page, {figures.runs} runs each.\n"
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
    """Return median, smallest and largest as text."""
    low, middle, high = (f"{figure:.{digits}f}{unit}" for figure in spread)
    return f"**{middle}** ({low} to {high})"


def table_text(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
