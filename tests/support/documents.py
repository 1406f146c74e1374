"""The project's documents: blocks of code, and the tests that they name."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["BLOCKS", "ROOT", "Block", "commands", "is_test", "named_tests", "read_blocks"]


ROOT = Path(__file__).parents[2]
_ID = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)+)`")


def named_tests(text: str) -> list[str]:
    """Find the ids of tests in a text, each between backquotes."""
    return _ID.findall(text)


def is_test(test_id: str) -> bool:
    """Return whether there is a test, or a class of tests, of that id."""
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


_BLOCK = re.compile(
    r"^(?:<!-- not run here: (?P<reason>.*?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        line: of its first line of code, from 1.
        reason: why it isn't run here; None where it is.
    """

    page: str
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        """Where it is."""
        return f"{self.page}:{self.line}"


def read_blocks(path: Path) -> Iterator[Block]:
    """Read the blocks of a page."""
    page = path.read_text()
    for found in _BLOCK.finditer(page):
        line = page.count("\n", 0, found.start("text")) + 1
        yield Block(path.name, line, found["language"], found["text"], found["reason"])


BLOCKS = [block for path in sorted((ROOT / "docs").glob("*.md")) for block in read_blocks(path)]


def commands(program: str) -> list[str]:
    """Give the lines of all blocks of bash that call a program, each in one piece and without its remark."""
    lines = (
        line.partition("#")[0].strip()
        for block in BLOCKS
        if block.language == "bash"
        for line in block.text.replace("\\\n", " ").splitlines()
    )
    return [line for line in lines if line.startswith(f"{program} ")]
