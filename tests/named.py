"""Tests that documents name, by their ids."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
_ID = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)+)`")


def named_tests(text: str) -> list[str]:
    """Find the ids of tests in a text, each between backquotes."""
    return _ID.findall(text)


def is_test(test_id: str) -> bool:
    """Tell whether there is a test, or a class of tests, of that id."""
    path, *names = test_id.split("::")
    if not (ROOT / path).is_file():
        return False
    nodes = _tree(path).body
    for name in names:
        found = [
            node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
        ]
        if not found:
            return False
        nodes = found[0].body
    return names[-1].lower().startswith("test")


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text())
