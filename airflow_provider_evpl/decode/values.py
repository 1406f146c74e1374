"""The rules for single values and timestamps: what counts as one, and what is odd."""

import math
import re
import struct
from array import array
from collections.abc import Sequence
from datetime import datetime

from airflow_provider_evpl.models import NO_ZONE
from airflow_provider_evpl.window import EPOCH, microseconds

__all__ = ["InvalidValueError", "Timestamps", "pack", "read_value", "read_values"]


_MOST_TIMESTAMPS = 110_000  # a year of 5 minutes: a bound for memory
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d)(?:(:\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


class InvalidValueError(Exception):
    """A sample or an entry can't be read; the argument says why. Never leaves `records`."""


class Timestamps(dict[str, int]):
    """Texts and their microseconds since the epoch, read once each: all series of a window share their grid.

    Args:
        naive_is_utc: take a timestamp without zone as UTC; else it is odd.
    """

    def __init__(self, *, naive_is_utc: bool) -> None:
        self._naive_is_utc = naive_is_utc

    def __missing__(self, text: str) -> int:
        """Read a text that wasn't met before; raises InvalidValueError where it is none of ISO 8601."""
        if len(self) >= _MOST_TIMESTAMPS:
            self.clear()
        self[text] = _read_timestamp(text, naive_is_utc=self._naive_is_utc)
        return self[text]


def _read_timestamp(text: str, *, naive_is_utc: bool) -> int:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise InvalidValueError("timeStamp is not ISO 8601")
    minutes, seconds, digits, zone = match.groups()
    if zone is None and not naive_is_utc:
        raise InvalidValueError(NO_ZONE)
    fraction = (digits or "").ljust(9, "0")
    if fraction[6:] != "000":
        raise InvalidValueError("timeStamp has digits below a microsecond")
    try:
        moment = datetime.fromisoformat(minutes + (seconds or "") + (zone or "Z"))
    except ValueError:
        raise InvalidValueError("timeStamp is no date and time") from None
    return microseconds(moment - EPOCH) + int(fraction[:6])


def read_values(values: list[str | float | None]) -> list[float | None]:
    """Read a series' values; the common case, all of them decimal text, goes at once.

    Raises:
        InvalidValueError: one of them is odd.
    """
    try:
        text = "".join(values)  # type: ignore[arg-type]  # a number or null among them is the TypeError below
        numbers = list(map(float, values))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return [read_value(value) for value in values]
    if text.isascii() and "_" not in text and math.isfinite(sum(numbers)):
        return numbers  # type: ignore[return-value]  # list is invariant
    return [read_value(value) for value in values]


def read_value(value: object) -> float | None:
    """Read one value: a number, or text that Python reads as one; None for null and empty text.

    Raises:
        InvalidValueError: it is anything else, or not finite.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidValueError("value is neither number, text nor null")
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise InvalidValueError("value is no number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise InvalidValueError("value is no number") from None
    if not math.isfinite(number):
        raise InvalidValueError("value is not finite")
    return number


def pack(values: Sequence[float | None]) -> "array[float]":
    """Make doubles of values, NaN of None; kept as objects they would cost a third of all reading."""
    try:
        packed = struct.pack(f"{len(values)}d", *values)  # a third of the time of an array made of them
    except struct.error:
        return array("d", (math.nan if value is None else value for value in values))
    return array("d", packed)
