"""A suite: its data, its cases, and what is measured of each."""

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.participants import Participant
from benchmarks.process import Usage
from benchmarks.shape import Shape

__all__ = ["Case", "Run", "Suite"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One participant, told to do one thing."""

    participant: Participant
    days: int = 1
    in_flight: int = 4
    requests_per_second: float = 1000.0

    @property
    def key(self) -> str:
        """Name it in the raw results."""
        who = f"{'/'.join(self.participant.runner)}@{self.participant.peer or 'ours'}"
        return f"{who}:{self.days}:{self.in_flight}"

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.participant.title}, {self.days} d, {self.in_flight} in flight"


class Run(NamedTuple):
    """What was measured of one process, what the server saw, and what was found afterwards."""

    usage: Usage
    is_right: bool
    pages: int
    tokens: int
    refused: int
    connections: int
    files: int
    bytes: int
    row_groups: int

    def __str__(self) -> str:
        """Tell it while more are run."""
        usage = self.usage
        rows = "rows right" if self.is_right else f"ROWS WRONG (exit code {usage.code})"
        return f"{usage.seconds:.2f} s, CPU {usage.cpu_seconds:.2f} s, {usage.peak_mb:.0f} MB, {rows}"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What runs against the same server.

    Attributes:
        name: as `make bench SUITE=` has it.
        title: for people.
        latency_seconds: how long each page lets wait for itself.
        most_per_second: report requests in any second, those beyond are refused; 0 is no limit.
        is_even: they have to be spaced evenly, too.
    """

    name: str
    title: str
    shape: Shape
    cases: tuple[Case, ...]
    latency_seconds: float = 0.0
    most_per_second: int = 0
    is_even: bool = False

    @property
    def all_cases(self) -> list[Case]:
        """The cases, and the imports of their participants: each once."""
        imports = (Case(participant=one) for case in self.cases if (one := case.participant.imports))
        return list({case.key: case for case in (*self.cases, *imports)}.values())
