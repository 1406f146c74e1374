"""Each sentence of the contract has a test, and so has each gap of Orange's document."""

import pytest

from tests.support.contract import PAGES, marked_tests, read_keys

KEYS = [key for page in PAGES for key in read_keys(page)]
MARKED = marked_tests()


@pytest.mark.parametrize("key", KEYS)
def test_each_key_of_the_contract_has_a_test(key: str) -> None:
    """Some test is marked with each key."""
    assert MARKED.get(key)


def test_each_marker_is_a_key_of_the_contract() -> None:
    """No test is marked with a key that no sentence has, and no two sentences have the same."""
    assert set(MARKED) - set(KEYS) == set()
    assert len(set(KEYS)) == len(KEYS)
