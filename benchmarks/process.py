"""One whole process, measured from outside. Imports little: what it starts inherits its peak memory."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Usage", "measure"]

_LONGEST_SECONDS = 900


class Usage(NamedTuple):
    """What a process and its children took.

    Attributes:
        seconds: from its start to its end, or to the moment that it wrote down itself.
        cpu_seconds: user and system, of itself and of every child that it waited for.
        peak_mb: resident memory, in MB of 1,000,000 bytes, of the largest of them.
        code: its exit code; negative for a signal.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    code: int


def measure(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    ended: Path,
) -> Usage:
    """Run a command to its end; it is killed after a quarter of an hour.

    Args:
        command: the program and its arguments.
        cwd: where.
        env: all of its environment.
        log: takes what it says.
        ended: where it may write down, by the monotonic clock, when its work was over.
    """
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT)
        killer = threading.Timer(_LONGEST_SECONDS, process.kill)
        killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            killer.cancel()
        stopped = float(ended.read_text()) if ended.exists() else time.monotonic()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        seconds=stopped - started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * 1024 / 1e6,
        code=process.returncode,
    )
