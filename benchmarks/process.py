"""Measure one whole process from outside.

This module imports little, because the processes that it starts inherit its peak memory.
"""

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
    """What a process and its children used.

    Attributes:
        seconds: from the start of the process to its end, or to the moment that it noted as its end.
        cpu_seconds: user and system time of the process and of each child that it waited for.
        peak_mb: resident memory of the largest of them, in MB of 1,000,000 bytes.
        code: exit code of the process; negative for a signal.
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
    """Run a command to its end, and kill it after 15 minutes.

    Args:
        command: the program and its arguments.
        cwd: the working directory.
        env: all environment variables.
        log: the file for its output.
        ended: a file in which the process can note the end of its work, by the monotonic clock.
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
