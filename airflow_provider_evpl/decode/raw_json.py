"""Reads JSON part by part and keeps the text of each part, so that one broken part costs nothing else.

A JSON parser reads the parts of what is valid JSON. The rest, such as a value `N/A`, is cut at its brackets
and commas. The standard library's `json` can't do that: it stops at the first error, and gives no text.
Each function raises InvalidValueError for a text that can't be read, and CutOffError for one that is cut off.
"""

import re
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Raw

from airflow_provider_evpl.decode.limits import MAX_FIELDS
from airflow_provider_evpl.decode.values import InvalidValueError
from airflow_provider_evpl.errors import name_of, one_line

__all__ = [
    "CutOffError",
    "Fields",
    "begins_with",
    "count_lost",
    "count_time_stamps",
    "read_fields",
    "read_json",
    "read_parts",
    "split_fields",
]

_T = TypeVar("_T")
Fields: TypeAlias = dict[str, Raw]

_TEXT = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(rb'(?:[^"\[\]{},]++|' + _TEXT + rb")*+([\[{]++|[\]}]++|,)", re.DOTALL)
_FIELD = re.compile(rb"(" + _TEXT + rb")\s*:\s*(.*)", re.DOTALL)

_NAME = "".join(rf"(?:{letter}|\\u(?i:{ord(letter):04x}))" for letter in "timeStamp")
# An escaped quote does not begin a name. The lookbehind stands behind the quote: before it, it is slow.
_TIME_STAMP = re.compile(rf'"(?<!\\"){_NAME}"\s*+:'.encode())
# The letters of `timeStamp` are 53 to 74 in hexadecimal.
_ESCAPED_LETTER = re.compile(rb"\\u00[567]")


class CutOffError(InvalidValueError):
    """The text ends inside an array or an object."""


def begins_with(raw: Raw | bytes, mark: bytes) -> bool:
    """Return whether the text starts with this byte. Nothing is copied."""
    return memoryview(raw)[:1] == mark


def count_time_stamps(raw: Raw | bytes) -> int:
    """Count the fields named `timeStamp`, at any depth. A value `"timeStamp"` does not count."""
    return len(_TIME_STAMP.findall(raw))


def count_lost(text: bytes, found: int) -> int:
    """Return how many fields named `timeStamp` a text has beyond those that were found.

    A plain search, which also counts values and parts of names, takes a fifth of the time. It is enough for
    nearly all pages.
    """
    is_plain = b"\\" not in text or not _ESCAPED_LETTER.search(text)
    if is_plain and text.count(b"timeStamp") <= found:
        return 0
    return max(0, count_time_stamps(text) - found)


def read_json(raw: Raw | bytes, kind: type[_T]) -> _T:
    """Read a value of a type."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"no readable JSON: {one_line(error)}") from None


def read_fields(raw: Raw | bytes) -> Fields:
    """Read an object, each value as its text. An object that is not valid JSON is cut by hand.

    If a name is there twice, the last value counts.
    """
    if not begins_with(raw, b"{"):
        raise InvalidValueError("not an object")
    try:
        return msgspec.json.decode(raw, type=Fields)
    except (ValueError, RecursionError):
        return split_fields(raw)


def read_parts(raw: Raw | bytes) -> list[Raw]:
    """Read an array, each element as its text; anything else has no elements."""
    if not begins_with(raw, b"["):
        return []
    try:
        return msgspec.json.decode(raw, type=list[Raw])
    except (ValueError, RecursionError):
        return [Raw(part) for part in _split(bytes(raw))]


def split_fields(raw: Raw | bytes) -> Fields:
    """Cut an object by hand. Unlike a JSON parser, this finds a name that is there twice."""
    if not begins_with(raw, b"{"):
        raise InvalidValueError("not an object")
    fields: Fields = {}
    parts = _split(bytes(raw))
    if len(parts) > MAX_FIELDS:
        raise InvalidValueError(f"more than {MAX_FIELDS:,} fields")
    for part in parts:
        field = _FIELD.fullmatch(part)
        name = read_json(field[1], str) if field else None
        if field is None or name is None:
            raise InvalidValueError("no readable JSON: a field without a name")
        if name in fields:
            raise InvalidValueError(f"{name_of(name)} is there twice")
        fields[name] = Raw(field[2])
    return fields


def _split(text: bytes) -> list[bytes]:
    """Cut an array or an object at its commas. The parts are not checked."""
    parts: list[bytes] = []
    depth = start = at = 0
    while token := _TOKEN.match(text, at):
        at, mark = token.end(), token[1]
        if mark[0] in b"[{":
            start = start if depth else token.start(1) + 1
            depth += len(mark)
        elif mark != b",":
            depth -= len(mark)
        if depth <= 0:
            break
        if depth == 1 and mark == b",":
            parts.append(text[start : at - 1].strip())
            start = at
    return _closed(text, parts, start, at, depth)


def _closed(text: bytes, parts: list[bytes], start: int, at: int, depth: int) -> list[bytes]:
    if depth > 0:
        raise CutOffError("the text ends inside")
    if depth < 0 or text[at:].strip() or text[:1] + text[at - 1 : at] not in (b"[]", b"{}"):
        raise InvalidValueError("no readable JSON: it ends otherwise than it begins")
    parts.append(text[start : at - 1].strip())
    if parts == [b""]:
        return []
    if not all(parts):
        raise InvalidValueError("no readable JSON: nothing between two commas")
    return parts
