"""Each sentence of the contract has its test, and so has each gap of the API's document."""

import re

import pytest

from tests.support.documents import ROOT, is_test, named_tests, read_tables

CONTRACT = (ROOT / "docs" / "contract.md").read_text()
TABLE = (ROOT / "docs" / "contract-tests.md").read_text()
GAPS = [f"A{number}" for number in (*range(1, 14), 15, *range(17, 21), *range(24, 28), 32)]
"""As they were numbered when they were found; what is missing turned out to be none."""


def _sentences(markdown: str) -> list[str]:
    """Give what the contract says: it has a sentence a line, or a row of a table."""
    body = re.sub(r"^\|.*\n\|[-|]+\|$", "", markdown[markdown.index("\n## ") :], flags=re.MULTILINE)
    lines = [line for line in body.splitlines() if line and not line.startswith(("#", "```"))]
    return [
        " · ".join(filter(None, read_tables(line)[0])) if line.startswith("|") else line.replace("|", "\\|")
        for line in lines
    ]


def test_each_sentence_of_the_contract_is_in_the_table() -> None:
    """The table has the contract's sentences, all of them, in order, and no other; then the gaps."""
    rows = read_tables(TABLE)
    assert [row[0] for row in rows if row[0] not in GAPS] == _sentences(CONTRACT)
    assert [row[0] for row in rows][-len(GAPS) :] == GAPS


@pytest.mark.parametrize("row", read_tables(TABLE), ids=lambda row: row[0][:60])
def test_each_row_names_tests_that_exist(row: list[str]) -> None:
    """No sentence and no gap without a test."""
    tests = named_tests(row[-1])
    assert tests
    assert all(map(is_test, tests)), tests
