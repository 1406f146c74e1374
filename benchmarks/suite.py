"""A suite: its data, its cases, and its runs one after the other, interleaved."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.job import Job
from benchmarks.participants import ROOT, WORK, Participant
from benchmarks.process import Usage, measure
from benchmarks.shape import NOTHING, START, Shape, Sums, expected

__all__ = ["Case", "Run", "Suite", "run_suite"]


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


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What runs against the same server.

    Attributes:
        name: as `make bench SUITE=` has it.
        title: for people.
        latency_seconds: how long each page lets wait for itself.
    """

    name: str
    title: str
    shape: Shape
    cases: tuple[Case, ...]
    latency_seconds: float = 0.0


def run_suite(suite: Suite, runs: int) -> dict[str, list[Run]]:
    """Run every case so many times: all once, then all again."""
    say(f"{suite.title}: {len(suite.cases)} cases, {runs} runs each")
    folder = _make_data(suite.shape)
    found: dict[str, list[Run]] = {case.key: [] for case in suite.cases}
    with _serving(suite, folder) as base_url:
        for number in range(1, runs + 1):
            for case in suite.cases:
                run = _run(case, base_url, expected(folder, case.days))
                found[case.key].append(run)
                say(f"  {number}/{runs} {case.participant.title}, {_told(case)}: {_found(run)}")
    return found


def say(text: str) -> None:
    """Tell what goes on."""
    print(text, flush=True)


def _told(case: Case) -> str:
    return f"{case.days} d, {case.in_flight} in flight"


def _found(run: Run) -> str:
    usage = run.usage
    rows = "rows right" if run.is_right else f"ROWS WRONG (exit code {usage.code})"
    return f"{usage.seconds:.2f} s, CPU {usage.cpu_seconds:.2f} s, {usage.peak_mb:.0f} MB, {rows}"


def _make_data(shape: Shape) -> Path:
    arguments = (shape.circuits, shape.page_entries, shape.days, WORK / "data")
    command = [sys.executable, "-m", "benchmarks.data", *map(str, arguments)]
    made = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Path(made.stdout.strip())


@contextmanager
def _serving(suite: Suite, folder: Path) -> Iterator[str]:
    arguments = (folder, suite.shape.page_entries, suite.latency_seconds)
    command = [sys.executable, "-m", "benchmarks.server", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield str(server.stdout and server.stdout.readline()).strip()
        finally:
            server.terminate()


def _run(case: Case, base_url: str, right: Sums) -> Run:
    place = WORK / "run"
    shutil.rmtree(place, ignore_errors=True)
    target = place / "lake"
    target.mkdir(parents=True)
    job = Job(
        base_url=base_url,
        target=str(target),
        start=START,
        days=case.days,
        in_flight=case.in_flight,
        requests_per_second=case.requests_per_second,
    )
    participant = case.participant
    log = WORK / "last.log"
    command = participant.command(job)
    usage = measure(command, cwd=ROOT, env=participant.environment, log=log, ended=job.ended)
    written = json.loads(_python("benchmarks.verify", str(target)))
    is_right = Sums(*written.pop("sums")) == (right if participant.lands else NOTHING) and usage.code == 0
    if not is_right:
        shutil.copy(log, WORK / "wrong.log")
    return Run(usage=usage, is_right=is_right, **_counts(base_url), **written)


def _python(module: str, argument: str) -> str:
    command = [sys.executable, "-m", module, argument]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def _counts(base_url: str) -> dict[str, int]:
    connection = HTTPConnection(urlsplit(base_url).netloc)
    connection.request("GET", "/counts")
    counts: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return counts
