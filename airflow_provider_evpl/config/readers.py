"""Readers of single settings, as forms, URIs and templates give them: often as text."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from numbers import Number
from typing import Protocol, TypeVar

from airflow_provider_evpl.errors import EvplConfigError, wrong
from airflow_provider_evpl.escapes import Reading
from airflow_provider_evpl.window import DURATION_UNITS, EPOCH, Granularity, to_utc

__all__ = [
    "FIVE_MINUTES",
    "Templated",
    "given_arguments",
    "given_fields",
    "guarded",
    "is_given",
    "read_boolean",
    "read_choice",
    "read_code_ope",
    "read_duration",
    "read_granularity",
    "read_length",
    "read_min_series",
    "read_moment",
    "read_name",
    "read_number",
    "read_text",
    "read_whole_number",
    "shows",
    "text_of",
]


_FRACTION = re.compile(r"[.,]\d*[1-9]", re.ASCII)


_T = TypeVar("_T")


_MOST_SHOWN = 5  # characters of a secret
_HIDDEN = "a field or an argument is wrong; the message is not shown, because it holds the client secret"
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


def read_moment(value: object, field: str) -> datetime:
    """Read a moment since 1970: a datetime with a zone, ISO 8601 with one, or a bare date (midnight UTC).

    Raises:
        EvplConfigError: it has another form, no zone, or a fraction of a second other than zero.
    """
    text = text_of(value)
    moment = _parse_moment(text.strip()) if isinstance(text, str) else None
    if moment is None or moment.tzinfo is None or moment < EPOCH:
        raise wrong(
            f"{field}: must be a moment in whole seconds with a zone, like 2026-11-22T00:00:00Z, "
            "or a date, like 2026-11-22",
            text,
        )
    try:
        return to_utc(moment)
    except OverflowError:
        raise wrong(f"{field}: lies outside of what dates can say", text) from None


def _parse_moment(text: str) -> datetime | None:
    if _FRACTION.search(text):
        return None
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    return None


FIVE_MINUTES = Granularity("300s")
_MOST_SERIES = 1_000_000  # 15,000 circuits have 60,000; a look keeps them until there are enough


class Templated(Protocol):
    """A task whose arguments are template fields, rendered."""

    template_fields: Sequence[str]


def given_fields(task: Templated) -> dict[str, object]:
    """Return the arguments of a task that are given, as `given_arguments` does."""
    return given_arguments({name: getattr(task, name) for name in task.template_fields})


def given_arguments(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments that are given, as text: so native templates give the same as templates of text.

    None, the text `None` and blank text are "not given". A value of another type, like a list, stays as it
    is: its reader refuses it.
    """
    texts = {name: text_of(value) for name, value in arguments.items()}
    return {name: text for name, text in texts.items() if str(text).strip() not in ("", "None")}


def read_name(given: Mapping[str, object], field: str) -> str | None:
    """Read an argument that is text; None where it isn't given.

    Raises:
        EvplConfigError: it is no text.
    """
    return read_text(given[field], field) if field in given else None


def read_code_ope(given: Mapping[str, object], default: str | None) -> str:
    """Read `code_ope`.

    Args:
        given: the arguments.
        default: the connection's.

    Raises:
        EvplConfigError: it is given nowhere, or is no text.
    """
    value = given.get("code_ope", default)
    if value is None:
        raise EvplConfigError(
            "code_ope: set the operator's argument or the connection's extra; it is on Orange's invoice"
        )
    return read_text(value, "code_ope")


def read_granularity(value: object, field: str) -> Granularity:
    """Read a granularity.

    Raises:
        EvplConfigError: it is no text, or of another form.
    """
    return Granularity(read_text(value, field))


def read_min_series(given: Mapping[str, object]) -> int:
    """Read `min_series`.

    Raises:
        EvplConfigError: it isn't given, or is no whole number from 1 to a million.
    """
    if "min_series" not in given:
        raise EvplConfigError("min_series: must be set, to the number of series to wait for")
    return read_whole_number(given["min_series"], "min_series", (1, _MOST_SERIES))


def read_length(given: Mapping[str, object], field: str) -> timedelta | None:
    """Read a length of time above zero; None where it isn't given.

    Raises:
        EvplConfigError: it has another form, or is zero.
    """
    if field not in given:
        return None
    length = read_duration(given[field], field)
    if not length:
        raise EvplConfigError(f"{field}: must be above zero")
    return length
