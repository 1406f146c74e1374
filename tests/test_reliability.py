"""What is said about reliability: each property has its tests, each counted figure its source."""

import re
from collections.abc import Sized
from importlib import import_module

import pytest

from tests.support.documents import ROOT, is_test, named_tests, read_tables

PROPERTIES, FIGURES = (ROOT / "docs" / "reliability.md").read_text().split("\n## Figures", 1)
SOURCE = re.compile(r"`([\w.]+):(\w+)`")


@pytest.mark.parametrize("row", read_tables(PROPERTIES), ids=lambda row: row[0][:60])
def test_each_property_names_tests_that_exist(row: list[str]) -> None:
    """No property without how it is promised, and a test."""
    assert all(row)
    tests = named_tests(row[-1])
    assert tests
    assert all(map(is_test, tests)), tests


@pytest.mark.parametrize("row", read_tables(FIGURES), ids=lambda row: row[0][:60])
def test_each_figure_has_a_source(row: list[str]) -> None:
    """A name of the code, whose number or length it is; a command; or a test that draws anew."""
    found = SOURCE.fullmatch(row[-1])
    if found:
        value = getattr(import_module(found[1]), found[2])
        assert row[1] == f"{len(value) if isinstance(value, Sized) else value:,}"
    else:
        assert row[-1].startswith("`make ") or all(map(is_test, named_tests(row[-1]))), row
