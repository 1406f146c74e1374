"""The peers' lock files."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from benchmarks import participants as who
from tests.support.documents import ROOT

PEERS = ROOT / "benchmarks" / "peers"


def pinned(lock: Path) -> dict[str, str]:
    """Read a lock file: each requirement in one version or, by Python's, in two; each with its hashes."""
    requirements = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert all(re.match(r"[^= ]+==\S+ .*--hash=sha256:", one, re.DOTALL) for one in requirements)
    return dict(one.split(maxsplit=1)[0].split("==") for one in requirements)


@pytest.mark.parametrize("path", sorted(PEERS.glob("*.in")), ids=lambda path: path.stem)
def test_all_that_is_asked_for_is_pinned(path: Path) -> None:
    """A lock file has a version and hashes of whatever its peer asks for."""
    asked = [Requirement(line) for line in path.read_text().splitlines() if not line.startswith("#")]
    found = pinned(path.with_suffix(".txt"))
    assert asked
    assert all(one.specifier.contains(found[one.name]) for one in asked)


def test_both_run_the_same_airflow() -> None:
    """HttpOperator's Airflow is ours: their starts, which are taken off, are of the same kind."""
    assert pinned(PEERS / "http_operator.txt")["apache-airflow"] == version("apache-airflow")


def test_each_participant_has_its_environment_and_runner() -> None:
    """Whoever takes part has a lock file, or the project's own environment, and a module to run."""
    for one in vars(who).values():
        if isinstance(one, who.Participant):
            assert one.peer is None or (PEERS / f"{one.peer}.txt").exists()
            assert (ROOT / "benchmarks" / "runners" / f"{one.runner[0]}.py").exists()
            assert all((ROOT / "benchmarks" / "dags" / f"{dag}.py").exists() for dag in one.runner[1:])
