import gc
import html
import json
import sys
import tracemalloc
from collections.abc import Callable
from itertools import product
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.errors import one_line
from tests.support.api import ECHOES, SECRET

secrets_ = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=1)
texts = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]))
MARKS = r"%&\+#;ux0124af é" + "Ã©\x83\n"  # what escapes are made of
tricky_secrets = st.text(st.sampled_from(MARKS), min_size=1, max_size=12)
tricky_texts = st.text(st.sampled_from(MARKS), max_size=12)


def knowing(*known: str) -> Secrets:
    """Secrets that tell nobody."""
    secrets = Secrets(lambda _: None)
    for secret in known:
        secrets.add(secret)
    return secrets


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_every_escape_is_blotted(echo: Callable[[str], str]) -> None:
    """A secret is hidden in whichever way a server escapes it, and nothing around it is."""
    assert knowing(SECRET).redact(f"<b>{echo(SECRET)}</b>") == "<b>***</b>"


@given(secrets_, texts, texts, st.sampled_from(sorted(ECHOES)))
def test_blot_leaves_no_secret(secret: str, before: str, after: str, form: str) -> None:
    """Whatever the secret and the text around it, neither it nor its escaped form is left."""
    echo = ECHOES[form](secret)
    redacted = knowing(secret).redact(before + echo + after)
    assert secret not in redacted
    assert echo not in redacted
    assert "***" in redacted


@given(st.lists(secrets_, min_size=1), st.data())
def test_none_of_many_is_left(known: list[str], data: st.DataObject) -> None:
    """Of secrets that overlap or hold each other none is left."""
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
def test_a_secret_is_hidden_however_each_character_is_escaped(
    secret: str, before: str, after: str, data: st.DataObject
) -> None:
    """Each character may have another form, and the text around may be made of halves of escapes."""
    echo = _escape(secret, data)
    redacted = knowing(secret).redact(before + echo + after)
    assert echo not in redacted
    assert secret not in redacted
    assert "***" in redacted


@given(secrets_.filter(lambda secret: len(secret) >= 4), st.data())
def test_only_a_secret_is_hidden(secret: str, data: st.DataObject) -> None:
    """Nothing is left of it, and all around it stays, where that is no part of an escape or of the secret.

    A secret of three characters may be found again in the escape of one of them.
    """
    around = "".join(one for one in "[]{}()<>~^" if one not in secret)
    redacted = knowing(secret).redact(f"{around}{_escape(secret, data)}{around}")
    assert redacted.replace("***", "") == around + around


@given(tricky_secrets, tricky_secrets, st.data())
def test_two_secrets_side_by_side_are_hidden(one: str, other: str, data: st.DataObject) -> None:
    """Each is found, also where their escapes can be read as one."""
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
def test_the_work_grows_with_the_text(shape: tuple[list[str], str]) -> None:
    """Twice the text takes at most twice the steps, whatever is in it: each step reads it once."""
    known, text = shape
    secrets = knowing(*known)
    once, twice = (_count_calls(secrets.redact, text * times) for times in (4, 8))
    assert twice <= 2 * once
    assert once <= 20 * 4 * len(text) + 200 * 1000 * len(known)


def _count_calls(read: Callable[[str], object], text: str) -> int:
    """Count the functions that are called, Python's own among them: each loop has one."""
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
def test_a_text_that_nearly_is_many_secrets_is_read(shape: tuple[list[str], str]) -> None:
    """A name of 256 kB and many tokens of 8,000 characters, made for each other: else this takes an hour."""
    known, text = shape
    secrets = knowing(*(f"{one}{number}" for one, number in product(known, range(6))), "plain-secret")
    text *= 256_000 // len(text)
    assert "plain-secret" not in secrets.redact(f"{text} plain-secret")


def test_a_character_in_a_thousand_forms_is_read() -> None:
    """Entities may have any number of leading zeros, but the search looks for few of these forms."""
    secrets = knowing("a" * 8_000)
    plain, odd = ("".join(f"&#{'0' * zeros}97;" for zeros in numbers) for numbers in ([0] * 700, range(700)))
    assert _count_calls(secrets.redact, odd) <= 10 * _count_calls(secrets.redact, plain)


def test_the_end_of_a_long_secret_is_hidden() -> None:
    """Of a long one the first thousand characters are searched: all after them is hidden, half of it too."""
    token = "".join(chr(ord("a") + number % 23) for number in range(8000))
    for echo in (token, quote(token[:1500]), json.dumps(f"{token[:1500]}\n")):
        assert knowing(token).redact(f"<{echo}>") in ("<***", '<"***')
    assert knowing(token).redact(f"<{token[:900]}>") == f"<{token[:900]}>"


@given(secrets_ | tricky_secrets, texts, st.integers(0, 30), st.data())
def test_a_cut_text_holds_no_half_of_a_secret(
    secret: str, before: str, most: int, data: st.DataObject
) -> None:
    """A secret that begins before the cut is hidden whole; all before it is as in the whole text."""
    echo = _escape(secret, data)
    whole, cut = (knowing(secret).redact(f"{before}{echo} {before}", most=one) for one in (None, most))
    assert whole.startswith(cut)
    assert echo not in cut


def test_what_others_say_is_cut_before_it_is_searched() -> None:
    """A text of any length is shown as one short line, and read only as far as a secret may go."""
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


def test_the_search_takes_little_memory() -> None:
    """A report may have 64 MiB in one name: what a search takes for itself does not grow with that."""
    secrets, text = knowing("a" * 999 + "b", "%a" * 400), "a%61" * 300_000
    tracemalloc.start()
    try:
        assert secrets.redact(text) == text
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def test_nothing_is_kept_of_clients_that_are_gone() -> None:
    """Each of many clients has other secrets: what was made to find them goes with them."""
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
        secrets.add(f"a-token-of-{number:05}" * 3, passes=True)
        assert secrets.redact(rf"a text \u0061 with a-secret-of-{number:05}" * 3).count("***") == 3
    gc.collect()


def test_a_text_that_is_a_secret_is_hidden() -> None:
    """Nothing but the secret is as long as it; what is shorter isn't it."""
    assert knowing("abc").redact("abc") == "***"
    assert knowing("abc").redact("ab") == "ab"


def test_the_longest_goes_first() -> None:
    """Where a secret begins with another one, no rest of it is left."""
    assert knowing("abc", "abcdef").redact("abcdef abcd") == "*** ***d"


@given(texts)
def test_other_text_stays(text: str) -> None:
    """Text without a secret stays as it is; also where no secret is known."""
    assert knowing("a\0secret").redact(text) == text.replace("a\0secret", "***")
    assert knowing().redact(text) == text


def test_a_lone_surrogate_is_blotted() -> None:
    """Even a secret that is no valid Unicode is hidden."""
    assert knowing("a\ud800").redact(r"a\uD800") == "***"


def test_a_secret_is_hidden_in_a_text_that_was_put_on_one_line() -> None:
    """A secret may have a control character, which a message shows as a blank."""
    secret = "\x01a\tsecret\x9b with\u2028all"
    assert knowing(secret).redact(one_line(f"<{secret}>")) == "<***>"


def test_each_secret_is_told_once() -> None:
    """The caller hears of every new secret, once, in its plain form."""
    told: list[str] = []
    secrets = Secrets(told.append)
    for secret in ("one", "two", "one"):
        secrets.add(secret)
    assert told == ["one", "two"]


def test_a_secret_that_is_added_at_each_request_is_kept_once() -> None:
    """A proxy's password is: the thousandth time costs no more than the second."""
    secrets = knowing("for-good")
    second = _count_calls(secrets.add, "for-good")
    for _ in range(1000):
        secrets.add("for-good")
    assert _count_calls(secrets.add, "for-good") == second


def test_only_the_last_tokens_are_kept() -> None:
    """Of secrets that pass the last sixteen are hidden, so that memory has a bound; the others always are."""
    secrets = knowing("for-good")
    for number in range(20):
        secrets.add(f"token-{number:03}", passes=True)
    shown = secrets.redact(" ".join(["for-good", *(f"token-{number:03}" for number in range(20))]))
    assert shown == " ".join(["***", *(f"token-{number:03}" for number in range(4)), *["***"] * 16])


def test_a_token_that_is_given_again_is_the_last() -> None:
    """A server may give a token it gave before: it is hidden as long as a new one, and told once."""
    told: list[str] = []
    secrets = Secrets(told.append)
    for number in (*range(16), 0, 16):
        secrets.add(f"token-{number:03}", passes=True)
    assert secrets.redact("token-000 token-001 token-016") == "*** token-001 ***"
    assert told == [f"token-{number:03}" for number in range(17)]


def test_a_pattern_is_made_once_and_forgotten_with_its_token() -> None:
    """What passes leaves nothing behind, what stays is not made anew."""
    secrets = knowing("for-good")
    secrets.add("token", passes=True)
    assert secrets.redact("for-good token") == "*** ***"
    for number in range(16):
        secrets.add(f"token-{number:03}", passes=True)
    assert secrets.redact("for-good token, token-000") == "*** token, ***"


def test_a_beginning_of_a_secret_costs_no_more_than_the_text() -> None:
    """An echo that is cut off, or of a token that begins alike, is read in one go: else this never ends."""
    secret = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\xe9" * 3
    secrets = knowing(secret)
    assert all(secrets.redact(secret[:end] + "!") == secret[:end] + "!" for end in range(len(secret)))
    assert secrets.redact(secret[:60] + secret) == secret[:60] + "***"
