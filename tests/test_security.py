"""What SECURITY.md promises."""

import pytest

from tests.named import ROOT, is_test, named_tests

PROMISES = [line for line in (ROOT / "SECURITY.md").read_text().splitlines() if line.startswith("| ")][1:]


def test_there_are_promises() -> None:
    """The table is found."""
    assert len(PROMISES) > 5


@pytest.mark.parametrize("promise", PROMISES)
def test_each_names_tests_that_exist(promise: str) -> None:
    """No promise without its test."""
    tests = named_tests(promise)
    assert tests
    assert all(map(is_test, tests)), tests
