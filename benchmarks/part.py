"""A part of the benchmark: how it is run, what is said of it. What it measured is JSON in between."""

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
    """One part.

    Attributes:
        name: as `make bench SUITE=` has it.
        run: measures, so many times.
        targets: what that says of the targets.
        text: its chapter.
    """

    name: str
    run: Callable[[int], Any]
    targets: Callable[[Any], list[Target]]
    text: Callable[[Any], str]


def pulls(suite: Suite, targets: Callable[[Figures], list[Target]]) -> Part:
    """Make a part of a suite of pulls; whatever its targets are, requests are counted."""

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
    """Tell what goes on."""
    print(text, flush=True)


def _run(suite: Suite, runs: int) -> dict[str, list[Run]]:
    """Run every case so many times: all once, then all again."""
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
    what = f"{name}: requests beyond the pages and a token, connections beyond the pages in flight"
    return Target(what, unasked, 0, unit="in all")
