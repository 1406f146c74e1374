"""The keys of the contract's sentences, and the tests that are marked with them.

A sentence has its key in a comment at the end of its line. A comment on a line of its own belongs to the
block or table below it: `<!-- pull.* -->` before a table gives each row a key, made of its first cell.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs" / "contract.md", ROOT / "docs" / "api-gaps.md")
_KEY = re.compile(r"<!-- ([\w.*-]+) -->$")
_CELL = re.compile(r"(?<!\\)\|")


def read_keys(page: Path) -> dict[str, str]:
    """Give what a page promises, by key: a sentence, or a row of a table with its cells joined.

    Raises:
        ValueError: A sentence has no key, or two have the same.
    """
    found: dict[str, str] = {}
    for key, text in _read(page.read_text()):
        if not key or key in found:
            raise ValueError(f"{page.name}: {key or 'no key'}: {text}")
        found[key] = text
    return found


def _read(markdown: str) -> Iterator[tuple[str, str]]:
    block = above = ""
    lines = iter(markdown.partition("\n## ")[2].splitlines()[1:])
    for line in lines:
        key = _KEY.search(line)
        if key and key[0] == line:
            block = key[1]
        elif line.startswith("```"):
            yield block, " ".join(iter(lambda: next(lines), "```"))
        elif line.startswith("|") and not above.startswith("|"):
            next(lines)  # the line below the table's head
        elif line.startswith("|"):
            cells = [cell.strip() for cell in _CELL.split(line)[1:-1]]
            yield block.replace("*", _name_of(cells[0])), " · ".join(filter(None, cells))
        elif line and not line.startswith("#"):
            yield key[1] if key else "", _KEY.sub("", line).strip()
        above = line


def _name_of(cell: str) -> str:
    """Make a key of a cell: `sensors.evpl.EvplSensor` gives `EvplSensor`, `make demo` gives `make-demo`."""
    first = re.split(r"[,(]", cell.replace("`", ""))[0].strip()
    return first.rpartition(".")[2].replace(" ", "-")


def marked_tests() -> dict[str, list[str]]:
    """Give the ids of the tests that are marked with each key."""
    found = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for test, keys in _marks(ast.parse(path.read_text()).body):
            for key in keys:
                found[key].append(f"{path.relative_to(ROOT)}::{test}")
    return dict(found)


def _marks(nodes: list[ast.stmt]) -> Iterator[tuple[str, list[str]]]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for one in node.decorator_list:
                if isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.mark.contract":
                    yield node.name, [ast.literal_eval(key) for key in one.args]
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}::{name}", keys) for name, keys in _marks(node.body))


def write_table() -> str:
    """Write the page of the site that lists the tests of each sentence."""
    tests = marked_tests()
    parts = ["# Tests of the contract\n\nThe key of each sentence, and the tests that are marked with it.\n"]
    for page in PAGES:
        rows = (
            f"| {text} | `{key}` | {'<br>'.join(f'`{one}`' for one in tests.get(key, []))} |"
            for key, text in read_keys(page).items()
        )
        title = page.read_text().partition("\n")[0].removeprefix("# ")
        parts.append(f"\n## {title}\n\n| sentence | key | tests |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "".join(parts)
