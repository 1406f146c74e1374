"""What a process took is measured from outside."""

import os
import sys
import time
from pathlib import Path

from benchmarks.process import Usage, measure

CHILD = """
import subprocess, sys, time
subprocess.run([sys.executable, "-c", "b'1' * 200_000_000; sum(range(3_000_000))"], check=True)
sys.exit(3)
"""


def run(code: str, place: Path) -> Usage:
    """Measure a piece of Python."""
    return measure(
        [sys.executable, "-c", code],
        cwd=place,
        env=dict(os.environ),
        log=place / "log",
        ended=place / "ended",
    )


def test_children_count(tmp_path: Path) -> None:
    """CPU and peak memory are those of the process and its children, and its exit code is told."""
    usage = run(CHILD, tmp_path)
    assert usage.code == 3
    assert usage.peak_mb > 200
    assert usage.cpu_seconds > 0


def test_a_process_may_say_when_its_work_was_over(tmp_path: Path) -> None:
    """Its time ends at the moment that it wrote down, else at its end."""
    (tmp_path / "ended").write_text(str(time.monotonic() + 1000))
    assert run("", tmp_path).seconds > 900
    (tmp_path / "ended").unlink()
    assert 0 < run("", tmp_path).seconds < 900
