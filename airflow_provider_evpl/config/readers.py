"""Readers of single fields and arguments: forms, URIs and templates often give them as text.

A reader raises EvplConfigError if the value is wrong. The message starts with the name of the field.
"""

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from numbers import Number
from typing import Any, TypeVar

from airflow_provider_evpl.errors import EvplConfigError, wrong
from airflow_provider_evpl.escapes import Reading
from airflow_provider_evpl.window import DURATION_UNITS, EPOCH, to_utc

__all__ = [
    "guarded",
    "is_given",
    "parse_json",
    "read_boolean",
    "read_choice",
    "read_codes",
    "read_duration",
    "read_moment",
    "read_number",
    "read_text",
    "read_whole_number",
    "shows",
    "text_of",
]

_T = TypeVar("_T")

# Characters of a secret that a message may show.
_MAX_SHOWN = 5
# Keeps the sum of a date and a duration inside the range of dates.
_MAX_DURATION = timedelta(days=36_500)
_DURATION = re.compile(r"0*(\d{1,9})([shd])", re.ASCII)
_TIMEDELTA = re.compile(r"(?:(\d{1,9}) days?, )?(\d|1\d|2[0-3]):([0-5]\d):([0-5]\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FRACTION = re.compile(r"[.,]\d*[1-9]", re.ASCII)


def is_given(value: object) -> bool:
    """Return whether a field has a value: neither null nor blank text."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def text_of(value: object) -> object:
    """Return a number, a date, a moment or a duration as text.

    This is the text that a template renders. Durations of pendulum and pandas are the exception: they become
    the text of a `timedelta`. A lazy proxy, as in Airflow's context, stands for its value. A value of another
    type is returned unchanged.
    """
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, timedelta) and type(value) is not timedelta and not getattr(value, "nanoseconds", 0):
        # Their own text has another form. Nanoseconds, which only pandas has, would be lost here.
        value = timedelta(seconds=value.total_seconds())
    return str(value) if isinstance(value, Number | date | timedelta) else value


def guarded(read: Callable[[], _T], secret: str | None, next_step: str = "Correct this argument.") -> _T:
    """Return the result of a reader of fields or arguments; an error of the reader never shows a secret.

    Args:
        read: raises EvplConfigError if a field or an argument is wrong.
        secret: the client secret. If it is in the wrong field, the error does not show its values.
        next_step: what to do, for an error that does not say so.

    Raises:
        EvplConfigError: as the reader does, or a date is outside of what Python can hold. The error has
            neither cause nor context, because tracebacks show those.
    """
    try:
        return read()
    except EvplConfigError as error:
        raised = error.with_next_step(next_step)
    except OverflowError:
        raised = EvplConfigError("A date is outside of the years 1 to 9999.", next_step)
    raise raised.without_shown() if any(shows(one, secret) for one in raised.shown) else raised


def shows(text: str, secret: str | None) -> bool:
    """Return whether a text has a secret, or six of its characters in a row, in any escaped form."""
    whole = (secret or "").strip()
    pieces = {whole[at : at + _MAX_SHOWN + 1] for at in range(max(1, len(whole) - _MAX_SHOWN))}
    reading = Reading(text)
    return any(any(reading.find(piece)) for piece in pieces if piece)


def read_text(value: object, field: str) -> str:
    """Read text, without surrounding blanks.

    The error does not show the value, because it may be a secret in the wrong place.
    """
    if not isinstance(value, str):
        raise EvplConfigError(f"{field}: must be text, but is {type(value).__name__}.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise EvplConfigError(f"{field}: has an invalid character (a lone surrogate).")
    return value.strip()


def read_choice(value: object, field: str, choices: tuple[str, ...]) -> str:
    """Read one of a few words."""
    text = read_text(value, field)
    if text not in choices:
        raise wrong(f"{field}: must be one of {', '.join(choices)}", text)
    return text


def read_codes(value: object, field: str) -> tuple[str, ...]:
    """Read operator codes: a code, codes with commas between them, or a list, also as JSON text."""
    if isinstance(value, str):
        value = parse_json(value, field) if value.strip().startswith("[") else value.split(",")
    codes = [read_text(code, field) for code in value] if isinstance(value, list | tuple) else []
    if not codes or not all(codes):
        raise wrong(f"{field}: must be operator codes with commas between them", value)
    return tuple(dict.fromkeys(codes))


def parse_json(text: str, field: str) -> Any:  # noqa: ANN401 whatever the JSON holds
    """Read a text that must be JSON."""
    try:
        return json.loads(text)
    except ValueError:
        raise wrong(f"{field}: must be JSON", text) from None


def read_boolean(value: object, field: str) -> bool:
    """Read a boolean, or the text `true` or `false` in any case.

    The error does not show a value of more than five characters, because it may be a secret in the wrong
    place, and some booleans are read before the secret is known.
    """
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else None
    if text not in ("true", "false"):
        must = f"{field}: must be true or false"
        raise wrong(must, value) if len(str(value)) <= _MAX_SHOWN else EvplConfigError(f"{must}.")
    return text == "true"


def read_number(value: object, field: str, within: tuple[float, float], *, above: bool = False) -> float:
    """Read a finite number, or text that is one, within bounds; `above` excludes the lower bound."""
    low, high = within
    number = _as_number(value)
    if number is None or not (low < number if above else low <= number) or number > high:
        bounds = f"{'above' if above else 'from'} {low:,}" + ("" if math.isinf(high) else f" up to {high:,}")
        raise wrong(f"{field}: must be a number {bounds}", value)
    return number


def read_whole_number(value: object, field: str, within: tuple[float, float]) -> int:
    """Read a whole number within bounds, both included."""
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
    """Read a duration of up to 100 years: a `timedelta` of whole seconds, or text like `300s`, `1h`, `2d`.

    A `timedelta` may be of any class, and may be text as Python writes it: `1 day, 0:00:00`. A bare number is
    an error, because its unit is unknown.
    """
    text = text_of(value)
    length = _parse_duration(text.strip()) if isinstance(text, str) else None
    if length is None or length > _MAX_DURATION:
        raise wrong(
            f"{field}: must be like 300s, 1h or 2d",
            text,
            "Write it as text with s, h or d, or as a timedelta of whole seconds.",
        )
    return length


def _parse_duration(text: str) -> timedelta | None:
    if match := _DURATION.fullmatch(text):
        return int(match[1]) * DURATION_UNITS[match[2]]
    if match := _TIMEDELTA.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return timedelta(days, hours=hours, minutes=minutes, seconds=seconds)
    return None


def read_moment(value: object, field: str) -> datetime:
    """Read a moment since 1970: a datetime with a zone, ISO 8601 with a zone, or a date (midnight UTC)."""
    text = text_of(value)
    moment = _parse_moment(text.strip()) if isinstance(text, str) else None
    if moment is None:
        raise wrong(
            f"{field}: must be a date, or a time with a zone",
            text,
            "Write it like 2026-11-22 or 2026-11-22T00:00:00Z, in whole seconds.",
        )
    return moment


def _parse_moment(text: str) -> datetime | None:
    if _FRACTION.search(text):
        return None
    moment = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
    with suppress(ValueError):
        moment = datetime.combine(date.fromisoformat(text), time(), UTC)
    if moment is None or moment.tzinfo is None or moment < EPOCH:
        return None
    with suppress(OverflowError):
        return to_utc(moment)
    return None
