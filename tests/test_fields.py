"""What is a given argument, and what templates leave of one that isn't."""

import unicodedata

import pytest

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.fields import (
    guarded,
    name_of,
    name_some,
    one_line,
    quoted,
    read_argument,
    read_boolean,
    shows,
    wrong,
)


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


def test_what_is_not_seen_becomes_a_blank() -> None:
    """No character of Unicode that breaks a line, steers a terminal or is invisible is shown; others are."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
    odd = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in kinds]
    kept = [one for one in odd if one_line(f"a{one}b") == f"a{one}b"]
    assert {unicodedata.category(one) for one in kept} == {"Zs"}
    assert set("\0\t\n\r\x0b\x1b\x7f\x85\x9b\u2028\u2029\u200b\u200f\u202e\u2066\ufeff\ud800") <= set(
        odd
    ) - set(kept)
    assert one_line("a \r\n\x1b b") == "a   b"
    assert one_line("Île-de-France, 東京 💡") == "Île-de-France, 東京 💡"


def test_a_text_is_cut() -> None:
    """Up to the limit it is shown whole, and a longer one shows that it is cut."""
    assert one_line("a" * 500) == "a" * 500
    assert one_line("a" * 501) == "a" * 500 + "..."
    assert one_line("abc", 2) == "ab..."
    assert quoted("a" * 5_000_000) == "'" + "a" * 199 + "..."
    assert name_of("a", None, "", "b\n") == "a b "
    assert name_of("a" * 201) == "a name of 201 characters"


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("is 'a-client-secret'", True),
        ("is 'client'", True),
        (r"is 'a\\-\\c\\l\\i\\e\\n\\t'", True),
        ("is 'a%2Dclient%2Dsecret'", True),
        ("is 'clien'", False),
        ("", False),
    ],
)
def test_six_characters_of_a_secret_are_found(text: str, is_shown: bool) -> None:  # noqa: FBT001 what is expected
    """In whatever form, and with blanks around it; five of them may be part of any word."""
    assert shows(text, " a-client-secret\n") is is_shown
    assert not shows(text, None)
    assert not shows(text, "  ")


def test_a_short_secret_is_found_whole() -> None:
    """One of less than six characters is looked for as it is."""
    assert shows("is 'p4s5'", "p4s5")
    assert not shows("is 'p4s'", "p4s5")


def _fail(error: EvplConfigError) -> None:
    raise error


def test_an_error_that_shows_a_secret_loses_its_value() -> None:
    """Its value is gone, also from the context that a traceback shows; another error is as it was."""
    error = wrong("granularity: must be short", "a-client-secret")
    with pytest.raises(EvplConfigError, match=r"^granularity: must be short, is \*\*\*$") as raised:
        guarded(lambda: _fail(error), "client")
    assert raised.value.__context__ is raised.value.__cause__ is None
    with pytest.raises(EvplConfigError, match=r"^granularity: must be short, is 'a-client-secret'$"):
        guarded(lambda: _fail(error), "other")
    assert guarded(lambda: 5, "client") == 5


def test_a_long_text_for_a_boolean_is_not_shown() -> None:
    """Some are read before the connection, so nobody knows yet what is a secret."""
    with pytest.raises(EvplConfigError, match=r"^deferrable: must be true or false, is 'yes'$"):
        read_boolean("yes", "deferrable")
    with pytest.raises(EvplConfigError, match=r"^deferrable: must be true or false$"):
        read_boolean("a-client-secret", "deferrable")
