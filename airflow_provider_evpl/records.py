"""What the API says, as types: the only file that knows its field names.

The quick way takes a page in which everything is as documented. Whatever it stumbles over (an odd
value, an unknown field) sends the page the careful way, which judges sample by sample, keeps what is
wrong with its raw JSON, and reads all the rest the same. Where samples of the text are missing then,
because a name is there twice, it goes that way once more, and each object is cut by hand.
"""

from collections.abc import Callable, Sequence
from itertools import islice

import msgspec
from msgspec import Raw, Struct

from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError
from airflow_provider_evpl.page import Entry, Page, Rejection, Series
from airflow_provider_evpl.raw_json import (
    CutOffError,
    Fields,
    begins_with,
    read_fields,
    read_json,
    read_parts,
    split_fields,
)
from airflow_provider_evpl.values import OddError, Timestamps, read_value, read_values

__all__ = ["MOST_ENTRIES", "MOST_REJECTIONS", "PageDecoder"]

MOST_REJECTIONS = 1_000_000
"""Of a page, and of a slice: each is kept, in some 500 bytes and its raw text."""

MOST_ENTRIES = 500_000
"""Of a page, and of a slice: one costs some 500 bytes, and as many to sort, even without a sample."""

_MOST_VALUES = 4 << 20  # of a page: each costs some 60 bytes, a name 150; a bracket time wherever it is cut
_MOST_UNKNOWN = 1000  # names of a page
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Sample(Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    time_stamp: str = msgspec.field(name="timeStamp")
    value: str | float | None = None


class _Names(Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    object_instance_id: str = msgspec.field(name="objectInstanceId")
    metric_name: str
    pop_country: str | None = None
    pop_name: str | None = None
    pop_section_name: str | None = None
    object_type: str | None = msgspec.field(name="objectType", default=None)


class _Entry(_Names, frozen=True):
    samples: list[_Sample] | _Sample | None = msgspec.field(name="performanceValues", default=None)


class _Header(Struct, gc=False, frozen=True):
    has_next: bool = msgspec.field(name="hasNext")
    current_page: int | None = msgspec.field(name="currentPage", default=None)
    total_pages: int | None = msgspec.field(name="totalPages", default=None)


class _Page(_Header, frozen=True, kw_only=True, forbid_unknown_fields=True):
    entries: list[_Entry]


_ENTRY_NAMES = frozenset(_Entry.__struct_encode_fields__)
_SAMPLE_NAMES = frozenset(_Sample.__struct_encode_fields__)
_PAGE_NAMES = frozenset(_Page.__struct_encode_fields__)
_HEADER_NAMES = frozenset(_Header.__struct_encode_fields__)
_decode_quickly = msgspec.json.Decoder(_Page).decode


class PageDecoder:
    """Reads answers of the report.

    Args:
        naive_timestamps: `reject` a timestamp without zone, or take it as `utc`.
        most_rejections: of a page.
    """

    def __init__(self, *, naive_timestamps: str = "reject", most_rejections: int = MOST_REJECTIONS) -> None:
        self._most_rejections = most_rejections
        self._timestamps = Timestamps(naive_is_utc=naive_timestamps == "utc")

    def decode(self, body: bytes) -> Page:
        """Read one answer's body; a byte order mark before it is passed over.

        Raises:
            EvplUnavailableError: it is no JSON text, or cut off; asking again may help.
            EvplResponseError: it is no report: `entries` or `hasNext` is missing or of the wrong
                type, it holds more than can be kept, or it is broken outside of its entries.
        """
        text = body.removeprefix(_BYTE_ORDER_MARK).strip()
        return self._quick(text) or self._careful(text)

    def _quick(self, text: bytes) -> Page | None:
        try:
            page = self._quick_page(_decode_quickly(text), len(text))
        except (ValueError, RecursionError, OddError):
            return None
        return page if _has_all(page, text) else None

    def _quick_page(self, page: _Page, size: int) -> Page:
        _check_count(page.entries)
        return Page(
            current_page=page.current_page,
            total_pages=page.total_pages,
            has_next=page.has_next,
            entry_count=len(page.entries),
            entries=[self._quick_entry(entry) for entry in page.entries],
            size=size,
        )

    def _quick_entry(self, entry: _Entry) -> Entry:
        samples = _as_list(entry.samples)
        timestamps = self._timestamps
        return Entry(
            _series(entry),
            [timestamps[sample.time_stamp] for sample in samples],
            read_values([sample.value for sample in samples]),
        )

    def _careful(self, text: bytes) -> Page:
        if max(text.count(b","), text.count(b"[") + text.count(b"{")) >= _MOST_VALUES:
            raise EvplResponseError(f"the answer has more than {_MOST_VALUES:,} values; pull shorter slices")
        page = self._reader(read_fields).read_page(text)
        return page if _has_all(page, text) else self._reader(split_fields).read_page(text)

    def _reader(self, read_object: Callable[[Raw | bytes], Fields]) -> "_CarefulReader":
        return _CarefulReader(self._timestamps, read_object, self._most_rejections)


def _check_count(entries: Sequence[object]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise EvplResponseError(
            f"the answer has {len(entries):,} elements, more than {MOST_ENTRIES:,}; pull shorter slices"
        )


def _has_all(page: Page, text: bytes) -> bool:
    """Whether each time stamp of the text is there: where a name is there twice, a reader sees the last."""
    read = sum(len(entry.timestamps) for entry in page.entries)
    rejected = sum(one.raw.count('"timeStamp"') for one in page.rejections)
    return text.count(b'"timeStamp"') == read + rejected


class _CarefulReader:
    """Judges one page sample by sample; collects what it rejects and the names nobody documented."""

    def __init__(
        self,
        timestamps: Timestamps,
        read_object: Callable[[Raw | bytes], Fields],
        most_rejections: int,
    ) -> None:
        self._most_rejections = most_rejections
        self._rejections: list[Rejection] = []
        self._unknown: set[str] = set()
        self._timestamps = timestamps
        self._read_object = read_object

    def read_page(self, text: bytes) -> Page:
        header, parts = self._open(text)
        _check_count(parts)
        entries = [self._read_entry(position, raw) for position, raw in enumerate(parts)]
        return Page(
            current_page=header.current_page,
            total_pages=header.total_pages,
            has_next=header.has_next,
            entry_count=len(entries),
            entries=[entry for entry in entries if entry is not None],
            size=len(text),
            rejections=self._rejections,
            unknown_fields=frozenset(self._unknown),
        )

    def _open(self, text: bytes) -> tuple[_Header, list[Raw]]:
        try:
            fields = self._read_fields(text, _PAGE_NAMES, "")
            known = {name: read_json(fields[name], object) for name in _HEADER_NAMES & fields.keys()}
            return msgspec.convert(known, _Header), _entry_list(fields)
        except (OddError, msgspec.ValidationError) as error:
            if isinstance(error, CutOffError) or not _is_json(text):
                raise EvplUnavailableError(f"the answer is no whole JSON text: {error}") from error
            raise EvplResponseError(
                f"the answer is no report: {error}; the API no longer answers as Orange documents it"
            ) from error

    def _read_entry(self, position: int, raw: Raw) -> Entry | None:
        values: list[Raw] = []
        try:
            fields = self._read_fields(raw, _ENTRY_NAMES, "entries[].")
            samples = fields.pop("performanceValues", Raw(b"null"))
            values = read_parts(samples)
            series = _read_series(fields)
        except OddError as odd:
            self._reject(odd, position, None, raw, max(1, len(values)))
            return None
        entry = Entry(series, [], [])
        try:
            values = _sample_list(samples)
        except OddError as odd:
            self._reject(odd, position, None, raw, 1)
        for index, value in enumerate(values):
            self._read_sample(entry, position, index, value)
        return entry

    def _read_sample(self, entry: Entry, position: int, index: int, raw: Raw) -> None:
        try:
            fields = self._read_fields(raw, _SAMPLE_NAMES, "entries[].performanceValues[].")
            timestamp = self._timestamps[_text(fields, "timeStamp")]
            value = read_value(read_json(fields.get("value", Raw(b"null")), object))
        except OddError as odd:
            self._reject(odd, position, index, raw, 1)
        else:
            entry.timestamps.append(timestamp)
            entry.values.append(value)

    def _read_fields(self, raw: Raw | bytes, known: frozenset[str], where: str) -> Fields:
        fields = self._read_object(raw)
        unknown = (where + name for name in fields if name not in known)
        self._unknown.update(islice(unknown, _MOST_UNKNOWN - len(self._unknown)))
        return fields

    def _reject(self, odd: OddError, entry: int, sample: int | None, raw: Raw, samples: int) -> None:
        if len(self._rejections) >= self._most_rejections:
            raise EvplResponseError(
                f"more than {self._most_rejections:,} samples of the answer can't be read, the last: {odd}; "
                "the API no longer answers as Orange documents it"
            )
        text = bytes(raw).decode(errors="backslashreplace")
        self._rejections.append(Rejection(str(odd), entry, sample, samples, text))


def _is_json(text: bytes) -> bool:
    """Whether it is at least meant as an object, or is JSON of another kind."""
    try:
        return begins_with(text, b"{") or bool(read_json(text, Raw))
    except OddError:
        return False


def _entry_list(fields: Fields) -> list[Raw]:
    if not begins_with(fields.get("entries", Raw(b"null")), b"["):
        raise OddError("entries is missing or no list")
    return read_parts(fields["entries"])


def _series(names: _Names) -> Series:
    return Series(
        names.object_instance_id,
        names.metric_name,
        names.pop_country,
        names.pop_name,
        names.pop_section_name,
        names.object_type,
    )


def _read_series(fields: Fields) -> Series:
    known = {name: read_json(raw, object) for name, raw in fields.items() if name in _ENTRY_NAMES}
    try:
        return _series(msgspec.convert(known, _Names))
    except msgspec.ValidationError as error:
        raise OddError(f"entry: {error}") from None


def _as_list(samples: list[_Sample] | _Sample | None) -> Sequence[_Sample]:
    if isinstance(samples, list):
        return samples
    return () if samples is None else (samples,)


def _sample_list(raw: Raw) -> list[Raw]:
    """One object is a list of one, null is an empty list [A]."""
    if begins_with(raw, b"{"):
        return [raw]
    if not begins_with(raw, b"[") and not begins_with(raw, b"n"):
        raise OddError("performanceValues is neither list, object nor null")
    return read_parts(raw)


def _text(fields: Fields, name: str) -> str:
    value = read_json(fields.get(name, Raw(b"null")), object)
    if not isinstance(value, str):
        raise OddError(f"{name} is missing or no text")
    return value
