"""What the API says, as types, and the quick ways to read it.

They take a page in which everything is as documented: the first one if each sample has a number, the
second one with nulls, and with all that counts as a number. An odd value or an unknown field is
beyond them.
A field that is missing beside an unknown one is looked for here, too: it may have a new name.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct

from airflow_provider_evpl.decode.raw_json import (
    Fields,
    begins_with,
    count_time_stamps,
    read_json,
    read_parts,
)
from airflow_provider_evpl.decode.values import InvalidValueError, Timestamps, pack, read_value, read_values
from airflow_provider_evpl.errors import EvplResponseError, name_of, one_line
from airflow_provider_evpl.models import Entry, Page, Series

if TYPE_CHECKING:
    from array import array

__all__ = [
    "ENTRY_NAMES",
    "PAGE_NAMES",
    "QUICK_WAYS",
    "SAMPLE_NAMES",
    "Header",
    "check_count",
    "find_renamed",
    "find_value",
    "read_header",
    "read_series",
    "renamed",
    "unknown_names",
]

_MOST_ENTRIES = 500_000  # of a page: one costs some 500 bytes, even without a sample
_LONGEST_NAME = 100  # of a field, in a reason
_NUMBER = re.compile(rb"-?[0-9]")

_QuickWay: TypeAlias = Callable[[bytes, Timestamps], Page]


class _Number(Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    time_stamp: str = msgspec.field(name="timeStamp")
    value: float


class _Sample(Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    time_stamp: str = msgspec.field(name="timeStamp")
    value: str | float | None = None


_S = TypeVar("_S", _Number, _Sample)


class _Names(Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    object_instance_id: str = msgspec.field(name="objectInstanceId")
    metric_name: str
    pop_country: str | None = None
    pop_name: str | None = None
    pop_section_name: str | None = None
    object_type: str | None = msgspec.field(name="objectType", default=None)


class _Entry(_Names, Generic[_S], frozen=True):
    samples: list[_S] | _S | None = msgspec.field(name="performanceValues", default=None)


class Header(Struct, gc=False, frozen=True):
    """What a page says of itself."""

    has_next: bool = msgspec.field(name="hasNext")
    current_page: int | None = msgspec.field(name="currentPage", default=None)
    total_pages: int | None = msgspec.field(name="totalPages", default=None)


class _Report(Struct, Generic[_S], frozen=True, forbid_unknown_fields=True):
    entries: list[_Entry[_S]]
    has_next: Raw = msgspec.field(name="hasNext")
    current_page: Raw = msgspec.field(name="currentPage", default=Raw(b"null"))
    total_pages: Raw = msgspec.field(name="totalPages", default=Raw(b"null"))


ENTRY_NAMES = frozenset(_Entry.__struct_encode_fields__)
SAMPLE_NAMES = frozenset(_Sample.__struct_encode_fields__)
PAGE_NAMES = frozenset(_Report.__struct_encode_fields__)
_HEADER_NAMES = Header.__struct_encode_fields__
_decode_numbers = msgspec.json.Decoder(_Report[_Number], strict=False).decode
_decode_samples = msgspec.json.Decoder(_Report[_Sample]).decode


def check_count(entries: int) -> None:
    """Raise EvplResponseError where a page has more than can be kept."""
    if entries > _MOST_ENTRIES:
        raise EvplResponseError(
            f"the answer has {entries:,} elements, more than {_MOST_ENTRIES:,}; pull shorter slices"
        )


def read_header(fields: Fields) -> Header:
    """Read what a page says of itself.

    Raises:
        InvalidValueError: it is no JSON.
        msgspec.ValidationError: it is of another type.
    """
    known = {name: read_json(fields[name], object) for name in _HEADER_NAMES if name in fields}
    return msgspec.convert(known, Header)


def read_series(fields: Fields) -> Series:
    """Read an entry's names; raises InvalidValueError."""
    known = {name: read_json(raw, object) for name, raw in fields.items() if name in ENTRY_NAMES}
    try:
        return _series(msgspec.convert(known, _Names))
    except msgspec.ValidationError as error:
        raise InvalidValueError(f"entry: {one_line(error)}") from None


def unknown_names(fields: Fields, known: frozenset[str]) -> list[str]:
    """Return the names that are not among the known ones, as a rule none."""
    return [] if known.issuperset(fields) else [name for name in fields if name not in known]


def find_renamed(fields: Fields) -> tuple[str, list[Raw]] | None:
    """Find an unknown list or object in an entry without `performanceValues`.

    Of several the one with most time stamps is taken, then the longest.

    Returns:
        Its name, and its elements; None if the entry has no such field.
    """
    found = [
        (count_time_stamps(fields[name]), _parts(fields[name]), name)
        for name in unknown_names(fields, ENTRY_NAMES)
        if begins_with(fields[name], b"[") or begins_with(fields[name], b"{")
    ]
    if not found:
        return None
    _, parts, name = max(found, key=lambda one: (one[0], len(one[1])))
    return name, parts


def _parts(raw: Raw) -> list[Raw]:
    try:
        return read_parts(raw)
    except InvalidValueError:
        return []


def find_value(fields: Fields) -> Raw:
    """Return the text of a sample's value, null if it has none.

    Raises:
        InvalidValueError: `value` is missing, but an unknown field has a number.
    """
    if "value" not in fields:
        for name in unknown_names(fields, SAMPLE_NAMES):
            if _is_number(fields[name]):
                raise renamed("value", name)
    return fields.get("value", Raw(b"null"))


def _is_number(raw: Raw) -> bool:
    """Whether it is a number, however large, or text that is read as one."""
    if _NUMBER.match(raw):
        return True
    try:
        return read_value(read_json(raw, str)) is not None
    except InvalidValueError:
        return False


def renamed(missing: str, name: str) -> InvalidValueError:
    """Make the error of a field that has a new name.

    The name is shown whole or not at all, because half of a secret would not be recognised as one.
    """
    shown = name_of(name, most=_LONGEST_NAME)
    return InvalidValueError(f"no {missing}; the unknown field {shown} may be its new name")


def _read_numbers(text: bytes, timestamps: Timestamps) -> Page:
    """Let the parser itself make numbers of text.

    It takes fewer forms than `float` does, and reads "-0" as 0.0, so a page that may have that text goes
    another way.
    """
    has_zero = False

    def read(samples: Sequence[_Number]) -> "array[float]":
        nonlocal has_zero
        values = [sample.value for sample in samples]
        if not math.isfinite(sum(values)):
            raise InvalidValueError("value is not finite")
        has_zero = has_zero or not all(values)
        return pack(values)

    report = _decode_numbers(text)
    if any(entry.samples is None for entry in report.entries):
        raise InvalidValueError("it may be the text `null`, which this parser takes for null")
    page = _read_page(report, read, timestamps, len(text))
    if has_zero and (b'"-0"' in text or b"\\u00" in text):
        raise InvalidValueError("a value may be the text -0, which this parser takes for 0.0")
    return page


def _read_samples(text: bytes, timestamps: Timestamps) -> Page:
    def read(samples: Sequence[_Sample]) -> "array[float]":
        return pack(read_values([sample.value for sample in samples]))

    return _read_page(_decode_samples(text), read, timestamps, len(text))


QUICK_WAYS: tuple[_QuickWay, ...] = (_read_numbers, _read_samples)
"""Each raises ValueError, RecursionError or InvalidValueError at what is beyond it."""


def _read_page(
    report: _Report[_S],
    read: Callable[[Sequence[_S]], "array[float]"],
    timestamps: Timestamps,
    size: int,
) -> Page:
    check_count(len(report.entries))
    header = read_header(
        {"hasNext": report.has_next, "currentPage": report.current_page, "totalPages": report.total_pages}
    )
    texts, moments = list[str](), list[int]()
    entries = list[Entry]()
    for entry in report.entries:
        samples = _as_list(entry.samples)
        own = [sample.time_stamp for sample in samples]
        if own != texts:  # as a rule all series of a page have the same grid
            texts, moments = own, [timestamps[text] for text in own]
        entries.append(Entry(_series(entry), moments, read(samples)))
    return Page(
        current_page=header.current_page,
        total_pages=header.total_pages,
        has_next=header.has_next,
        entry_count=len(entries),
        entries=entries,
        size=size,
    )


def _as_list(samples: list[_S] | _S | None) -> Sequence[_S]:
    if isinstance(samples, list):
        return samples
    return () if samples is None else (samples,)


def _series(names: _Names) -> Series:
    return Series(
        names.object_instance_id,
        names.metric_name,
        names.pop_country,
        names.pop_name,
        names.pop_section_name,
        names.object_type,
    )
