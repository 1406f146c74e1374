"""Blocks of code in the pages of `docs/`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.named import ROOT

__all__ = ["BLOCKS", "Block", "commands", "read_blocks"]

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
