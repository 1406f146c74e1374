"""The Makefile's commands: what they would do in a fresh checkout; the demo does it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.documents import ROOT

ENVIRONMENT = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
VENV = r"(uv venv|-m venv) .*\.venv"
FROM_THE_LOCK_FILE = r"sync .*--frozen"

ROOMS_THEN_FLOWS = (
    r"-m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --cov --cov-report= (?s:.*)"
    r"--fail-under=100$(?s:.*)-m pytest --numprocesses 4 --dist loadfile tests/faults "
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which nothing is set up."""
    folder = tmp_path_factory.mktemp("fresh") / "checkout"
    made = shutil.ignore_patterns(".*", "__pycache__", "demo-lake", "dist", "htmlcov", "mutants", "site")
    return Path(shutil.copytree(ROOT, folder, ignore=made))


def _planned(checkout: Path, target: str) -> str:
    """Ask make what it would run; it runs nothing."""
    command = ["make", "--dry-run", target]
    return subprocess.run(
        command, cwd=checkout, env=ENVIRONMENT, capture_output=True, check=True, text=True
    ).stdout


def _pytest_options() -> dict[str, Any]:
    options: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    return dict(options["ini_options"])


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("setup", []),
        (
            "bench",
            [r"pip sync .*--require-hashes .*benchmarks/peers/dlt\.txt", r"\.venv/bin/python -m benchmarks"],
        ),
        ("demo", [r"\.venv/bin/python demo/run\.py$"]),
        ("test", [ROOMS_THEN_FLOWS]),
        (
            "check",
            [
                r"\.venv/bin/ruff check",
                r"\.venv/bin/ruff format .*--check",
                r"\.venv/bin/mypy$",
                r"\.venv/bin/lint-imports",
                ROOMS_THEN_FLOWS,
            ],
        ),
    ],
)
def test_each_sets_itself_up(checkout: Path, target: str, parts: list[str]) -> None:
    """In a fresh checkout each makes `.venv`, fills it from the lock file, then does all of its parts."""
    plan = _planned(checkout, target)
    for part in (VENV, FROM_THE_LOCK_FILE, *parts):
        found = re.search(part, plan, re.MULTILINE)
        assert found, part
        plan = plan[found.end() :]


def test_what_one_part_of_the_suite_leaves_out_the_other_has(checkout: Path) -> None:
    """The tests of flows are given what the tests of rooms ignore, and all of it is there."""
    plan = _planned(checkout, "test")
    ignored = re.findall(r"--ignore=(\S+)", plan)
    [given] = re.findall(r"-m pytest --numprocesses 4 --dist loadfile (.*)$", plan, re.MULTILINE)
    assert given.split() == ignored
    assert all((ROOT / path).exists() for path in ignored)


def test_a_test_that_hangs_fails(tmp_path: Path) -> None:
    """Its process ends after the time that pyproject.toml sets, which is shorter here; the test is named."""
    text = "import threading\n\ndef test_hangs():\n    threading.Event().wait(60)\n"
    (tmp_path / "test_it.py").write_text(text)
    options = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, "-n", "1", "--dist", "loadfile"]
    command += ["-o", "faulthandler_timeout=1", str(tmp_path)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "crashed while running 'test_it.py::test_hangs'" in done.stdout
    assert "1 failed" in done.stdout
    assert 'test_it.py", line 4 in test_hangs' in done.stderr
    assert _pytest_options()["faulthandler_timeout"] == 600


def test_the_suite_is_whole() -> None:
    """Without arguments pytest takes the whole folder of tests: nothing is left out by a setting."""
    options = _pytest_options()
    assert options["testpaths"] == ["tests"]
    assert not [one for one in options["addopts"] if re.match("-[km]|--(ignore|deselect)", one)]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the source distribution has no CI")
def test_ci_runs_the_check_and_the_demo() -> None:
    """CI calls what is in `.ci`, and the demo twice: the second one shows that nothing doubles."""
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "- run: bash .ci/run" in workflow
    assert "- run: make demo && make demo" in workflow


@pytest.mark.parametrize(("failing", "code"), [("check", 2), ("audit", 0), ("none", 0)])
def test_ci_fails_where_the_check_does(tmp_path: Path, failing: str, code: int) -> None:
    """It ends as `make check` ends; the audit comes after it, whatever came out, and is advisory."""
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "make $*"\ncase "$*" in *{failing}*) exit 2; esac\n')
    make.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", str(ROOT / ".ci" / "run")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    made = [line for line in done.stdout.splitlines() if line.startswith("make ")]
    assert (done.returncode, made) == (code, ["make --keep-going check", "make audit"])


def test_the_demo_lands_a_lake_and_shows_it(checkout: Path) -> None:
    """From the sandbox, by the example DAG through Airflow, into a new folder; what landed is shown."""
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
    assert (len(landed), rows) == (2, 2 * 80 * 288)
    assert "running dags/evpl_utilization_daily.py" in shown
    assert all(f"{path.name} " in shown for path in landed)
    assert f"Checked {rows:,} of {rows:,} rows" in shown
