"""The commands of the Makefile and the scripts behind them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.documents import ROOT

ENVIRONMENT = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the checkout, without everything that was set up."""
    folder = tmp_path_factory.mktemp("fresh") / "checkout"
    made = shutil.ignore_patterns(
        ".*", "__pycache__", "demo-lake", "dist", "htmlcov", "mutants", "release", "site"
    )
    return Path(shutil.copytree(ROOT, folder, ignore=made))


def _planned(checkout: Path, target: str) -> str:
    """Give the commands that make would run."""
    command = ["make", "--dry-run", target]
    return subprocess.run(
        command, cwd=checkout, env=ENVIRONMENT, capture_output=True, check=True, text=True
    ).stdout


@pytest.mark.contract("commands.make-setup", "commands.make-test", "commands.make-check")
@pytest.mark.parametrize("target", ["setup", "demo", "test", "check", "bench"])
def test_a_target_in_a_fresh_checkout_creates_its_environment_first(checkout: Path, target: str) -> None:
    """Each target creates `.venv`, fills it from the lock file, and only then starts its own commands."""
    venv, lock, own = (
        re.search(pattern, _planned(checkout, target), re.MULTILINE)
        for pattern in (r"(uv venv|-m venv) .*\.venv", r"sync .*--frozen", r"^(:|\.venv/bin/\S+ .*)$")
    )
    assert venv
    assert lock
    assert own
    assert venv.start() < lock.start() < own.start()


@pytest.mark.contract("commands.make-check")
@pytest.mark.parametrize(("failing", "code"), [("check", 2), ("audit", 0), ("none", 0)])
def test_ci_fails_if_the_check_fails(tmp_path: Path, failing: str, code: int) -> None:
    """CI runs `make check`, then `make audit` in any case; only the check decides."""
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "make $*"\ncase "$*" in *{failing}*) exit 2; esac\n')
    make.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", str(ROOT / ".ci" / "run")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    made = [line for line in done.stdout.splitlines() if line.startswith("make ")]
    assert (done.returncode, made) == (code, ["make --keep-going check", "make audit"])


@pytest.mark.contract("commands.make-demo")
def test_the_demo_lands_30_days_and_ends_with_the_report(checkout: Path) -> None:
    """The demo runs two example DAGs; it prints the first and last object, checked rows, and the report."""
    shown = subprocess.run(
        [sys.executable, "demo/run.py"],
        cwd=checkout,
        env=ENVIRONMENT | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    landed = sorted((checkout / "demo-lake" / "samples").rglob("*.parquet"))
    rows = sum(pq.read_metadata(path).num_rows for path in landed)
    assert (len(landed), rows) == (30, 30 * 80 * 288)
    assert all(f"running dags/evpl_{name}.py" in shown for name in ("utilization_daily", "report_monthly"))
    assert all(f"{path.name} " in shown for path in (landed[0], landed[-1]))
    assert f"Checked {rows:,} of {rows:,} rows" in shown
    [page] = (checkout / "demo-lake").rglob("report.html")
    assert shown.splitlines()[-1].endswith(f" file://{page}")
    assert len(shown.splitlines()) < 30


FINE = {"name": "a", "version": "1", "vulns": []}
WEAK = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ([FINE], 0, ["audit: 0 known vulnerabilities in 1 packages"]),
        (
            [FINE, WEAK],
            1,
            ["audit: b 2: PYSEC-1, fixed in 3", "audit: 1 known vulnerabilities in 2 packages"],
        ),
        (
            [FINE, UNKNOWN],
            0,
            [
                "audit: NOT DONE for 1 of 2: its source has no data about them",
                "audit: 0 known vulnerabilities in 1 packages",
            ],
        ),
        (None, 0, ["audit: NOT DONE: pip-audit failed, see the error above"]),
    ],
    ids=["none", "one", "unknown", "no answer"],
)
def test_the_audit_fails_only_for_a_known_vulnerability(answer: object, code: int, said: list[str]) -> None:
    """Only a known vulnerability fails; what could not be asked is said, never passed over."""
    text = "" if answer is None else json.dumps({"dependencies": answer})
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), sys.executable, "-c", f"print({text!r})"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (code, said)


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
def test_the_matrix_fails_unless_all_tests_ran_and_passed(
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
