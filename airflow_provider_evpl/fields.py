"""Readers of single settings, as forms, URIs and templates give them: often as text."""

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from numbers import Number
from typing import TypeVar
from unicodedata import category

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.escapes import Reading

__all__ = [
    "DURATION_UNITS",
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "guarded",
    "is_given",
    "name_of",
    "name_some",
    "one_line",
    "quoted",
    "read_boolean",
    "read_choice",
    "read_duration",
    "read_number",
    "read_text",
    "read_whole_number",
    "shows",
    "text_of",
    "wrong",
]

_T = TypeVar("_T")
LONGEST_NAME = 200
"""How many characters of a name a message shows."""

LONGEST_TEXT = 500
"""How many characters of any other text from outside a message shows."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's categories
_MOST_NAMED = 5
_MOST_SHOWN = 5  # characters of a secret
_HIDDEN = "a field or an argument is wrong; the message is not shown, because it holds the client secret"
DURATION_UNITS = {"s": timedelta(seconds=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST = timedelta(days=36_500)  # keeps every sum inside what a datetime can say
_DURATION = re.compile(r"0*(\d{1,9})([shd])", re.ASCII)
_TIMEDELTA = re.compile(r"(?:(\d{1,9}) days?, )?(\d|1\d|2[0-3]):([0-5]\d):([0-5]\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def is_given(value: object) -> bool:
    """Whether a setting is there at all: neither null nor blank text."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def text_of(value: object) -> object:
    """Return a number, a date, a moment or a duration as text.

    This is the text that a template renders. Durations of pendulum and pandas are the exception: they become
    the text of a `timedelta`. A lazy proxy, as in Airflow's context, stands for its value. A value of another
    type is returned as it is.
    """
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, timedelta) and type(value) is not timedelta and not getattr(value, "nanoseconds", 0):
        # Their own text has another form. Nanoseconds, which only pandas has, would be lost here.
        value = timedelta(seconds=value.total_seconds())
    return str(value) if isinstance(value, Number | date | timedelta) else value


def read_text(value: object, field: str) -> str:
    """Read text, without surrounding blanks.

    Raises:
        EvplConfigError: it is no text. The value isn't shown: it may be a secret in the wrong
            place.
    """
    if not isinstance(value, str):
        raise EvplConfigError(f"{field}: must be text, is {type(value).__name__}")
    if any(map(_is_surrogate, value)):
        raise EvplConfigError(f"{field}: holds half of a character (a lone surrogate)")
    return value.strip()


def one_line(text: object, most: int = LONGEST_TEXT) -> str:
    """Show a text from outside in a message: on one line, and cut.

    What breaks a line, steers a terminal or is invisible becomes a blank: control characters, line and
    paragraph separators, marks of the direction of writing, characters of no width, halves of characters.

    Args:
        text: whatever others say: an API, a library, a footer, a name, a field of a connection.
        most: the longest text that is shown whole, in characters.
    """
    whole = str(text)
    shown = whole[:most]
    if not shown.isprintable():
        shown = re.sub(r"\n+", " ", "".join("\n" if category(one) in _INVISIBLE else one for one in shown))
    return shown if len(whole) <= most else f"{shown}..."


def quoted(value: object) -> str:
    """Show the value of a field or an argument in a message: as Python writes it, cut."""
    return one_line(repr(value), LONGEST_NAME)


def name_of(*texts: str | None, most: int = LONGEST_NAME) -> str:
    """Join the texts of a name on one line, for a message in which secrets are searched later.

    A name of more characters is counted, not cut: a half of a secret would not be recognised as one.
    """
    text = " ".join(filter(None, texts))
    return one_line(text) if len(text) <= most else f"a name of {len(text):,} characters"


def name_some(texts: Sequence[str]) -> str:
    """Name the first five texts, and the number of the others: `a, b, c, d, e and 7 more`."""
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def wrong(must: str, value: object) -> EvplConfigError:
    """Make the error of a wrong value.

    Args:
        must: names the field and says what it must be.
        value: is shown on one line, and cut.
    """
    return EvplConfigError(f"{must}, is {quoted(value)}", without_value=f"{must}, is ***")


def guarded(read: Callable[[], _T], secret: str | None) -> _T:
    """Return what a reader of fields or arguments returns.

    Args:
        read: raises EvplConfigError where one of them is wrong.
        secret: somebody may have put it into the wrong field: then the error doesn't show the value.

    Raises:
        EvplConfigError: as the reader does. Where a value is hidden, the error has no cause and no context,
            because tracebacks show them.
    """
    try:
        return read()
    except EvplConfigError as error:
        raised = error
    if not shows(str(raised), secret):
        raise raised
    raise EvplConfigError(_HIDDEN if shows(raised.without_value, secret) else raised.without_value)


def shows(text: str, secret: str | None) -> bool:
    """Whether a text has a secret, or more than five characters of it in a row, however they are escaped.

    Args:
        text: to be shown.
        secret: as it was given; blanks around it don't count. None, or blank, is no secret.
    """
    whole = (secret or "").strip()
    pieces = {whole[at : at + _MOST_SHOWN + 1] for at in range(max(1, len(whole) - _MOST_SHOWN))}
    reading = Reading(text)
    return any(any(reading.find(piece)) for piece in pieces if piece)


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def read_choice(value: object, field: str, choices: tuple[str, ...]) -> str:
    """Read one of a few words.

    Raises:
        EvplConfigError: it is none of them.
    """
    text = read_text(value, field)
    if text not in choices:
        raise wrong(f"{field}: must be one of {', '.join(choices)}", text)
    return text


def read_boolean(value: object, field: str) -> bool:
    """Read a boolean, or `true` or `false` as text in any case.

    Raises:
        EvplConfigError: it is neither. A value of more than five characters isn't shown: it may be a secret
            in the wrong place, and some booleans are read before the secret is known.
    """
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else None
    if text not in ("true", "false"):
        must = f"{field}: must be true or false"
        raise wrong(must, value) if len(str(value)) <= _MOST_SHOWN else EvplConfigError(must)
    return text == "true"


def read_number(value: object, field: str, within: tuple[float, float], *, above: bool = False) -> float:
    """Read a finite number within bounds, both included; with `above` the lower one excluded.

    Raises:
        EvplConfigError: it is no number, or out of bounds.
    """
    low, high = within
    number = _as_number(value)
    if number is None or not (low < number if above else low <= number) or number > high:
        bounds = f"{'above' if above else 'from'} {low:g}" + ("" if math.isinf(high) else f" to {high:g}")
        raise wrong(f"{field}: must be a number {bounds}", value)
    return number


def read_whole_number(value: object, field: str, within: tuple[float, float]) -> int:
    """Read a whole number within bounds, both included.

    Raises:
        EvplConfigError: it is no whole number, or out of bounds.
    """
    number = read_number(value, field, within)
    if number % 1:
        raise wrong(f"{field}: must be a whole number", value)
    return int(number)


def _as_number(value: object) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value) if math.isfinite(value) else None
    return None


def read_duration(value: object, field: str) -> timedelta:
    """Read a length of time, up to a century: a timedelta of whole seconds, or text like `300s`, `1h`, `2d`.

    A timedelta may be of any class, and may be text as Python writes one: `1 day, 0:00:00`.

    Raises:
        EvplConfigError: it has another form; a bare number, whose unit nobody knows, is one.
    """
    text = text_of(value)
    length = _parse_duration(text.strip()) if isinstance(text, str) else None
    if length is None or length > _LONGEST:
        raise wrong(f"{field}: must be a timedelta of whole seconds or text like 300s, 1h, 2d", text)
    return length


def _parse_duration(text: str) -> timedelta | None:
    if match := _DURATION.fullmatch(text):
        return int(match[1]) * DURATION_UNITS[match[2]]
    if match := _TIMEDELTA.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return timedelta(days, hours=hours, minutes=minutes, seconds=seconds)
    return None
