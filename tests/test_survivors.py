"""What docs/mutants.md says of the mutants that live."""

import re
import tomllib
from collections import Counter

from tests.support.documents import ROOT
from tests.support.survivors import DOCUMENT, PACKAGE, listed

_FIGURES = re.compile(r"^\| `(\S+\.py)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def _figures() -> dict[str, tuple[int, ...]]:
    return {path: tuple(map(int, counts)) for path, *counts in _FIGURES.findall(DOCUMENT.read_text())}


def test_each_line_that_may_be_broken_is_still_there() -> None:
    """A survivor's line stands in its module as it did when the mutants were made."""
    for one in listed():
        lines = (ROOT / PACKAGE / one.path).read_text().splitlines()
        assert one.line in map(str.strip, lines), one


def test_the_figures_add_up() -> None:
    """Of each module under mutation every mutant was killed, timed out, or is listed."""
    modules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]
    assert [f"{PACKAGE}/{path}" for path in _figures()] == sorted(modules)
    alive = Counter[str]()
    for one, count in listed().items():
        alive[one.path] += count
    for path, (mutants, killed, timed_out, survived) in _figures().items():
        assert mutants == killed + timed_out + survived
        assert survived == alive[path]


def test_each_row_is_read() -> None:
    """A row of the document that has another form would be no row at all."""
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(_figures()) + len(listed())
    assert not [row for row in rows if "WHY" in row]
