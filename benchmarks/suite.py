"""A suite: its data, its cases, and the measurements of each."""

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.participants import Participant
from benchmarks.process import Usage
from benchmarks.shape import Shape

__all__ = ["Case", "Run", "Suite"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One participant with its arguments."""

    participant: Participant
    days: int = 1
    in_flight: int = 4
    requests_per_second: float = 1000.0

    @property
    def key(self) -> str:
        """The name of the case in the raw results."""
        who = f"{'/'.join(self.participant.runner)}@{self.participant.peer or 'ours'}"
        return f"{who}:{self.days}:{self.in_flight}"

    def __str__(self) -> str:
        """Return the name of the case for the progress output."""
        return f"{self.participant.title}, {self.days} d, {self.in_flight} in flight"


class Run(NamedTuple):
    """The usage of one process, the counts of the server, and what the process wrote."""

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
        """Return one line for the progress output."""
        usage = self.usage
        rows = "rows right" if self.is_right else f"ROWS WRONG (exit code {usage.code})"
        return f"{usage.seconds:.2f} s, CPU {usage.cpu_seconds:.2f} s, {usage.peak_mb:.0f} MB, {rows}"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Cases that run against the same server.

    Attributes:
        name: its name in `make bench SUITE=`.
        title: its name in the report.
        latency_seconds: the latency of each page.
        most_per_second: the limit of report requests in any second; 0 is no limit.
        is_even: also require an even spacing of the requests.
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
        """The cases and the imports of their participants, each once."""
        imports = (Case(participant=one) for case in self.cases if (one := case.participant.imports))
        return list({case.key: case for case in (*self.cases, *imports)}.values())
