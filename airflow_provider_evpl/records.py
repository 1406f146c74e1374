"""One answer of the report as a page: quickly where all in it is as documented, else with care.

Whatever the quick ways stumble over sends the page the careful way. That judges sample by sample,
keeps what is wrong with its raw JSON, and reads all the rest the same. Where samples of the text are
missing then, because a name is there twice, it goes that way once more, and each object is cut by hand.
"""

import math
from array import array
from collections.abc import Callable
from itertools import islice

import msgspec
from msgspec import Raw

from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError
from airflow_provider_evpl.page import Entry, Page, Rejection
from airflow_provider_evpl.raw_json import (
    CutOffError,
    Fields,
    begins_with,
    read_fields,
    read_json,
    read_parts,
    split_fields,
)
from airflow_provider_evpl.report import (
    ENTRY_NAMES,
    PAGE_NAMES,
    QUICK_WAYS,
    SAMPLE_NAMES,
    Header,
    check_count,
    read_header,
    read_series,
)
from airflow_provider_evpl.values import OddError, Timestamps, read_value

__all__ = ["MOST_REJECTIONS", "PageDecoder"]

MOST_REJECTIONS = 1_000_000
"""Of a page, and of a slice: each is kept, in some 500 bytes and its raw text."""

_MOST_VALUES = 4 << 20  # of a page: each costs some 60 bytes, a name 150; a bracket time wherever it is cut
_MOST_UNKNOWN = 1000  # names of a page
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class PageDecoder:
    """Reads answers of the report.

    Args:
        naive_timestamps: `reject` a timestamp without zone, or take it as `utc`.
        most_rejections: of a page.
    """

    def __init__(self, *, naive_timestamps: str = "reject", most_rejections: int = MOST_REJECTIONS) -> None:
        self._most_rejections = most_rejections
        self._timestamps = Timestamps(naive_is_utc=naive_timestamps == "utc")
        self._quick_ways = QUICK_WAYS

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
        """The way that one page goes is the first for the next: what is odd is so on many of them."""
        for position, read in enumerate(self._quick_ways):
            try:
                page = read(text, self._timestamps)
            except (ValueError, RecursionError, OddError):
                continue
            if _has_all(page, text):
                self._quick_ways = self._quick_ways[position:]
                return page
        return None

    def _careful(self, text: bytes) -> Page:
        if max(text.count(b","), text.count(b"[") + text.count(b"{")) >= _MOST_VALUES:
            raise EvplResponseError(f"the answer has more than {_MOST_VALUES:,} values; pull shorter slices")
        page = self._reader(read_fields).read_page(text)
        return page if _has_all(page, text) else self._reader(split_fields).read_page(text)

    def _reader(self, read_object: Callable[[Raw | bytes], Fields]) -> "_CarefulReader":
        return _CarefulReader(self._timestamps, read_object, self._most_rejections)


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
        check_count(len(parts))
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

    def _open(self, text: bytes) -> tuple[Header, list[Raw]]:
        try:
            fields = self._read_fields(text, PAGE_NAMES, "")
            return read_header(fields), _entry_list(fields)
        except (OddError, msgspec.ValidationError) as error:
            if isinstance(error, CutOffError) or not _is_json(text):
                raise EvplUnavailableError(f"the answer is no whole JSON text: {error}") from error
            raise EvplResponseError(
                f"the answer is no report: {error}; the API no longer answers as Orange documents it"
            ) from error

    def _read_entry(self, position: int, raw: Raw) -> Entry | None:
        values: list[Raw] = []
        try:
            fields = self._read_fields(raw, ENTRY_NAMES, "entries[].")
            samples = fields.pop("performanceValues", Raw(b"null"))
            values = read_parts(samples)
            series = read_series(fields)
        except OddError as odd:
            self._reject(odd, position, None, raw, max(1, len(values)))
            return None
        entry = Entry(series, [], array("d"))
        try:
            values = _sample_list(samples)
        except OddError as odd:
            self._reject(odd, position, None, raw, 1)
        for index, value in enumerate(values):
            self._read_sample(entry, position, index, value)
        return entry

    def _read_sample(self, entry: Entry, position: int, index: int, raw: Raw) -> None:
        try:
            fields = self._read_fields(raw, SAMPLE_NAMES, "entries[].performanceValues[].")
            timestamp = self._timestamps[_text(fields, "timeStamp")]
            value = read_value(read_json(fields.get("value", Raw(b"null")), object))
        except OddError as odd:
            self._reject(odd, position, index, raw, 1)
        else:
            entry.timestamps.append(timestamp)
            entry.values.append(math.nan if value is None else value)

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
