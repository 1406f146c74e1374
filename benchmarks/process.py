"""One whole process, measured from outside. Imports little: what it starts inherits its peak memory."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Usage", "measure"]


class Usage(NamedTuple):
    """What a process and its children took.

    Attributes:
        seconds: from its start to its end.
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
    timeout_seconds: float = 900,
) -> Usage:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        cwd: where.
        env: all of its environment.
        log: takes what it says.
        timeout_seconds: it is killed after that.
    """
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT)
        killer = threading.Timer(timeout_seconds, process.kill)
        killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            killer.cancel()
        seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * 1024 / 1e6,
        code=process.returncode,
    )
