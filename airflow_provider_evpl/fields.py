"""Readers of single settings, as forms, URIs and templates give them: often as text."""

import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from numbers import Number

from airflow_provider_evpl.errors import EvplConfigError

__all__ = [
    "DURATION_UNITS",
    "is_argument_given",
    "is_given",
    "name_of",
    "name_some",
    "one_line",
    "read_boolean",
    "read_choice",
    "read_duration",
    "read_number",
    "read_text",
    "read_whole_number",
    "text_of",
]

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MOST_NAMED = 5
_LONGEST_NAME = 200
DURATION_UNITS = {"s": timedelta(seconds=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST = timedelta(days=36_500)  # keeps every sum inside what a datetime can say
_DURATION = re.compile(r"0*(\d{1,9})([shd])", re.ASCII)
_TIMEDELTA = re.compile(r"(?:(\d{1,9}) days?, )?(\d|1\d|2[0-3]):([0-5]\d):([0-5]\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def is_given(value: object) -> bool:
    """Whether a setting is there at all: neither null nor blank text."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def is_argument_given(value: object) -> bool:
    """Whether an operator's argument is there: templates render an absent one to `None`, or to nothing."""
    return str(value).strip() not in ("", "None")


def text_of(value: object) -> object:
    """Return the text that a template renders a value to: a number, a date, a moment or a duration.

    A lazy proxy, as Airflow's context has some, stands for its value. A value of another type is returned as
    it is.
    """
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, timedelta) and type(value) is not timedelta and not getattr(value, "nanoseconds", 0):
        # The text of pendulum's and pandas' classes is another. Only pandas has nanoseconds.
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


def one_line(text: str) -> str:
    """Replace control characters, so that what others say never looks like a log line of ours."""
    return _CONTROL_CHARACTERS.sub(" ", text)


def name_of(texts: Iterable[str | None]) -> str:
    """Join the texts of a name on one line.

    A name of more than 200 characters is counted, not cut: a half of a secret would not be recognised as one.
    """
    text = one_line(" ".join(filter(None, texts)))
    return text if len(text) <= _LONGEST_NAME else f"a name of {len(text):,} characters"


def name_some(texts: Sequence[str]) -> str:
    """Name the first five texts, and the number of the others: `a, b, c, d, e and 7 more`."""
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def read_choice(value: object, field: str, choices: tuple[str, ...]) -> str:
    """Read one of a few words.

    Raises:
        EvplConfigError: it is none of them.
    """
    text = read_text(value, field)
    if text not in choices:
        raise EvplConfigError(f"{field}: must be one of {', '.join(choices)}, is {text!r}")
    return text


def read_boolean(value: object, field: str) -> bool:
    """Read a boolean, or `true` or `false` as text in any case.

    Raises:
        EvplConfigError: it is neither.
    """
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else None
    if text not in ("true", "false"):
        raise EvplConfigError(f"{field}: must be true or false, is {value!r}")
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
        raise EvplConfigError(f"{field}: must be a number {bounds}, is {value!r}")
    return number


def read_whole_number(value: object, field: str, within: tuple[float, float]) -> int:
    """Read a whole number within bounds, both included.

    Raises:
        EvplConfigError: it is no whole number, or out of bounds.
    """
    number = read_number(value, field, within)
    if number % 1:
        raise EvplConfigError(f"{field}: must be a whole number, is {value!r}")
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
        raise EvplConfigError(
            f"{field}: must be a timedelta of whole seconds or text like 300s, 1h, 2d; is {text!r}"
        )
    return length


def _parse_duration(text: str) -> timedelta | None:
    if match := _DURATION.fullmatch(text):
        return int(match[1]) * DURATION_UNITS[match[2]]
    if match := _TIMEDELTA.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return timedelta(days, hours=hours, minutes=minutes, seconds=seconds)
    return None
