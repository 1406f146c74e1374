"""What the README claims is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_each_promise_names_a_test_that_exists() -> None:
    """No promise without its test."""
    named = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", README)
    promises = [line for line in README.splitlines() if line.startswith("| ") and "tests/" in line]
    assert len(named) == len(promises) > 5
    for path, name in named:
        nodes: list[ast.stmt] = ast.parse((ROOT / path).read_text()).body
        for part in name.split("::"):
            found = [
                one for one in nodes if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name == part
            ]
            assert found, f"{path}::{name}"
            nodes = found[0].body


def test_each_make_target_exists() -> None:
    """Every `make` command is one of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_each_link_leads_somewhere() -> None:
    """Every relative link is a file."""
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert all((ROOT / link).is_file() for link in links)
