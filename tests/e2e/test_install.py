"""uv and pip install every extra beside every supported Airflow, which stays as it is, and soon finish."""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.documents import ROOT

UV = Path(sys.executable).with_name("uv")
EXTRAS = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
ALL = ",".join(EXTRAS)
each_extra = pytest.mark.parametrize("extra", [*EXTRAS, ALL], ids=[*EXTRAS, "all"])
MOST_CANDIDATES = 5
WALKED = {
    "boto3",  # a release a day, of which the newest ones are too new for aiobotocore
    "azure-ai-projects",  # beside Google's provider: the newest ones need openai 3, litellm needs openai 2
}
"""What pip tries one version after the other of, each in a moment: nothing else depends on the choice."""
PATIENCE_SECONDS = 600
TRIED = re.compile(r"(?:Downloading|Using cached|Processing) (?:\S*/)?([A-Za-z0-9._]+?)-\d\S*")


class Resolved(NamedTuple):
    """What pip would install, and how many versions of each package it tried."""

    installed: set[str]
    candidates: Counter[str]

    @property
    def walked(self) -> set[str]:
        """The packages of which it tried too many."""
        return {name for name, count in self.candidates.items() if count > MOST_CANDIDATES}


def _uv(*arguments: str | Path, text: str = "") -> str:
    return _run(UV, *arguments, text=text)


def _run(*command: str | Path, text: str = "") -> str:
    done = subprocess.run(
        command, check=False, input=text, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def newest(minor: str) -> str:
    """Find the newest patch of a minor version of Airflow."""
    options = ("--no-deps", "--no-header", "--no-annotate", "--python-version", "3.11")
    return _uv("pip", "compile", *options, "-", text=f"apache-airflow=={minor}.*").strip().split("==")[1]


@pytest.mark.parametrize("minor", ["2.11", "3.0", "3.1", "3.2", "3.3"])
def test_uv_resolves_all_extras_with_each_airflow(minor: str) -> None:
    """With the newest patch of each minor version all extras can be installed, so each of them can."""
    wanted = f"apache-airflow=={newest(minor)}"
    options = ("--all-extras", "--python-version", "3.11")
    assert f"\n{wanted}\n" in _uv("pip", "compile", *options, "pyproject.toml", "-", text=wanted)


def resolve(python: Path, folder: Path, *wanted: str) -> Resolved:
    """Let pip look for all that it would install."""
    report = folder / "report.json"
    options = ("--dry-run", "--no-input", "--disable-pip-version-check", "--report", report)
    said = _run(python, "-m", "pip", "install", *options, *wanted)
    names = {one["metadata"]["name"] for one in json.loads(report.read_text())["install"]}
    tried = {match[0]: match[1].lower().replace("_", "-") for match in TRIED.finditer(said)}
    return Resolved(names, Counter(tried.values()))


@pytest.fixture(scope="module", params=["2.11", "3.3"])
def airflow(request: pytest.FixtureRequest) -> str:
    """Give the newest patch of the oldest and of the newest minor version."""
    return newest(request.param)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make an environment with the newest pip, and what else is asked for; give its interpreter."""

    def make(*wanted: str) -> Path:
        place = tmp_path_factory.mktemp("environment")
        _uv("venv", "--quiet", "--seed", "--no-project", "--python", sys.executable, place / "venv")
        python = place / "venv" / "bin" / "python"
        if wanted:
            _uv("pip", "install", "--quiet", "--python", python, *wanted)
        return python

    return make


@pytest.fixture(scope="module")
def beside(airflow: str, environment: Callable[..., Path]) -> Path:
    """Give the interpreter of an environment that has Airflow."""
    return environment(f"apache-airflow=={airflow}")


@pytest.fixture(scope="module")
def empty(airflow: str, environment: Callable[..., Path]) -> tuple[Path, set[str]]:
    """Give the interpreter of an environment without Airflow, and the packages that Airflow alone walks."""
    python = environment()
    return python, resolve(python, python.parent, f"apache-airflow=={airflow}").walked


@each_extra
def test_pip_adds_it_to_airflow(beside: Path, tmp_path: Path, extra: str) -> None:
    """Airflow stays as it is, and pip tries few versions of a package."""
    resolved = resolve(beside, tmp_path, f".[{extra}]")
    assert "airflow-provider-evpl" in resolved.installed
    assert not resolved.installed & {"apache-airflow", "apache-airflow-core"}
    assert not resolved.walked - WALKED


@each_extra
def test_pip_installs_it_with_airflow(
    empty: tuple[Path, set[str]], airflow: str, tmp_path: Path, extra: str
) -> None:
    """With Airflow on the same line pip tries few versions of a package, but for those that Airflow walks."""
    python, of_airflow = empty
    resolved = resolve(python, tmp_path, f".[{extra}]", f"apache-airflow=={airflow}")
    assert not resolved.walked - WALKED - of_airflow
