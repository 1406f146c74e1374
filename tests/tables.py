"""Tables in Markdown."""

import re

_HEAD = re.compile(r"^\|.*\n\|[-|]+\|$", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")


def read_tables(markdown: str) -> list[list[str]]:
    """Give the cells of each row of all tables, without heads."""
    lines = _HEAD.sub("", markdown).splitlines()
    return [[cell.strip() for cell in _CELL.split(line)[1:-1]] for line in lines if line.startswith("|")]
