"""What SECURITY.md promises."""

import pytest

from tests.support.documents import ROOT, is_test, named_tests, read_tables

PROMISES = dict(read_tables((ROOT / "SECURITY.md").read_text()))


def test_there_are_promises() -> None:
    """The table is found."""
    assert len(PROMISES) > 5


@pytest.mark.parametrize("promise", PROMISES)
def test_each_names_tests_that_exist(promise: str) -> None:
    """No promise without its test."""
    tests = named_tests(PROMISES[promise])
    assert tests
    assert all(map(is_test, tests)), tests
