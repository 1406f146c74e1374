"""A part of the benchmark: how to run it, and how to report it. Its raw results are JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figures, Target
from benchmarks.lab import open_lab
from benchmarks.participants import CORE, OURS, WORK
from benchmarks.report import suite_text
from benchmarks.suite import Run, Suite

__all__ = ["Part", "pulls", "say"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the benchmark.

    Attributes:
        name: its name in `make bench SUITE=`.
        run: measures the given number of times and returns the raw results.
        targets: computes the targets from the raw results.
        text: writes the chapter from the raw results.
    """

    name: str
    run: Callable[[int], Any]
    targets: Callable[[Any], list[Target]]
    text: Callable[[Any], str]


def pulls(suite: Suite, targets: Callable[[Figures], list[Target]]) -> Part:
    """Make a part from a suite of pulls. It always has a target for the number of requests."""

    def all_targets(raw: dict[str, list[Run]]) -> list[Target]:
        figures = Figures(raw)
        return [*targets(figures), _requests(suite, figures)]

    return Part(
        name=suite.name,
        run=lambda runs: _run(suite, runs),
        targets=all_targets,
        text=lambda raw: suite_text(suite, Figures(raw)),
    )


def say(text: str) -> None:
    """Print progress."""
    print(text, flush=True)


def _run(suite: Suite, runs: int) -> dict[str, list[Run]]:
    """Run all cases in rounds: each round runs each case once."""
    say(f"{suite.title}: {len(suite.all_cases)} cases, {runs} runs each")
    found: dict[str, list[Run]] = {case.key: [] for case in suite.all_cases}
    with open_lab(suite) as lab:
        for number in range(1, runs + 1):
            for case in suite.all_cases:
                run = lab.run(case, WORK / "run")
                found[case.key].append(run)
                say(f"  {number}/{runs} {case}: {run}")
    return found


def _requests(suite: Suite, figures: Figures) -> Target:
    pages = suite.shape.pages_a_day
    ours = [case for case in suite.cases if case.participant in (CORE, OURS)]
    unasked = sum(figures.unasked(case, pages * case.days) for case in ours)
    name = suite.title.partition(",")[0]
    return Target(f"{name}: unneeded requests and connections", unasked, 0, unit="in all")
