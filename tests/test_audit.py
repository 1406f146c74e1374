"""What `make audit` makes of pip-audit's answers."""

import json
import subprocess
import sys

import pytest

from tests.support.documents import ROOT

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
def test_a_known_vulnerability_fails(answer: object, code: int, said: list[str]) -> None:
    """Only a known vulnerability fails; what could not be asked is said, never passed over."""
    text = "" if answer is None else json.dumps({"dependencies": answer})
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), sys.executable, "-c", f"print({text!r})"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (code, said)
