"""What is a given argument, and what templates leave of one that isn't."""

import pytest

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.fields import name_some, read_argument


@pytest.mark.parametrize("nothing", [None, "", "  ", "None", " None\n"])
def test_what_is_left_out_is_none(nothing: str | None) -> None:
    """Null, blank, and null as a template renders it are not given."""
    assert read_argument(nothing, "code_ope") is None


@pytest.mark.parametrize(
    ("count", "named"), [(0, ""), (1, "0"), (5, "0, 1, 2, 3, 4"), (7, "0, 1, 2, 3, 4 and 2 more")]
)
def test_five_are_named_and_the_others_counted(count: int, named: str) -> None:
    """However many there are, it stays one short line."""
    assert name_some([str(number) for number in range(count)]) == named


def test_an_argument_is_text_without_blanks_around_it() -> None:
    """Text is taken without the blanks around it; a number is an error that names the field."""
    assert read_argument(" 0042\n", "code_ope") == "0042"
    with pytest.raises(EvplConfigError, match=r"^code_ope: must be text, is int"):
        read_argument(42, "code_ope")
