"""Runs in processes of their own, and their end by SIGKILL at a step that the test chooses."""

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any, NamedTuple

from tests.machine.victim import BEGIN, END, Job, run

_PATIENCE_SECONDS = 60

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.machine.victim"])


class Kill(NamedTuple):
    """When: at the nth step of a kind, before it is taken, or so many seconds after it was let go."""

    kind: str
    number: int
    after_seconds: float = 0.0


@dataclass
class Witness:
    """Sees the steps of one run, whoever tells of them, and kills it where it was told to."""

    process: ForkServerProcess | None = None
    kill: Kill | None = None
    steps: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, kind: str) -> bool:
        """Note a step, and tell whether it may be taken; who asks may be dead by now."""
        with self._lock:
            self.steps.append(kind)
            if self.kill and self.kill.kind == kind and self.steps.count(kind) == self.kill.number:
                return self._kill(self.kill.after_seconds)
        return True

    def _kill(self, after_seconds: float) -> bool:
        assert self.process is not None
        if after_seconds:
            threading.Timer(after_seconds, self.process.kill).start()
            return True
        self.process.kill()
        return not wait([self.process.sentinel], _PATIENCE_SECONDS)


def watch(
    job: Any,  # noqa: ANN401 whatever the run takes
    witness: Witness,
    kill: Kill | None = None,
    *,
    run: Callable[[Any, Connection], None] = run,
) -> int | None:
    """Run in a process, to its end or to its death; gives its exit code."""
    process, line = _start(job, run)
    witness.process, witness.kill = process, kill
    witness.steps.clear()
    with line, suppress(EOFError, ConnectionError):
        while True:
            witness.see(line.recv_bytes().decode())
            line.send_bytes(b"")
    process.join(_PATIENCE_SECONDS)
    witness.kill = None
    return process.exitcode


def at_once(jobs: Sequence[Job]) -> list[str]:
    """Let runs go at the same moment, each in its process; how each ended, nothing where it ended well."""
    started = [_start(job, run) for job in jobs]
    lines = [line for _, line in started]
    assert [line.recv_bytes().decode() for line in lines] == [BEGIN] * len(jobs)
    for line in lines:
        line.send_bytes(b"")
    ends = [line.recv_bytes().decode() for line in lines]
    for process, line in started:
        line.send_bytes(b"")
        process.join(_PATIENCE_SECONDS)
        assert process.exitcode == 0
        line.close()
    assert all(end.startswith(END) for end in ends)
    return [end.removeprefix(END).strip() for end in ends]


def _start(job: object, run: Callable[[Any, Connection], None]) -> tuple[ForkServerProcess, Connection]:
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=run, args=(job, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours
