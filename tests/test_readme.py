"""What the README claims is there."""

import re
from pathlib import Path

import pytest

from tests.support.documents import ROOT, is_test, named_tests

README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_each_promise_names_a_test_that_exists() -> None:
    """No promise without its test."""
    promises = [line for line in README.splitlines() if line.startswith("| ") and "tests/" in line]
    assert len(promises) > 5
    for promise in promises:
        (test,) = named_tests(promise)
        assert is_test(test), test


def test_each_make_target_exists() -> None:
    """Every `make` command is one of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_leads_somewhere(document: Path) -> None:
    """Every relative link of a document is a file."""
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert links or document.name != "README.md"
    assert all((document.parent / link).is_file() for link in links)


@pytest.mark.parametrize(
    "said",
    [
        r"25 requests a second are recorded.*: tasks at once times `requests_per_second` \(10\)",
        r"`m`\W+as a granularity means months",
        r"Timestamps\W+may be start or end of their step: stored as given",
        r"Units.*None is given.*nothing is rescaled",
        r"Retention and delay.* are unknown: `lookback`",
    ],
)
def test_what_orange_leaves_open_is_told(said: str) -> None:
    """What the document doesn't say, and no code can find out, the README says with what is done about it."""
    limits = README.partition("## Limits")[2]
    assert re.search(said, " ".join(limits.split()))
