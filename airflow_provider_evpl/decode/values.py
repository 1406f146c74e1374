"""Reads single values and timestamps; InvalidValueError says what is wrong with one."""

import math
import re
import struct
from array import array
from collections.abc import Sequence
from datetime import datetime

from airflow_provider_evpl.decode.limits import MAX_TIMESTAMPS
from airflow_provider_evpl.models import NO_ZONE
from airflow_provider_evpl.window import EPOCH, microseconds

__all__ = ["InvalidValueError", "Timestamps", "pack", "read_value", "read_values"]


_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d)(?:(:\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


class InvalidValueError(Exception):
    """A sample or an entry can't be read; the argument says why. It never leaves this room."""


class Timestamps(dict[str, int]):
    """Maps the text of a timestamp to its microseconds since the epoch.

    Each text is read once, because all series of a window have the same timestamps. A text without a zone is
    an error, or is read as UTC.
    """

    def __init__(self, *, naive_is_utc: bool) -> None:
        self._naive_is_utc = naive_is_utc

    def __missing__(self, text: str) -> int:
        """Read a new text; raise InvalidValueError if it is not ISO 8601."""
        if len(self) >= MAX_TIMESTAMPS:
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
    """Read the values of a series.

    The common case, decimal text only, is read in one step.
    """
    try:
        text = "".join(values)  # type: ignore[arg-type]  # a number or null raises the TypeError below
        numbers = list(map(float, values))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return [read_value(value) for value in values]
    if text.isascii() and "_" not in text and math.isfinite(sum(numbers)):
        return numbers  # type: ignore[return-value]  # list is invariant
    return [read_value(value) for value in values]


def read_value(value: object) -> float | None:
    """Read one value: a number, or text that Python reads as a number; None for null and empty text."""
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
    """Store values as doubles, and None as NaN: Python objects would take a third of the reading time."""
    try:
        # Takes a third of the time of array("d", values).
        packed = struct.pack(f"{len(values)}d", *values)
    except struct.error:
        return array("d", (math.nan if value is None else value for value in values))
    return array("d", packed)
