"""Arguments as templates render them, names of many things, and lengths of time."""

import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pendulum
import pytest
from jinja2 import Undefined
from lazy_object_proxy import Proxy  # type: ignore[import-untyped]

from airflow_provider_evpl.config.plans import given_arguments, given_fields, read_name
from airflow_provider_evpl.config.readers import guarded, read_boolean, read_duration, shows
from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplUnavailableError,
    name_of,
    name_some,
    one_line,
    quoted,
    wrong,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "nothing", [None, "", "  ", "None", " None\n", Undefined(), Proxy(lambda: None), Proxy(lambda: " ")]
)
def test_null_and_blank_arguments_are_not_given(nothing: object) -> None:
    """Null, blank, and the results of templates for them, are not given."""
    assert given_arguments({"code_ope": nothing, "granularity": "1h"}) == {"granularity": "1h"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" 0042 ", " 0042 "),
        (1042, "1042"),
        (0.5, "0.5"),
        (Decimal("0.50"), "0.50"),
        (np.int64(42), "42"),
        (True, "True"),
        (date(2026, 11, 22), "2026-11-22"),
        (datetime(2026, 11, 22, tzinfo=UTC), "2026-11-22 00:00:00+00:00"),
        (Proxy(lambda: pendulum.datetime(2026, 11, 22)), "2026-11-22 00:00:00+00:00"),
        (pendulum.duration(hours=25), "1 day, 1:00:00"),
        (Proxy(lambda: HOUR), "1:00:00"),
        (["0042"], ["0042"]),
    ],
)
def test_arguments_are_read_as_templates_render_them(value: object, text: object) -> None:
    """A value has the text that a template of text renders; a list has none."""
    task = SimpleNamespace(template_fields=("code_ope", "granularity"), code_ope=value, granularity=None)
    assert given_fields(task) == {"code_ope": text}


def test_name_is_text_without_surrounding_blanks() -> None:
    """Surrounding blanks are removed; a list is an error that names the field."""
    assert read_name({"code_ope": " 0042\n"}, "code_ope") == "0042"
    assert read_name({}, "code_ope") is None
    with pytest.raises(EvplConfigError, match=r"^code_ope: must be text, but is list"):
        read_name({"code_ope": ["0042"]}, "code_ope")


def test_error_has_up_to_three_parts() -> None:
    """Each part starts on a new line. A place is put before what happened; a next step is never replaced."""
    error = EvplUnavailableError("it failed.", detail="id 7", retry_after_seconds=5).with_next_step("Wait.")
    assert str(error) == "it failed.\nWait.\nid 7"
    placed = error.with_next_step("Do nothing.").within("slice 2026-11-22")
    assert str(placed) == "slice 2026-11-22: it failed.\nWait.\nid 7"
    assert (type(placed), placed.retry_after_seconds) == (EvplUnavailableError, 5)


@pytest.mark.parametrize(
    ("count", "named"), [(0, ""), (1, "0"), (5, "0, 1, 2, 3, 4"), (7, "0, 1, 2, 3, 4 and 2 more")]
)
def test_name_some_names_five_and_counts_the_others(count: int, named: str) -> None:
    """The list stays one short line, however long it is."""
    assert name_some([str(number) for number in range(count)]) == named


@pytest.mark.contract("pull.durations")
@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("300s", timedelta(seconds=300)),
        ("1h", HOUR),
        (" 2d ", 2 * DAY),
        ("0s", timedelta()),
        ("007d", 7 * DAY),
        ("000000000000300s", timedelta(seconds=300)),
        ("999999999s", timedelta(seconds=999_999_999)),
        ("36500d", 36_500 * DAY),
        (HOUR, HOUR),
        ("1:00:00", HOUR),
        ("1 day, 0:00:00", DAY),
        (" 30 days, 23:59:59 ", 31 * DAY - timedelta(seconds=1)),
        (pendulum.duration(hours=1), HOUR),
        (pendulum.duration(weeks=1, days=2, seconds=3), 9 * DAY + timedelta(seconds=3)),
        (pendulum.duration(months=1), 30 * DAY),
        (pendulum.duration(years=1), 365 * DAY),
        (pendulum.datetime(2026, 3, 1) - pendulum.datetime(2026, 2, 1), 28 * DAY),
        (pd.Timedelta(hours=1), HOUR),
        (pd.Timedelta(30_000, "D").as_unit("s"), 30_000 * DAY),
    ],
)
def test_duration_is_a_timedelta_or_text_with_a_unit(value: object, length: timedelta) -> None:
    """A duration is a timedelta of any class, its text, or a number with s, h or d. A month has 30 days."""
    read = read_duration(value, "lookback")
    assert (read, type(read)) == (length, timedelta)


@pytest.mark.contract("pull.durations")
@pytest.mark.parametrize(
    "value",
    [
        *("300", 300, 300.0, True, "5m", "-1h", "1.5h", "h", "", "9999999999d", "36501d"),
        *("1 day", "1:00", "24:00:00", "0:00:60", "-1 day, 23:00:00", "0:00:01.5", "36501 days, 0:00:00"),
        *("PT1H", "1 h", "1H", "\N{FULLWIDTH DIGIT FIVE}h"),
        *(timedelta(milliseconds=1), -HOUR, timedelta.max),
        *(pendulum.duration(microseconds=1), pendulum.duration(hours=-1), pendulum.duration(years=101)),
        pendulum.datetime(2026, 2, 1) - pendulum.datetime(2026, 3, 1),
        *(pd.Timedelta("1h1ns"), pd.Timedelta(-1, "h"), pd.NaT),
    ],
)
def test_unclear_duration_is_an_error(value: object) -> None:
    """A bare number, words, minutes (`m` means months in the API) and negative durations are errors."""
    with pytest.raises(EvplConfigError, match="lookback"):
        read_duration(value, "lookback")


def test_one_line_replaces_invisible_characters() -> None:
    """A character that breaks a line, controls a terminal or is invisible is replaced; no other is."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
    hidden = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in kinds]
    kept = [one for one in hidden if one_line(f"a{one}b") == f"a{one}b"]
    assert {unicodedata.category(one) for one in kept} == {"Zs"}
    assert set("\0\t\n\r\x0b\x1b\x7f\x85\x9b\u2028\u2029\u200b\u200f\u202e\u2066\ufeff\ud800") <= set(
        hidden
    ) - set(kept)
    assert one_line("a \r\n\x1b b") == "a   b"
    assert one_line("Île-de-France, 東京 💡") == "Île-de-France, 東京 💡"


def test_one_line_cuts_long_text() -> None:
    """Text up to the limit is shown whole, and longer text shows that it is cut."""
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
def test_shows_finds_six_characters_of_a_secret(text: str, is_shown: bool) -> None:  # noqa: FBT001 what is expected
    """They are found in any form, with blanks around the secret. Five characters may be part of any word."""
    assert shows(text, " a-client-secret\n") is is_shown
    assert not shows(text, None)
    assert not shows(text, "  ")


def test_shows_finds_a_short_secret() -> None:
    """A secret of less than six characters is searched as it is."""
    assert shows("is 'p4s5'", "p4s5")
    assert not shows("is 'p4s'", "p4s5")


def _fail(error: EvplConfigError) -> None:
    raise error


def test_guarded_hides_a_value_with_a_secret() -> None:
    """The value is removed, also from the context that a traceback shows. Other errors keep their value."""
    error = wrong("granularity: must be short", "a-client-secret")
    with pytest.raises(
        EvplConfigError, match=r"^granularity: must be short, but is \*\*\*\.\nDo it\.$"
    ) as raised:
        guarded(lambda: _fail(error), "client", "Do it.")
    assert raised.value.__context__ is raised.value.__cause__ is None
    with pytest.raises(EvplConfigError, match=r"^granularity: must be short, but is 'a-client-secret'\."):
        guarded(lambda: _fail(error), "other")
    assert guarded(lambda: 5, "client") == 5


def test_guarded_hides_each_value_with_a_secret() -> None:
    """The values are hidden in each part of the message, and our own words stay."""
    values = ["bad a-client-secret", "a-cli"]
    error = EvplConfigError(f"verify: {values[1]} is wrong.", "", f"Reason: {values[0]}", shown=values)
    with pytest.raises(
        EvplConfigError, match=r"^verify: \*\*\* is wrong\.\nDo it\.\nReason: \*\*\*$"
    ) as raised:
        guarded(lambda: _fail(error), "client", "Do it.")
    assert raised.value.shown == ()


@pytest.mark.parametrize("secret", ["my-secret", "the connection", "Correct"])
def test_guarded_shows_our_own_words(secret: str) -> None:
    """A secret that has some of our words in it hides no message."""
    error = wrong("password (the client secret): must be short", "value")
    with pytest.raises(
        EvplConfigError, match=r"client secret\): must be short, but is 'value'\.\nCorrect it in"
    ):
        guarded(lambda: _fail(error), secret, "Correct it in the connection.")


def test_read_boolean_hides_long_text() -> None:
    """Some booleans are read before the secret is known."""
    with pytest.raises(EvplConfigError, match=r"^deferrable: must be true or false, but is 'yes'\.$"):
        read_boolean("yes", "deferrable")
    with pytest.raises(EvplConfigError, match=r"^deferrable: must be true or false\.$"):
        read_boolean("a-client-secret", "deferrable")
