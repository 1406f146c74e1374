"""Compute figures from runs: the work, its spread, and whether a target is met."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.numbers import Spread
from benchmarks.participants import Participant
from benchmarks.suite import Case, Run

__all__ = ["Figures", "Of", "Target"]


class Target(NamedTuple):
    """A target, and what was measured.

    Attributes:
        low, high: the bounds of the figure; None means no bound.
        unit: of figure and bounds; `x` is a ratio.
        note: an explanation of the figure.
    """

    what: str
    figure: float
    high: float | None = None
    low: float | None = None
    unit: str = "x"
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the figure is within its bounds."""
        return (self.low is None or self.low <= self.figure) and (
            self.high is None or self.figure <= self.high
        )

    @property
    def wanted(self) -> str:
        """The bounds as text."""
        bounds = (("at least", self.low), ("at most", self.high))
        return ", ".join(f"{word} {_short(bound)} {self.unit}" for word, bound in bounds if bound is not None)

    @property
    def measured(self) -> str:
        """The figure as text."""
        return f"{_short(self.figure)} {self.unit}" + (f" ({self.note})" if self.note else "")


class Of(NamedTuple):
    """The figures of one case.

    Attributes:
        seconds, cpu: of the work, without the start and the imports of the process.
        imports: CPU seconds of the imports, without the start of the process.
        peak_mb: of the whole process, including its start.
        wrong: how many runs failed or wrote wrong rows.
        last: the last run.
    """

    seconds: Spread
    cpu: Spread
    imports: float
    peak_mb: Spread
    bytes: Spread
    wrong: int
    last: Run


class Figures:
    """The figures of a suite.

    Args:
        runs: the runs of each case, by the key of the case.

    Attributes:
        runs: the number of runs of each case.
    """

    def __init__(self, runs: Mapping[str, Sequence[Run]]) -> None:
        self._runs = runs
        self.runs = max(map(len, runs.values()))

    def of(self, case: Case) -> Of:
        """Return the figures of a case."""
        runs = self._runs[case.key]
        own = self._of_other(case.participant.imports)
        start = self._of_other(case.participant.start)
        return Of(
            seconds=Spread.of(run.usage.seconds for run in runs).less(own.seconds.middle if own else 0),
            cpu=Spread.of(run.usage.cpu_seconds for run in runs).less(own.cpu.middle if own else 0),
            imports=own.cpu.middle - start.cpu.middle if own and start else 0,
            peak_mb=Spread.of(run.usage.peak_mb for run in runs),
            bytes=Spread.of(run.bytes for run in runs),
            wrong=sum(not run.is_right for run in runs),
            last=runs[-1],
        )

    def _of_other(self, participant: Participant | None) -> Of | None:
        return self.of(Case(participant=participant)) if participant else None

    def unasked(self, case: Case, pages: int) -> int:
        """Count requests other than the pages and one token, and connections above the pages in flight.

        Args:
            case: the case whose runs are counted.
            pages: the number of pages that a run has to request.
        """
        return sum(
            abs(run.pages - pages)
            + abs(run.tokens - 1)
            + run.refused
            + max(0, run.connections - case.in_flight)
            for run in self._runs[case.key]
        )


def _short(figure: float) -> str:
    return f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"  # noqa: PLR2004 as %g counts digits
