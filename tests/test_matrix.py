"""What `make test-matrix` makes of what it finds: nothing counts as passed that wasn't run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import ROOT

NAME = "airflow-2.11-python-3.12"
PASSED = "<testsuites><testsuite tests='9' failures='0' errors='0' skipped='2'/></testsuites>"
FAILED = "<testsuites><testsuite tests='9' failures='1' errors='2' skipped='2'/></testsuites>"
UV = """case "$1 $2" in
"python find") {find};;
esac
"""
PYTHON = """for last; do :; done
case "$*" in
*version_info*) echo {version};;
*tests/e2e_backfill/test_triggerer.py*junitxml*) echo "{report}" > "${{last#--junitxml=}}"; exit {code};;
*) echo 2.11.2 3.12.1;;
esac
"""


def _script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "report", "code", "said"),
    [
        ("3.12", PASSED, 0, "| 2.11.2 | 3.12.1 | 7 | 0 | 2 | 9 |  |"),
        ("3.12", FAILED, 1, "| 2.11.2 | 3.12.1 | 4 | 3 | 2 | 9 | pytest ended with 1 |"),
        ("3.12", PASSED, 3, "| 2.11.2 | 3.12.1 | 7 | 0 | 2 | 9 | pytest ended with 3 |"),
        ("3.10", PASSED, 0, "| not run | |  |  |  |  | {python} is Python 3.10, not 3.12 |"),
        (None, PASSED, 0, "| not run | |  |  |  |  | no Python 3.12 |"),
    ],
    ids=["passed", "failed", "crashed", "another interpreter", "no interpreter"],
)
def test_only_what_was_run_has_passed(
    tmp_path: Path, version: str | None, report: str, code: int, said: str
) -> None:
    """The exit code is 0 where all tests were run and none failed; the table says what was not."""
    programs = tmp_path / NAME / "bin"
    python = _script(programs / "python", PYTHON.format(version=version, report=report, code=code))
    _script(programs / "airflow", "")
    uv = _script(tmp_path / "uv", UV.format(find="exit 2" if version is None else f"echo {python}"))
    runner = (ROOT / ".ci" / "matrix.py", uv, "--folder", tmp_path, "--only", NAME)
    done = subprocess.run((sys.executable, *runner), capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == f"| {NAME} {said.format(python=python)}"
    assert done.returncode == int(not said.endswith("| 9 |  |"))
