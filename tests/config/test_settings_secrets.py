"""Messages on wrong fields of a connection show wrong values, but no part of a secret."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_evpl.errors import EvplConfigError
from tests.support.connections import DEFAULTS, SECRET, settings


@pytest.mark.contract("messages.no-secret")
@pytest.mark.parametrize("name", ["token_auth", "page_parallelism", "verify", f"{SECRET}"])
def test_secret_in_the_wrong_field_is_not_shown(name: str) -> None:
    """A secret in another field, or as its name, is not in the message."""
    with pytest.raises(EvplConfigError) as error:
        settings(**{name: SECRET})
    assert SECRET not in str(error.value)
    assert "***" in str(error.value)


PASSWORDS = {
    "plain": "f0rty-tw0-w1nters-2026",
    "backslashes": "f0rty\\tw0\\w1nters\\2026",
    "both quotes": """f0rty'tw0"w1nters'"2026""",
    "beyond ASCII": "f0rtÿ-tw0\x01w1ntérs\u2028\u202e2026",
    "digits": "98765432109876543210",
    "short": "p4s5",
    "blanks around it": "  f0rty-tw0-w1nters-2026 \n",
}
PLACES: dict[str, Callable[[str], object]] = {
    "alone": str,
    "a blank after it": lambda password: f"{password} ",
    "a line break after it": lambda password: f"{password}\r\n",
    "blanks around it": lambda password: f" \t{password}\n ",
    "more after it": lambda password: f"{password}-and-more",
    "in a list": lambda password: [password],
    "in a list of lists": lambda password: [[password], {"a": [password]}],
    "in a list as text": lambda password: repr([[password]]),
    "in JSON": lambda password: json.dumps([password]),
    "a user of a URL": lambda password: f"https://{password}@api.example.com",
    "a path of a URL": lambda password: f"ftp://api.example.com/{quote(password)}?query",
    "a number": lambda password: int(password) if password.isdigit() else password,
    "its beginning": lambda password: password.strip()[:6],
    "its end": lambda password: password.strip()[-6:],
    "a mistake in it": lambda password: f"{password.strip()[:7]}#{password.strip()[8:]}",
}
TYPED = [
    *("token_auth", "pagination", "page_parallelism", "requests_per_second", "timeout_seconds"),
    *("max_retry_seconds", "naive_timestamps", "verify"),
]


@pytest.mark.contract("messages.no-part-of-a-secret")
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS)
def test_message_has_no_six_characters_of_a_secret(password: str, place: Callable[[str], object]) -> None:
    """A secret, or six characters of it, in another field or as its name, is not in the message."""
    value = place(password)
    extras: list[dict[str, Any]] = [{name: value} for name in (*DEFAULTS, "application_id", "no_such_field")]
    for given in (*extras, {str(value): 1}, {str(value): 1, "job": ".."}, {"login": value}, {"host": value}):
        for shown in _errors_of(password, given):
            assert not _six_in_a_row(password) & _six_in_a_row(shown), given


def _errors_of(password: str, given: dict[str, Any]) -> Iterator[str]:
    """Give all that is known of the error of a wrong field, and of those behind it, shown or not."""
    error: BaseException | None = None
    try:
        settings(password=password, **given)
    except EvplConfigError as raised:
        error = raised
    while error is not None:
        yield from (str(error), repr(error.args))
        error = error.__cause__ or error.__context__


def _six_in_a_row(text: str) -> set[str]:
    """Give what a text holds, six characters each; a shorter one as a whole. Backslashes don't count."""
    plain = re.sub(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})", lambda one: chr(int(one[1] or one[2], 16)), text)
    plain = plain.replace("\\", "").strip()
    return {plain[at : at + 6] for at in range(max(1, len(plain) - 5))}


def test_wrong_value_is_shown() -> None:
    """A wrong value with less than six characters of the secret is shown, because it helps to correct it."""
    with pytest.raises(EvplConfigError, match=r"^page_parallelism: .* to 32, but is 'a-cli'\."):
        settings(password="a-client-secret", page_parallelism="a-cli")
    with pytest.raises(EvplConfigError, match=r"^page_parallelism: .* to 32, but is \*\*\*\."):
        settings(password="a-client-secret", page_parallelism="a-clie")


@pytest.mark.parametrize("name", TYPED)
def test_wrong_value_is_shown_on_one_line(name: str) -> None:
    """No value of a field can forge a line of a log or control a terminal."""
    with pytest.raises(EvplConfigError) as error:
        settings(**{name: f"\n\x1b[2J\u2028\u202e\u200b{'x' * 5_000_000}"})
    assert all(line.isprintable() and len(line) < 600 for line in str(error.value).split("\n"))


@pytest.mark.parametrize("name", ["login", "password", "application_id", "code_ope", "job"])
def test_lone_surrogate_is_an_error(name: str) -> None:
    """JSON can hold half of a character, which no request can. The error names the field."""
    with pytest.raises(EvplConfigError, match=name):
        settings(**{name: "a\ud800"})


@pytest.mark.parametrize("password", ["my-client-secret", "a connection", "must be set", "2 unknown"])
def test_message_is_shown_if_only_our_words_are_in_the_secret(password: str) -> None:
    """A wrong field is named, whatever the secret is."""
    with pytest.raises(EvplConfigError, match=r"^login \(the client id\): must be set\."):
        settings(password=password, login="")
    with pytest.raises(EvplConfigError, match=r"^extra: unknown colour\."):
        settings(password=password, colour="red")
