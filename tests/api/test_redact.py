from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.api.redact import Secrets
from tests.api.support import ECHOES, SECRET

secrets_ = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=1)
texts = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]))


def knowing(*known: str) -> Secrets:
    """Secrets that tell nobody."""
    secrets = Secrets(lambda _: None)
    for secret in known:
        secrets.add(secret)
    return secrets


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_every_escape_is_blotted(echo: Callable[[str], str]) -> None:
    """A secret is hidden in whichever way a server escapes it, and nothing around it is."""
    assert knowing(SECRET).blot(f"<b>{echo(SECRET)}</b>") == "<b>***</b>"


@given(secrets_, texts, texts, st.sampled_from(sorted(ECHOES)))
def test_blot_leaves_no_secret(secret: str, before: str, after: str, form: str) -> None:
    """Whatever the secret and the text around it, neither it nor its escaped form is left."""
    echo = ECHOES[form](secret)
    blotted = knowing(secret).blot(before + echo + after)
    assert secret not in blotted
    assert echo not in blotted
    assert "***" in blotted


@given(st.lists(secrets_, min_size=1), st.data())
def test_none_of_many_is_left(known: list[str], data: st.DataObject) -> None:
    """Of secrets that overlap or hold each other none is left."""
    text = "".join(data.draw(st.lists(st.sampled_from(known))))
    blotted = knowing(*known).blot(text)
    assert not any(secret in blotted for secret in known)


def test_a_text_that_is_a_secret_is_hidden() -> None:
    """Nothing but the secret is as long as it; what is shorter isn't it."""
    assert knowing("abc").blot("abc") == "***"
    assert knowing("abc").blot("ab") == "ab"


def test_the_longest_goes_first() -> None:
    """Where a secret begins with another one, no rest of it is left."""
    assert knowing("abc", "abcdef").blot("abcdef abcd") == "*** ***d"


@given(texts)
def test_other_text_stays(text: str) -> None:
    """Text without a secret stays as it is; also where no secret is known."""
    assert knowing("a\0secret").blot(text) == text.replace("a\0secret", "***")
    assert knowing().blot(text) == text


def test_a_lone_surrogate_is_blotted() -> None:
    """Even a secret that is no valid Unicode is hidden."""
    assert knowing("a\ud800").blot(r"a\uD800") == "***"


def test_each_secret_is_told_once() -> None:
    """The caller hears of every new secret, once, in its plain form."""
    told: list[str] = []
    secrets = Secrets(told.append)
    for secret in ("one", "two", "one"):
        secrets.add(secret)
    assert told == ["one", "two"]


def test_only_the_last_tokens_are_kept() -> None:
    """Of secrets that pass the last sixteen are hidden, so that memory has a bound; the others always are."""
    secrets = knowing("for-good")
    for number in range(20):
        secrets.add(f"token-{number:03}", passes=True)
    shown = secrets.blot(" ".join(["for-good", *(f"token-{number:03}" for number in range(20))]))
    assert shown == " ".join(["***", *(f"token-{number:03}" for number in range(4)), *["***"] * 16])


def test_a_token_that_is_given_again_is_the_last() -> None:
    """A server may give a token it gave before: it is hidden as long as a new one, and told once."""
    told: list[str] = []
    secrets = Secrets(told.append)
    for number in (*range(16), 0, 16):
        secrets.add(f"token-{number:03}", passes=True)
    assert secrets.blot("token-000 token-001 token-016") == "*** token-001 ***"
    assert told == [f"token-{number:03}" for number in range(17)]


def test_a_pattern_is_made_once_and_forgotten_with_its_token() -> None:
    """What passes leaves nothing behind, what stays is not made anew."""
    secrets = knowing("for-good")
    secrets.add("token", passes=True)
    assert secrets.blot("for-good token") == "*** ***"
    for number in range(16):
        secrets.add(f"token-{number:03}", passes=True)
    assert secrets.blot("for-good token, token-000") == "*** token, ***"


def test_a_beginning_of_a_secret_costs_no_more_than_the_text() -> None:
    """An echo that is cut off, or of a token that begins alike, is read in one go: else this never ends."""
    secret = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\xe9" * 3
    secrets = knowing(secret)
    assert all(secrets.blot(secret[:end] + "!") == secret[:end] + "!" for end in range(len(secret)))
    assert secrets.blot(secret[:60] + secret) == secret[:60] + "***"
