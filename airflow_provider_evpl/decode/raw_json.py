"""JSON whose text is kept: cut into parts to be judged one by one, also where no JSON reader takes it."""

import re
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Raw

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
    "split",
    "split_fields",
]

_MOST_FIELDS = 10_000  # of an object cut by hand: that takes 25 times the memory of its text
_T = TypeVar("_T")
Fields: TypeAlias = dict[str, Raw]

_TEXT = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(rb'(?:[^"\[\]{},]++|' + _TEXT + rb")*+([\[{]++|[\]}]++|,)", re.DOTALL)
_FIELD = re.compile(rb"(" + _TEXT + rb")\s*:\s*(.*)", re.DOTALL)

_NAME = "".join(rf"(?:{letter}|\\u(?i:{ord(letter):04x}))" for letter in "timeStamp")
# An escaped quote does not begin a name. The look back stands behind the quote, because it is slow before it.
_TIME_STAMP = re.compile(rf'"(?<!\\"){_NAME}"\s*+:'.encode())
_ESCAPED_LETTER = re.compile(rb"\\u00[567]")  # the name's letters are 53 to 74


class CutOffError(InvalidValueError):
    """The text ends before what begins in it."""


def begins_with(raw: Raw | bytes, mark: bytes) -> bool:
    """Look at the first byte; nothing is copied."""
    return memoryview(raw)[:1] == mark


def count_time_stamps(raw: Raw | bytes) -> int:
    """Return how many fields are named `timeStamp`, at any depth; a value of that text is not counted."""
    return len(_TIME_STAMP.findall(raw))


def count_lost(text: bytes, found: int) -> int:
    """Return how many fields `timeStamp` a text has beyond those that were found.

    The plain count includes values and parts of names. It takes a fifth of the time, and is enough for nearly
    all pages.
    """
    is_plain = b"\\" not in text or not _ESCAPED_LETTER.search(text)
    if is_plain and text.count(b"timeStamp") <= found:
        return 0
    return max(0, count_time_stamps(text) - found)


def read_json(raw: Raw | bytes, kind: type[_T]) -> _T:
    """Read a value of a type.

    Raises:
        InvalidValueError: it is none, or no JSON.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"no readable JSON: {one_line(error)}") from None


def read_fields(raw: Raw | bytes) -> Fields:
    """Read an object, each value as its text; one that no JSON reader takes is cut by hand.

    Raises:
        InvalidValueError: it is no object.
    """
    if not begins_with(raw, b"{"):
        raise InvalidValueError("not an object")
    try:
        return msgspec.json.decode(raw, type=Fields)
    except (ValueError, RecursionError):
        return split_fields(raw)


def read_parts(raw: Raw | bytes) -> list[Raw]:
    """Read an array likewise; anything else has no parts.

    Raises:
        InvalidValueError: an array that can't be cut.
    """
    if not begins_with(raw, b"["):
        return []
    try:
        return msgspec.json.decode(raw, type=list[Raw])
    except (ValueError, RecursionError):
        return [Raw(part) for part in split(bytes(raw))]


def split_fields(raw: Raw | bytes) -> Fields:
    """Cut an object by hand, which sees what a JSON reader doesn't: a name that is there twice.

    Raises:
        InvalidValueError: it is no object, has thousands of fields, a name can't be read or is there twice.
    """
    if not begins_with(raw, b"{"):
        raise InvalidValueError("not an object")
    fields: Fields = {}
    parts = split(bytes(raw))
    if len(parts) > _MOST_FIELDS:
        raise InvalidValueError(f"more than {_MOST_FIELDS:,} fields")
    for part in parts:
        field = _FIELD.fullmatch(part)
        name = read_json(field[1], str) if field else None
        if field is None or name is None:
            raise InvalidValueError("no readable JSON: a field without a name")
        if name in fields:
            raise InvalidValueError(f"{name_of(name)} is there twice")
        fields[name] = Raw(field[2])
    return fields


def split(text: bytes) -> list[bytes]:
    """Cut an array or an object at its commas; what stands between them is not judged.

    Raises:
        CutOffError: the text ends before the array or object does.
        InvalidValueError: it goes on after it, another bracket closes it, or nothing is between two commas.
    """
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
