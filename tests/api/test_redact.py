"""Secrets in a text: found in every form, and nothing else with them."""

import gc
import html
import json
import sys
import tracemalloc
from base64 import b64encode
from collections.abc import Callable
from itertools import product
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.errors import EvplConfigError, EvplRateLimitError, one_line
from tests.support.api import ECHOES, SECRET

secrets_ = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=1)
texts = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]))
MARKS = r"%&\+#;ux0124af é" + "Ã©\x83\n"  # what escapes are made of
tricky_secrets = st.text(st.sampled_from(MARKS), min_size=1, max_size=12)
tricky_texts = st.text(st.sampled_from(MARKS), max_size=12)


def knowing(*known: str) -> Secrets:
    """Make secrets that nobody is told."""
    secrets = Secrets(lambda _: None)
    for secret in known:
        secrets.add(secret)
    return secrets


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_every_escape_is_redacted(echo: Callable[[str], str]) -> None:
    """A secret is redacted however a server escapes it; the text around it stays."""
    assert knowing(SECRET).redact(f"<b>{echo(SECRET)}</b>") == "<b>***</b>"


@given(secrets_, texts, texts, st.sampled_from(sorted(ECHOES)))
def test_redacted_text_holds_no_secret(secret: str, before: str, after: str, form: str) -> None:
    """Neither a secret nor its escaped form is left, whatever the text around it."""
    echo = ECHOES[form](secret)
    redacted = knowing(secret).redact(before + echo + after)
    assert secret not in redacted
    assert echo not in redacted
    assert "***" in redacted


@given(st.lists(secrets_, min_size=1), st.data())
def test_overlapping_secrets_are_all_redacted(known: list[str], data: st.DataObject) -> None:
    """Secrets that overlap or contain each other are all redacted."""
    text = "".join(data.draw(st.lists(st.sampled_from(known))))
    redacted = knowing(*known).redact(text)
    assert not any(secret in redacted for secret in known)


def _forms(character: str) -> list[str]:
    """Give each form in which a server may write a character."""
    utf_8, utf_16 = character.encode(), character.encode("utf-16-be").hex()
    units = [utf_16[at : at + 4] for at in range(0, len(utf_16), 4)]
    code = ord(character)
    return [
        *("\\" * count + character for count in range(4)),
        quote(character, safe=""),
        quote_plus(character),
        *("".join(form % byte for byte in utf_8) for form in ("%%%02x", "%%%02X", r"\x%02x", r"\\x%02x")),
        *("".join(form + unit for unit in units) for form in (r"\u", r"\\u", r"\\\u")),
        "".join(rf"\u{unit.upper()}" for unit in units),
        html.escape(character),
        f"&#{code};",
        f"&#00{code};",
        f"&#x{code:x};",
        f"&#X0{code:X};",
        json.dumps(character)[1:-1],
        json.dumps(json.dumps(character))[3:-3],
        utf_8.decode("latin-1"),
    ]


def _escape(secret: str, data: st.DataObject) -> str:
    return "".join(data.draw(st.sampled_from(_forms(character))) for character in secret)


@pytest.mark.contract("messages.no-secret")
@settings(max_examples=500)
@given(secrets_ | tricky_secrets, texts | tricky_texts, texts | tricky_texts, st.data())
def test_mixed_escapes_are_redacted(secret: str, before: str, after: str, data: st.DataObject) -> None:
    """Each character may have another escape, and the text around it may hold halves of escapes."""
    echo = _escape(secret, data)
    redacted = knowing(secret).redact(before + echo + after)
    assert echo not in redacted
    assert secret not in redacted
    assert "***" in redacted


@given(secrets_.filter(lambda secret: len(secret) >= 4), st.data())
def test_text_around_a_secret_stays(secret: str, data: st.DataObject) -> None:
    """All text around a secret stays that is no part of an escape or of the secret.

    Shorter secrets are left out: three characters may be found again in the escape of one of them.
    """
    around = "".join(one for one in "[]{}()<>~^" if one not in secret)
    redacted = knowing(secret).redact(f"{around}{_escape(secret, data)}{around}")
    assert redacted.replace("***", "") == around + around


@given(tricky_secrets, tricky_secrets, st.data())
def test_adjacent_secrets_are_both_redacted(one: str, other: str, data: st.DataObject) -> None:
    """Two adjacent secrets are both found, also if their escapes can be read as one."""
    echoes = [_escape(one, data), _escape(other, data)]
    redacted = knowing(one, other).redact("".join(echoes))
    assert not any(echo in redacted for echo in (one, other, *echoes))


SHAPES: dict[str, tuple[list[str], str]] = {
    "equal letters": (["a" * 7999 + end for end in "bcd"], "a" * 8000 + "%61"),
    "repeated prefixes": (["eyJhbGciOiJ9." * 600 + end for end in "bcd"], "eyJhbGciOiJ9." * 640 + r"\u0065"),
    "backslashes": (["\\" * 5000 + "b", "\\" * 8000], "\\" * 4000 + "a"),
    "percent of percent": (["%25%" * 2000 + "b", "%" * 8000 + "b", "%25" * 2500 + "b"], "%25" * 3000 + "a"),
    "entities": (["&" * 7000, "&amp;" * 1500 + "b"], "&amp;" * 2000 + "&" + "0" * 2000 + "&#" + "0" * 2000),
    "misread": (["é" * 4000 + "b", "Ã©" * 3000 + "b"], "Ã©" * 3000 + "a"),
    "plain": (["a" * 7999 + end for end in "bcd"], "a" * 7998 + "c"),
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@shapes
def test_search_is_linear(shape: tuple[list[str], str]) -> None:
    """Twice the text takes at most twice the steps, whatever is in it."""
    known, text = shape
    secrets = knowing(*known)
    once, twice = (_count_calls(secrets.redact, text * times) for times in (4, 8))
    assert twice <= 2 * once
    assert once <= 20 * 4 * len(text) + 200 * 1000 * len(known)


def _count_calls(read: Callable[[str], object], text: str) -> int:
    """Count the functions that are called, including Python's own: each loop calls one."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read(text)
    finally:
        sys.setprofile(before)
    return calls


@shapes
def test_search_of_many_similar_secrets_ends(shape: tuple[list[str], str]) -> None:
    """A name of 256 kB and similar tokens of 8,000 characters: a search that isn't linear takes an hour."""
    known, text = shape
    secrets = knowing(*(f"{one}{number}" for one, number in product(known, range(6))), "plain-secret")
    text *= 256_000 // len(text)
    assert "plain-secret" not in secrets.redact(f"{text} plain-secret")


def test_many_forms_of_a_character_take_no_more_time() -> None:
    """Entities may have any number of leading zeros, but the search knows few of these forms."""
    secrets = knowing("a" * 8_000)
    plain, odd = ("".join(f"&#{'0' * zeros}97;" for zeros in numbers) for numbers in ([0] * 700, range(700)))
    assert _count_calls(secrets.redact, odd) <= 10 * _count_calls(secrets.redact, plain)


def test_text_after_a_long_secret_is_hidden() -> None:
    """Of a long secret the first thousand characters are searched, and all text after them is hidden."""
    token = "".join(chr(ord("a") + number % 23) for number in range(8000))
    for echo in (token, quote(token[:1500]), json.dumps(f"{token[:1500]}\n")):
        assert knowing(token).redact(f"<{echo}>") in ("<***", '<"***')
    assert knowing(token).redact(f"<{token[:900]}>") == f"<{token[:900]}>"


@given(secrets_ | tricky_secrets, texts, st.integers(0, 30), st.data())
def test_cut_text_holds_no_half_of_a_secret(secret: str, before: str, most: int, data: st.DataObject) -> None:
    """A secret that starts before the cut is redacted whole; the text before it is as in the whole text."""
    echo = _escape(secret, data)
    whole, cut = (knowing(secret).redact(f"{before}{echo} {before}", most=one) for one in (None, most))
    assert whole.startswith(cut)
    assert echo not in cut


def test_quoted_text_is_searched_to_its_cut_only() -> None:
    """A text of any length is quoted as one short line, and searched only as far as a secret may go."""
    secrets = knowing("a-secret")
    assert secrets.quote(f"{'x' * 495}a-secret{'y' * 10}") == f"{'x' * 495}***..."
    assert secrets.quote("one\ntwo \x1b[2J a-secret") == "one two  [2J ***"
    text = "%74 " * 100_000
    assert _count_calls(secrets.quote, text) < _count_calls(secrets.redact, text) / 100


@pytest.mark.parametrize("at", range(-50, 3, 7))
def test_a_secret_between_two_parts_of_a_large_text_is_hidden(at: int) -> None:
    """A large text is read part by part, and a secret may begin in one and end in the next."""
    before = "x" * ((1 << 18) + at)
    for echo in (
        "a-secret",
        quote("a-secret").replace("e", "%65"),
        "".join(f"&#{ord(one)};" for one in "a-secret"),
    ):
        assert knowing("a-secret").redact(f"{before}{echo}y{echo}") == f"{before}***y***"


def test_search_takes_little_memory() -> None:
    """A report may have 64 MiB in one name: the memory of a search does not grow with it."""
    secrets, text = knowing("a" * 999 + "b", "%a" * 400), "a%61" * 300_000
    tracemalloc.start()
    try:
        assert secrets.redact(text) == text
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def test_secrets_of_closed_clients_are_freed() -> None:
    """Many clients, each with other secrets, leave no memory behind."""
    tracemalloc.start()
    try:
        _use_clients(3)
        before, _ = tracemalloc.get_traced_memory()
        _use_clients(50)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 50 * 1000


def _use_clients(count: int) -> None:
    for number in range(count):
        secrets = knowing(f"a-secret-of-{number:05}", f"Q2xpZW50OmEtc2VjcmV0LW9mLTAw{number:05}")
        secrets.add(f"a-token-of-{number:05}" * 3, is_token=True)
        assert secrets.redact(rf"a text \u0061 with a-secret-of-{number:05}" * 3).count("***") == 3
    gc.collect()


def test_text_shorter_than_a_secret_stays() -> None:
    """A text that is the secret is redacted; a part of the secret is not."""
    assert knowing("abc").redact("abc") == "***"
    assert knowing("abc").redact("ab") == "ab"


def test_longer_secret_leaves_no_rest() -> None:
    """If a secret starts with another one, it is redacted whole."""
    assert knowing("abc", "abcdef").redact("abcdef abcd") == "*** ***d"


@given(texts)
def test_text_without_secret_stays(text: str) -> None:
    """Text without a secret stays as it is, also if no secret is known."""
    assert knowing("a\0secret").redact(text) == text.replace("a\0secret", "***")
    assert knowing().redact(text) == text


def test_secret_with_a_lone_surrogate_is_redacted() -> None:
    """A secret that is no valid Unicode is redacted too."""
    assert knowing("a\ud800").redact(r"a\uD800") == "***"


def test_secret_on_one_line_is_redacted() -> None:
    """A secret may have a control character, which a message shows as a blank."""
    secret = "\x01a\tsecret\x9b with\u2028all"
    assert knowing(secret).redact(one_line(f"<{secret}>")) == "<***>"


def test_on_secret_gets_each_secret_once() -> None:
    """The caller gets every new secret once, in its plain form."""
    masked: list[str] = []
    secrets = Secrets(masked.append)
    for secret in ("one", "two", "one"):
        secrets.add(secret)
    assert masked == ["one", "two"]


def test_secret_that_is_added_again_is_kept_once() -> None:
    """A proxy's password is added at each request: the thousandth time costs no more than the second."""
    secrets = knowing("for-good")
    second = _count_calls(secrets.add, "for-good")
    for _ in range(1000):
        secrets.add("for-good")
    assert _count_calls(secrets.add, "for-good") == second


def test_last_sixteen_tokens_are_kept() -> None:
    """The last sixteen tokens are redacted, because memory is bounded; other secrets always are."""
    secrets = knowing("for-good")
    for number in range(20):
        secrets.add(f"token-{number:03}", is_token=True)
    shown = secrets.redact(" ".join(["for-good", *(f"token-{number:03}" for number in range(20))]))
    assert shown == " ".join(["***", *(f"token-{number:03}" for number in range(4)), *["***"] * 16])


def test_repeated_token_counts_as_the_newest() -> None:
    """A token that a server gives again is redacted as long as a new one, and masked once."""
    masked: list[str] = []
    secrets = Secrets(masked.append)
    for number in (*range(16), 0, 16):
        secrets.add(f"token-{number:03}", is_token=True)
    assert secrets.redact("token-000 token-001 token-016") == "*** token-001 ***"
    assert masked == [f"token-{number:03}" for number in range(17)]


def test_error_without_secrets_keeps_class_and_parts() -> None:
    """An error's secrets are redacted in each part; its class, its lines and its wait stay."""
    error = EvplRateLimitError("no a-secret", "wait\nfor a-secret", "x" * 600, retry_after_seconds=7)
    safe = knowing("a-secret").redact_error(error)
    assert type(safe) is EvplRateLimitError
    assert safe is not error
    assert (safe.what, safe.next_step, safe.detail) == ("no ***", "wait\nfor ***", "x" * 500 + "...")
    assert safe.retry_after_seconds == 7


def test_config_error_without_secrets_has_none_in_its_attributes() -> None:
    """The texts that the error shows are dropped."""
    safe = knowing("a-secret").redact_error(EvplConfigError("no a-secret", shown=["a-secret"]))
    assert (str(safe), safe.shown) == ("no ***", ())


@pytest.mark.parametrize("echo", [str, quote, lambda text: b64encode(text.encode()).decode()])
def test_secret_in_names_is_found(echo: Callable[[str], str]) -> None:
    """A secret of six characters or more is found in names, however it is escaped; a shorter one isn't."""
    assert knowing("s3cr+t").is_in_names(f"plain\n{'x' * (1 << 18)} {echo('s3cr+t')}")
    assert not knowing("s3cr+t").is_in_names("plain\ns3cr+")
    assert not knowing("s3cr+").is_in_names(echo("s3cr+"))


@given(st.binary(min_size=6, max_size=30))
def test_base64_of_a_secret_is_redacted(secret: bytes) -> None:
    """A secret in base64 is redacted, with its padding or without."""
    text = secret.decode("latin-1")
    encoded = b64encode(text.encode()).decode()
    assert knowing(text).redact(f"<{encoded}>").rstrip("=>") == "<***"
    assert knowing(text).redact(f"<{encoded.rstrip('=')}>") == "<***>"


def test_beginning_of_a_secret_is_no_secret() -> None:
    """An echo that is cut off, or of a token that starts alike, stays, and is searched in one pass."""
    secret = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\xe9" * 3
    secrets = knowing(secret)
    assert all(secrets.redact(secret[:end] + "!") == secret[:end] + "!" for end in range(len(secret)))
    assert secrets.redact(secret[:60] + secret) == secret[:60] + "***"
