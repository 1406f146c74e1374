"""Run cases: start a server with the data of a suite, and give each run its own folder."""

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

__all__ = ["Lab", "open_lab", "run_module"]


@dataclass(frozen=True)
class Lab:
    """A running server, and the folder with its data."""

    base_url: str
    data: Path

    def run(self, case: Case, place: Path) -> Run:
        """Run a case once, and check what it wrote.

        Args:
            case: what to run.
            place: the folder of the run. It is emptied first; the lake is below it.
        """
        return self.check(case, place, self.start(case, place))

    def start(self, case: Case, place: Path) -> Usage:
        """Run a case once, without a check of what it wrote."""
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

    def check(self, case: Case, place: Path, usage: Usage) -> Run:
        """Check that the right rows were written, and fetch the counts of the server since the last call."""
        written = run_module("benchmarks.verify", place / "lake")
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
    """Make the missing data, and start the server."""
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


def run_module(module: str, *arguments: object) -> Any:  # noqa: ANN401 each module prints another type
    """Run a module in a separate process, and return the JSON that it prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def _make_data(shape: Shape) -> Path:
    return Path(run_module("benchmarks.data", shape.circuits, shape.page_entries, shape.days, WORK / "data"))
