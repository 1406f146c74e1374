"""The documented fields of a report, as types and as sets of names, and how its plain parts are read."""

from typing import Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from airflow_provider_evpl.decode.limits import MAX_ENTRIES
from airflow_provider_evpl.decode.raw_json import Fields, read_json
from airflow_provider_evpl.decode.values import InvalidValueError
from airflow_provider_evpl.errors import EvplResponseError, one_line
from airflow_provider_evpl.models import Series

__all__ = [
    "ENTRY_NAMES",
    "PAGE_NAMES",
    "SAMPLE_NAMES",
    "AnySample",
    "EntryNames",
    "Header",
    "NumberSample",
    "Report",
    "S",
    "check_count",
    "read_header",
    "read_series",
    "series_of",
]


class NumberSample(Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    """A sample with a value. The parser itself turns text into a number."""

    time_stamp: str = msgspec.field(name="timeStamp")
    value: float


class AnySample(Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    """A sample, with or without a value."""

    time_stamp: str = msgspec.field(name="timeStamp")
    value: str | float | None = None


S = TypeVar("S", NumberSample, AnySample)


class EntryNames(Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    """The names in an entry, which identify a series."""

    object_instance_id: str = msgspec.field(name="objectInstanceId")
    metric_name: str
    pop_country: str | None = None
    pop_name: str | None = None
    pop_section_name: str | None = None
    object_type: str | None = msgspec.field(name="objectType", default=None)


class _Entry(EntryNames, Generic[S], frozen=True):
    samples: list[S] | S | None = msgspec.field(name="performanceValues", default=None)


class Header(Struct, gc=False, frozen=True):
    """The position of a page among all pages."""

    has_next: bool = msgspec.field(name="hasNext")
    current_page: int | None = msgspec.field(name="currentPage", default=None)
    total_pages: int | None = msgspec.field(name="totalPages", default=None)


class Report(Struct, Generic[S], frozen=True, forbid_unknown_fields=True):
    """A page that has documented fields only."""

    entries: list[_Entry[S]]
    has_next: Raw = msgspec.field(name="hasNext")
    current_page: Raw = msgspec.field(name="currentPage", default=Raw(b"null"))
    total_pages: Raw = msgspec.field(name="totalPages", default=Raw(b"null"))


ENTRY_NAMES = frozenset(_Entry.__struct_encode_fields__)
SAMPLE_NAMES = frozenset(AnySample.__struct_encode_fields__)
PAGE_NAMES = frozenset(Report.__struct_encode_fields__)
_HEADER_NAMES = Header.__struct_encode_fields__


def check_count(entries: int) -> None:
    """Raise EvplResponseError if a page has more entries than can be kept."""
    if entries > MAX_ENTRIES:
        raise EvplResponseError(
            f"the response has {entries:,} elements, more than {MAX_ENTRIES:,}.", "Pull shorter slices."
        )


def read_header(fields: Fields) -> Header:
    """Read the position of a page."""
    known = {name: read_json(fields[name], object) for name in _HEADER_NAMES if name in fields}
    return msgspec.convert(known, Header)


def read_series(fields: Fields) -> Series:
    """Read the names of an entry; raise InvalidValueError if one is missing or of another type."""
    known = {name: read_json(raw, object) for name, raw in fields.items() if name in ENTRY_NAMES}
    try:
        return series_of(msgspec.convert(known, EntryNames))
    except msgspec.ValidationError as error:
        raise InvalidValueError(f"entry: {one_line(error)}") from None


def series_of(names: EntryNames) -> Series:
    """Make the series of an entry's names."""
    return Series(
        names.object_instance_id,
        names.metric_name,
        names.pop_country,
        names.pop_name,
        names.pop_section_name,
        names.object_type,
    )
