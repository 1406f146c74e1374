"""What is said of the runs: spread, work, targets, requests."""

from dataclasses import replace

import pytest

from benchmarks import participants as who
from benchmarks.figures import Figures, Target
from benchmarks.numbers import Spread
from benchmarks.process import Usage
from benchmarks.report import render, suite_text
from benchmarks.shape import Shape
from benchmarks.suite import Case, Run, Suite

OURS, START = Case(participant=who.OURS), Case(participant=who.AIRFLOW)
assert who.OURS.imports
IMPORTS = Case(participant=who.OURS.imports)
SHAPE = Shape(circuits=10, page_entries=2)


def a_run(seconds: float, *, is_right: bool = True, pages: int = 20, connections: int = 4) -> Run:
    """A run that took so long; the CPU half of it."""
    return Run(
        usage=Usage(seconds, seconds / 2, 100 * seconds, 0),
        is_right=is_right,
        pages=pages,
        tokens=1,
        refused=0,
        connections=connections,
        files=1,
        bytes=1_000_000,
        row_groups=1,
    )


def figures(*ours: Run) -> Figures:
    """Figures of our runs. In the median Airflow's start takes 1.5 seconds, the imports take two."""
    return Figures(
        {
            START.key: [a_run(seconds) for seconds in (0.5, 8.0, 1.5)],
            IMPORTS.key: [a_run(seconds) for seconds in (1.0, 9.0, 2.0)],
            OURS.key: list(ours),
        }
    )


@pytest.mark.parametrize(
    ("given", "spread"),
    [([3.0, 1.0, 10.0], (1.0, 3.0, 10.0)), ([1.0, 2.0, 4.0, 9.0], (1.0, 3.0, 9.0)), ([5.0], (5.0, 5.0, 5.0))],
)
def test_the_middle_is_the_median(given: list[float], spread: tuple[float, float, float]) -> None:
    """Of figures the smallest, the median and the largest are told, in whatever order they came."""
    assert Spread.of(given) == spread


def test_no_figure_is_no_spread() -> None:
    """Of no run nothing is said."""
    with pytest.raises(ValueError, match="no run"):
        Spread.of([])


def test_work_is_without_start_and_imports() -> None:
    """Time and CPU are those beyond a process that imports the same and does nothing; memory is all of it."""
    of = figures(a_run(5), a_run(4), a_run(7)).of(OURS)
    assert (of.seconds, of.cpu, of.peak_mb) == ((2, 3, 5), (1.0, 1.5, 2.5), (400, 500, 700))
    assert of.imports == 0.25


def test_imports_run_once_for_each_participant() -> None:
    """A suite runs the imports of each participant once, and none of a participant that does nothing."""
    suite = Suite(name="some", title="S0, some", shape=SHAPE, cases=(START, OURS, replace(OURS, in_flight=1)))
    assert suite.all_cases == [START, OURS, replace(OURS, in_flight=1), IMPORTS]


@pytest.mark.parametrize(
    ("high", "low", "is_met"),
    [(1.4, None, True), (1.39, None, False), (None, 1.4, True), (None, 1.41, False), (2, 1.5, False)],
)
def test_a_target_has_bounds(high: float | None, low: float | None, *, is_met: bool) -> None:
    """A figure on its bound is met, one beyond it isn't."""
    assert Target("work", 1.4, high, low).is_met == is_met


def test_a_request_too_many_is_counted() -> None:
    """A page asked for twice, in one run alone, and a connection more than pages in flight are counted."""
    assert figures(a_run(5), a_run(5)).unasked(OURS, pages=20) == 0
    assert figures(a_run(5), a_run(5, pages=21), a_run(5, connections=6)).unasked(OURS, pages=20) == 3


def test_wrong_rows_stand_in_the_table() -> None:
    """A run with wrong rows is told beside the others, and none of its figures is left out."""
    suite = Suite(name="some", title="S0, some", shape=SHAPE, cases=(START, OURS))
    runs = figures(a_run(5), a_run(8, is_right=False), a_run(6))
    text = render([Target("work", 2, 1.5)], [suite_text(suite, runs)], {"date": "today"})
    [line] = [line for line in text.splitlines() if line.startswith(f"| {who.OURS.title}")]
    assert "| **4.00** (3.00 to 6.00) |" in line
    assert line.endswith("| **wrong in 1 runs** |")
    assert "| work | at most 1.5 x | 2 x | **not met** |" in text
    assert "| date | today |" in text


def test_each_case_has_its_runs() -> None:
    """Cases that differ in who, days or pages in flight never share their runs."""
    cases = [
        OURS,
        START,
        replace(OURS, days=2),
        replace(OURS, in_flight=1),
        Case(participant=who.AIRFLOW_OF_HTTP),
    ]
    assert len({case.key for case in cases}) == len(cases)
