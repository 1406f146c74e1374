"""From runs to figures: what is work, how it spreads, what that says of a target."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.numbers import Spread
from benchmarks.suite import Case, Run

__all__ = ["Figures", "Of", "Target", "times"]


class Target(NamedTuple):
    """What was promised, what was measured."""

    what: str
    wanted: str
    measured: str
    is_met: bool


class Of(NamedTuple):
    """One case's runs.

    Attributes:
        seconds, cpu: of the work: without the start of the same kind of process.
        peak_mb: of the whole process, its start included.
        wrong: how many runs didn't end with the right rows.
        whole: seconds of the whole process.
    """

    seconds: Spread
    cpu: Spread
    peak_mb: Spread
    bytes: Spread
    whole: Spread
    wrong: int
    last: Run


class Figures:
    """All of a suite's.

    Args:
        runs: of each case, by its key.
    """

    def __init__(self, runs: Mapping[str, Sequence[Run]]) -> None:
        self._runs = runs

    def of(self, case: Case) -> Of:
        """Sum up a case."""
        runs = self._runs[case.key]
        start = case.participant.start
        own = self.of(Case(participant=start)) if start else None
        seconds = Spread.of(run.usage.seconds for run in runs)
        cpu = Spread.of(run.usage.cpu_seconds for run in runs)
        return Of(
            seconds=seconds.less(own.whole.middle) if own else seconds,
            cpu=cpu.less(own.cpu.middle) if own else cpu,
            peak_mb=Spread.of(run.usage.peak_mb for run in runs),
            bytes=Spread.of(run.bytes for run in runs),
            whole=seconds,
            wrong=sum(not run.is_right for run in runs),
            last=runs[-1],
        )

    def counts_hold(self, case: Case, pages: int) -> bool:
        """Tell whether no run asked for more than its pages and one token, on more connections than threads."""
        return all(
            (run.pages, run.tokens, run.refused) == (pages, 1, 0) and run.connections <= case.in_flight + 1
            for run in self._runs[case.key]
        )


def times(what: str, ratio: float, most: float) -> Target:
    """Make a target that is a ratio."""
    return Target(what, f"at most {most:.3g} x", f"{ratio:.3g} x", is_met=ratio <= most)
