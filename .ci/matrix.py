"""Run the tests with each supported version of Airflow and Python, and print a table of the results.

The exit code is 1 if a test failed, if an environment could not be made, or if an interpreter is missing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / ".ci" / "matrix"
# Tests of the Makefile, the tools and the benchmarks do not depend on versions: the first one runs them.
ONCE = ("tests/benchmarks", "tests/test_commands.py")
# Four processes even on two cores, because many tests wait.
PYTEST = ("-m", "pytest", "-q", "--numprocesses", "4", "--dist", "loadfile")
TESTS = ("tests", "tests/e2e_backfill/test_triggerer.py")
VERSIONS = "import importlib.metadata as m, sys; print(m.version('apache-airflow'), sys.version.split()[0])"


class Environment(NamedTuple):
    """An environment, installed from a lock file in `.ci/matrix`, or from `uv.lock` if `lock` is None."""

    name: str
    python: str
    lock: str | None = None


ENVIRONMENTS = (
    *(Environment(f"airflow-3.3-python-{one}", one) for one in ("3.11", "3.12", "3.13")),
    *(
        Environment(f"airflow-{one}-python-3.11", "3.11", f"airflow-{one}.txt")
        for one in ("3.2", "3.1", "3.0")
    ),
    *(Environment(f"airflow-2.11-python-{one}", one, "airflow-2.11.txt") for one in ("3.11", "3.12")),
    Environment("lowest-direct-python-3.11", "3.11", "lowest-direct.txt"),
)


class Counts(NamedTuple):
    """The number of tests by result."""

    passed: int
    failed: int
    skipped: int
    of: int


class Row(NamedTuple):
    """The result of an environment. Without counts it was not run, and the note says why."""

    name: str
    versions: str = "not run |"
    counts: Counts | None = None
    note: str = ""

    @property
    def is_fine(self) -> bool:
        """True if the tests were run and none failed."""
        return self.counts is not None and not self.note

    def __str__(self) -> str:
        """Return the row of the table."""
        counts = " | ".join(str(one) for one in self.counts or ("",) * 4)
        return f"| {self.name} | {self.versions} | {counts} | {self.note} |"


class Matrix:
    """Makes environments below a folder, keeps them there, and runs the tests in them."""

    def __init__(self, uv: Path, folder: Path) -> None:
        self._uv = uv
        self._folder = folder

    def run(self, wanted: Environment) -> Row:
        """Make an environment, check the wheel in it, and run the tests."""
        print(f"{wanted.name}:", flush=True)
        place = self._folder / wanted.name
        try:
            self._install(wanted, place)
            self._check_wheel(place)
            airflow, python = _run(place / "bin" / "python", "-c", VERSIONS).split()
        except (LookupError, subprocess.CalledProcessError) as error:
            return Row(wanted.name, note=str(error))
        left_out = [] if wanted == ENVIRONMENTS[0] else [f"--ignore={one}" for one in ONCE]
        report = self._folder / f"{wanted.name}.xml"
        report.unlink(missing_ok=True)
        command = [str(place / "bin" / "python"), *PYTEST, *TESTS, *left_out, f"--junitxml={report}"]
        code = subprocess.run(command, check=False, cwd=ROOT).returncode
        note = f"pytest ended with {code}" if code else ""
        return Row(wanted.name, f"{airflow} | {python}", _read_counts(report), note)

    def _install(self, wanted: Environment, place: Path) -> None:
        uv, python = self._uv, self._find(wanted.python)
        _run(uv, "venv", "--quiet", "--allow-existing", "--no-project", "--python", python, place)
        if wanted.lock is None:
            what = ("--all-extras", "--group", "stores", "--no-install-project")
            _run(uv, "sync", "--quiet", "--frozen", *what, UV_PROJECT_ENVIRONMENT=str(place))
        else:
            _run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", place, LOCKS / wanted.lock)
        (place / "azurite").unlink(missing_ok=True)
        (place / "azurite").symlink_to(Path(sys.prefix, "azurite"))

    def _find(self, version: str) -> str:
        """Find an interpreter: the one named by `PYTHON_3_12` (for 3.12), or else one that uv finds."""
        given = os.environ.get(f"PYTHON_{version.replace('.', '_')}", version)
        options = ("--system", "--no-project", "--no-python-downloads")
        try:
            # The python3.12 of pyenv only works if PYENV_VERSION names that version.
            found = _run(self._uv, "python", "find", *options, given, PYENV_VERSION=version).strip()
            tells = _run(found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        except subprocess.CalledProcessError as error:
            raise LookupError(f"no Python {version}") from error
        if tells != version:
            raise LookupError(f"{found} is Python {tells}, not {version}")
        return found

    def _check_wheel(self, place: Path) -> None:
        """Install the wheel, and check its dependencies, and that Airflow finds it outside the checkout."""
        with tempfile.TemporaryDirectory() as folder:
            _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
            [wheel] = Path(folder).iterdir()
            into = ("--quiet", "--no-deps", "--reinstall", "--python", place)
            _run(self._uv, "pip", "install", *into, wheel)
            _run(self._uv, "pip", "check", "--quiet", "--python", place)
            show = ("providers", "get", "airflow-provider-evpl")
            _run(place / "bin" / "airflow", *show, cwd=folder, AIRFLOW_HOME=folder)


def _run(*command: str | Path, cwd: str | Path = ROOT, **environment: str) -> str:
    """Run a command with additional environment variables, and return its output; errors stay visible."""
    env = os.environ | {"UV_COMPILE_BYTECODE": "1"} | environment
    return subprocess.run(command, check=True, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True).stdout


def _read_counts(report: Path) -> Counts | None:
    if not report.exists():
        return None
    (suite,) = ET.parse(report).getroot()  # noqa: S314 written by pytest
    names = ("tests", "skipped", "failures", "errors")
    of, skipped, *failed = (int(suite.attrib[name]) for name in names)
    return Counts(of - skipped - sum(failed), sum(failed), skipped, of)


def main() -> int:
    """Run all environments, or the named ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("uv", type=Path)
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv-matrix")
    parser.add_argument("--only", nargs="*", choices=[one.name for one in ENVIRONMENTS])
    arguments = parser.parse_args()
    matrix = Matrix(arguments.uv.absolute(), arguments.folder.absolute())
    rows = [matrix.run(one) for one in ENVIRONMENTS if not arguments.only or one.name in arguments.only]
    print("| environment | Airflow | Python | passed | failed | skipped | of | |")
    print("|---" * 8 + "|", *rows, sep="\n")
    return int(not all(row.is_fine for row in rows))


if __name__ == "__main__":
    sys.exit(main())
