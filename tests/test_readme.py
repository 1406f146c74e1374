"""The commands and links of the README."""

import re
from pathlib import Path

import pytest

from tests.support.documents import ROOT

README = (ROOT / "README.md").read_text()
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def test_readme_names_make_targets_that_exist() -> None:
    """Every `make` command of the README is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_to_files(document: Path) -> None:
    """Every relative link of a document leads to a file."""
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert links or document.name != "README.md"
    assert [link for link in links if not (document.parent / link).is_file()] == []
