"""Where a case is run: a server with a suite's data, and a folder of its own for each run."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.job import Job
from benchmarks.participants import ROOT, WORK
from benchmarks.process import Usage, measure
from benchmarks.shape import NOTHING, START, Shape, Sums, expected
from benchmarks.suite import Case, Run, Suite

__all__ = ["Lab", "open_lab", "said_by"]


@dataclass(frozen=True)
class Lab:
    """A server that runs, and what it serves."""

    base_url: str
    data: Path

    def run(self, case: Case, place: Path) -> Run:
        """Run a case once, and look at what it wrote.

        Args:
            case: what to run.
            place: a folder, emptied before; the lake is below it.
        """
        return self.look(case, place, self.start(case, place))

    def start(self, case: Case, place: Path) -> Usage:
        """Run a case alone; likewise."""
        shutil.rmtree(place, ignore_errors=True)
        target = place / "lake"
        target.mkdir(parents=True)
        Path(case.participant.environment["HOME"]).mkdir(exist_ok=True)
        job = Job(
            base_url=self.base_url,
            target=str(target),
            start=START,
            days=case.days,
            in_flight=case.in_flight,
            requests_per_second=case.requests_per_second,
        )
        who = case.participant
        return measure(who.command(job), cwd=ROOT, env=who.environment, log=place / "log", ended=job.ended)

    def look(self, case: Case, place: Path, usage: Usage) -> Run:
        """Look whether the right rows are there, and what the server counted since it was last asked."""
        written = said_by("benchmarks.verify", place / "lake")
        right = expected(self.data, case.days) if case.participant.lands else NOTHING
        is_right = Sums(*written.pop("sums")) == right and usage.code == 0
        if not is_right:
            shutil.copy(place / "log", WORK / "wrong.log")
        return Run(usage=usage, is_right=is_right, **self._counts(), **written)

    def _counts(self) -> dict[str, int]:
        connection = HTTPConnection(urlsplit(self.base_url).netloc)
        connection.request("GET", "/counts")
        counts: dict[str, int] = json.loads(connection.getresponse().read())
        connection.close()
        return counts


@contextmanager
def open_lab(suite: Suite) -> Iterator[Lab]:
    """Make the data, where it isn't there yet, and start the server."""
    data = _make_data(suite.shape)
    spacing = "even" if suite.is_even else "any"
    arguments = (data, suite.shape.page_entries, suite.latency_seconds, suite.most_per_second, spacing)
    command = [sys.executable, "-m", "benchmarks.server", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            base_url = str(server.stdout and server.stdout.readline()).strip()
            if not base_url:
                raise RuntimeError(f"the server didn't start: {' '.join(command)}")
            yield Lab(base_url, data)
        finally:
            server.terminate()


def said_by(module: str, *arguments: object) -> Any:  # noqa: ANN401 each module says something else
    """Run a module in a process of its own and read the JSON that it prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def _make_data(shape: Shape) -> Path:
    return Path(said_by("benchmarks.data", shape.circuits, shape.page_entries, shape.days, WORK / "data"))
