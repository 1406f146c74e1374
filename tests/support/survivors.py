"""Mutants that no test has killed: found by `make mutants`, told in docs/mutants.md."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import ndiff
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.support.documents import ROOT

DOCUMENT = ROOT / "docs" / "mutants.md"
PACKAGE = "airflow_provider_evpl"
OTHER_WORDS = "other words"

_RESULT = re.compile(rf"^ *{PACKAGE}\.(\S+)\.(x\S+__mutmut_\d+): (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| `(\S+\.py)` \| `(.+)` \| (`.+`|other words) \| (\d+) \| (.+) \|$", re.MULTILINE)
_NAME = re.compile(r"\bx(?:ǁ[^ǁ]+ǁ|_)(\w+)__mutmut_(?:orig|\d+)\b")
_COLUMNS = ("killed", "timeout", "survived")


class Survivor(NamedTuple):
    """A line of the package, stripped, and what it became without any test failing."""

    path: str
    line: str
    becomes: str


class Result(NamedTuple):
    """What became of a mutant."""

    path: str
    mutant: str
    status: str


def listed() -> dict[Survivor, int]:
    """Read the survivors that the document tells of, and how many mutants each stands for."""
    rows = _ROW.findall(DOCUMENT.read_text())
    return {
        Survivor(path, _plain(line), _plain(becomes.strip("`"))): int(count)
        for path, line, becomes, count, _ in rows
    }


def _plain(cell: str) -> str:
    return cell.replace("\\|", "|")


def _results() -> list[Result]:
    command = [str(Path(sys.executable).with_name("mutmut")), "results", "--all", "true"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [
        Result(f"{module.replace('.', '/')}.py", mutant, status if status != "no tests" else "survived")
        for module, mutant, status in _RESULT.findall(told)
    ]


def _survivor(one: Result) -> Survivor:
    """Compare a mutant with the function as it is: both stand in mutmut's copy of the module."""
    functions = _functions(one.path)
    original = functions[re.sub(r"__mutmut_\d+$", "__mutmut_orig", one.mutant)]
    changes = [line for line in ndiff(original, functions[one.mutant]) if line[0] in "-+"]
    gone = [line[2:] for line in changes if line[0] == "-"]
    new = " ".join(line[2:] for line in changes if line[0] == "+")
    is_words = new.replace("XX", "").lower() == " ".join(gone).lower()
    return Survivor(one.path, gone[0], OTHER_WORDS if is_words else new)


@cache
def _functions(path: str) -> dict[str, list[str]]:
    text = (ROOT / "mutants" / PACKAGE / path).read_text()
    lines = [_NAME.sub(r"\1", line.strip()) for line in text.splitlines()]
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return {node.name: lines[node.lineno - 1 : node.end_lineno] for node in nodes}


def _table(results: list[Result]) -> Iterator[str]:
    yield f"| module | mutants | {' | '.join(_COLUMNS)} |"
    yield "|---|---|---|---|---|"
    for path in dict.fromkeys(one.path for one in results):
        counts = Counter(one.status for one in results if one.path == path)
        assert counts.keys() <= set(_COLUMNS), counts
        yield f"| `{path}` | {counts.total()} | {' | '.join(str(counts[name]) for name in _COLUMNS)} |"


def _row(one: Survivor, count: int) -> str:
    path, line, becomes = (cell.replace("|", "\\|") for cell in one)
    return (
        f"| `{path}` | `{line}` | {becomes if becomes == OTHER_WORDS else f'`{becomes}`'} | {count} | WHY |"
    )


def _differences(found: Counter[Survivor], known: dict[Survivor, int]) -> Iterable[str]:
    yield from (_row(one, count) for one, count in found.items() if known.get(one) != count)
    yield from (f"no longer: {_row(one, count)}" for one, count in known.items() if one not in found)


def main() -> int:
    """Print the figures, and how the survivors differ from the document's: 1 where they do."""
    results = _results()
    print(*_table(results), sep="\n")  # noqa: T201 that is what it is for
    found = Counter(_survivor(one) for one in results if one.status == "survived")
    differences = list(_differences(found, listed()))
    print(*differences, sep="\n")  # noqa: T201 likewise
    return int(bool(differences))


if __name__ == "__main__":
    sys.exit(main())
