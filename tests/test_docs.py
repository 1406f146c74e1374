"""What the pages of `docs/` say is there: messages, commands, reasons, pages of the site."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_evpl import errors
from tests.support.documents import ROOT, is_test, named_tests

DOCS = ROOT / "docs"
TROUBLES = (DOCS / "troubleshooting.md").read_text()
HEADINGS = re.findall(r"^### `(.+)`$", TROUBLES, re.MULTILINE)
MAKEFILES = (ROOT / "Makefile").read_text() + (ROOT / "dev.mk").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*##", MAKEFILES, re.MULTILINE))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), ROOT / "tests" / "README.md", *sorted(DOCS.glob("*.md"))]


def _texts(path: Path) -> Iterator[str]:
    """Give the texts of a file's code; what is filled in is `…`, and so is what a caller may put before."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = (str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
            yield "…" + "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield "…" + node.value


TEXTS = [
    text
    for path in sorted((ROOT / "airflow_provider_evpl").rglob("*.py"))
    if "sandbox" not in path.parts
    for text in _texts(path)
]


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_troubleshooting_heading_is_part_of_an_error_message(heading: str) -> None:
    """Each heading of the page is, word by word, part of a text in the code."""
    assert any(heading in text for text in TEXTS)


def test_the_troubleshooting_page_names_each_error_class() -> None:
    """No heading appears twice, and each error class that the code raises is named."""
    assert len(set(HEADINGS)) == len(HEADINGS)
    kinds = [
        name for name in errors.__all__ if name.startswith("Evpl") and not vars(errors)[name].__subclasses__()
    ]
    assert [name for name in kinds if f"`{name}`" not in TROUBLES] == []


def test_install_commands_use_a_checkout() -> None:
    """The package is not on an index yet, so pages and messages install it from a checkout."""
    pages = [ROOT / "README.md", *DOCS.glob("*.md"), *(ROOT / "airflow_provider_evpl").rglob("*.py")]
    assert [path for path in pages if re.search(r"(?<!/)airflow-provider-evpl\[", path.read_text())] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_only_make_targets_links_and_tests_that_exist(document: Path) -> None:
    """Each `make` command is a target, each relative link is a file, each test id is a test."""
    text = document.read_text()
    named = re.findall(r"^make ([^#\n]+)", text, re.MULTILINE)
    assert {word for line in named for word in line.split() if re.fullmatch("[a-z0-9-]+", word)} <= TARGETS
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (document.parent / link).exists()] == []
    assert [one for one in named_tests(text) if not is_test(one)] == []
