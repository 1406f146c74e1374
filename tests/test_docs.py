"""What the pages of `docs/` say is there: messages, commands, reasons, pages of the site."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_evpl import errors
from tests.support.documents import BLOCKS, ROOT, commands

DOCS = ROOT / "docs"
TROUBLES = (DOCS / "troubleshooting.md").read_text()
HEADINGS = re.findall(r"^### `(.+)`$", TROUBLES, re.MULTILINE)
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


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
def test_each_trouble_has_a_message_of_the_code(heading: str) -> None:
    """A heading is a part of one text of the code, word by word."""
    assert any(heading in text for text in TEXTS)


def test_each_trouble_is_told_once() -> None:
    """No message has two headings, and each kind of error is named."""
    assert len(set(HEADINGS)) == len(HEADINGS) > 60
    kinds = [
        name for name in errors.__all__ if name.startswith("Evpl") and not vars(errors)[name].__subclasses__()
    ]
    assert [name for name in kinds if f"`{name}`" not in TROUBLES] == []


def test_what_is_not_run_has_a_reason() -> None:
    """A mark before a block says why it isn't run here, in words."""
    reasons = [block.reason for block in BLOCKS if block.reason is not None]
    assert reasons
    assert all(len(reason.split()) > 1 for reason in reasons)
    marks = sum(path.read_text().count("not run here:") for path in DOCS.glob("*.md"))
    assert marks == len(reasons)


def test_nothing_is_installed_from_an_index() -> None:
    """There is no release yet: what a page or a message installs is a checkout."""
    pages = [ROOT / "README.md", *DOCS.glob("*.md"), *(ROOT / "airflow_provider_evpl").rglob("*.py")]
    assert [path for path in pages if re.search(r"(?<!/)airflow-provider-evpl\[", path.read_text())] == []


@pytest.mark.parametrize("command", commands("make"))
def test_each_make_target_exists(command: str) -> None:
    """Whatever a page has made is a target of the Makefile."""
    targets = [word for word in command.split()[1:] if "=" not in word]
    assert targets
    assert set(targets) <= TARGETS


def test_the_site_has_each_page() -> None:
    """No page is left out of the site's navigation: there it would be found by nobody."""
    listed = re.findall(r"^ +- (?:.+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert len(set(listed)) == len(listed)
    assert {path.name for path in DOCS.glob("*.md")} <= set(listed)
