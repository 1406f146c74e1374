"""One answer of the report as a page: quickly where all in it is as documented, else with care.

Whatever the quick ways stumble over sends the page the careful way. That judges sample by sample,
keeps what is wrong with its raw JSON, and reads all the rest the same. Where samples of the text are
missing then, because a name is there twice, it goes that way once more, and each object is cut by hand.
A page of which samples are missing even then is an error.
"""

import math
from array import array
from collections.abc import Callable, Iterable
from itertools import chain, islice

import msgspec
from msgspec import Raw

from airflow_provider_evpl.decode.raw_json import (
    CutOffError,
    Fields,
    begins_with,
    count_lost,
    count_time_stamps,
    read_fields,
    read_json,
    read_parts,
    split_fields,
)
from airflow_provider_evpl.decode.schema import (
    ENTRY_NAMES,
    PAGE_NAMES,
    QUICK_WAYS,
    SAMPLE_NAMES,
    Header,
    check_count,
    find_renamed,
    find_value,
    read_header,
    read_series,
    renamed,
    unknown_names,
)
from airflow_provider_evpl.decode.values import InvalidValueError, Timestamps, read_value
from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError, one_line
from airflow_provider_evpl.models import Entry, Page, Rejection, Series

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
        holds_secret: whether a secret is in names. Their entry is rejected, because names land unchanged.
    """

    def __init__(
        self,
        *,
        naive_timestamps: str = "reject",
        most_rejections: int = MOST_REJECTIONS,
        holds_secret: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._most_rejections = most_rejections
        self._holds_secret = holds_secret
        self._timestamps = Timestamps(naive_is_utc=naive_timestamps == "utc")
        self._quick_ways = QUICK_WAYS

    def decode(self, body: bytes) -> Page:
        """Read one answer's body; a byte order mark before it is passed over.

        Raises:
            EvplUnavailableError: it is no JSON text, or cut off; asking again may help.
            EvplResponseError: it is no report: `entries` or `hasNext` is missing or of the wrong
                type, it holds more than can be kept, it is broken outside of its entries, or a
                `timeStamp` is in none of the places where samples are.
        """
        text = body.removeprefix(_BYTE_ORDER_MARK).strip()
        page = self._quick(text)
        if page is None or self._holds_secret(_names(entry.series for entry in page.entries)):
            return self._careful(text)
        return page

    def _quick(self, text: bytes) -> Page | None:
        """The way that one page goes is the first for the next: what is odd is so on many of them."""
        for position, read in enumerate(self._quick_ways):
            try:
                page = read(text, self._timestamps)
            except (ValueError, RecursionError, InvalidValueError):
                continue
            if not count_lost(text, sum(len(entry.timestamps) for entry in page.entries)):
                self._quick_ways = self._quick_ways[position:]
                return page
        return None

    def _careful(self, text: bytes) -> Page:
        if max(text.count(b","), text.count(b"[") + text.count(b"{")) >= _MOST_VALUES:
            raise EvplResponseError(f"the answer has more than {_MOST_VALUES:,} values; pull shorter slices")
        page, lost = self._judge(text, read_fields)
        if lost:  # where a name is there twice, a JSON reader sees the last
            page, lost = self._judge(text, split_fields)
        if lost:
            raise EvplResponseError(
                f"the answer has {lost:,} fields timeStamp outside of the documented places: their samples "
                "would be lost; the API no longer answers as Orange documents it, and nothing lands"
            )
        return page

    def _judge(self, text: bytes, read_object: Callable[[Raw | bytes], Fields]) -> tuple[Page, int]:
        """Read a page; return how many of its time stamps are not accounted for, too."""
        reader = _CarefulReader(self._timestamps, read_object, self._most_rejections, self._holds_secret)
        page = reader.read_page(text)
        return page, count_lost(text, reader.time_stamps)


class _CarefulReader:
    """Judges one page sample by sample; collects what it rejects and the names nobody documented.

    Attributes:
        time_stamps: how many it has read, rejected, or passed over in unknown fields.
    """

    def __init__(
        self,
        timestamps: Timestamps,
        read_object: Callable[[Raw | bytes], Fields],
        most_rejections: int,
        holds_secret: Callable[[str], bool],
    ) -> None:
        self._holds_secret = holds_secret
        self.time_stamps = 0
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
            header, parts = read_header(fields), _entry_list(fields)
        except (InvalidValueError, msgspec.ValidationError) as error:
            if isinstance(error, CutOffError) or not _is_json(text):
                raise EvplUnavailableError(f"the answer is no whole JSON text: {one_line(error)}") from error
            raise EvplResponseError(
                f"the answer is no report: {one_line(error)}; "
                "the API no longer answers as Orange documents it"
            ) from error
        self._pass_over(fields, PAGE_NAMES)
        return header, parts

    def _read_entry(self, position: int, raw: Raw) -> Entry | None:
        values: list[Raw] = []
        try:
            fields = self._read_fields(raw, ENTRY_NAMES, "entries[].")
            samples = fields.pop("performanceValues", None)
            if samples is not None:
                values = read_parts(samples)
            elif found := find_renamed(fields):
                name, values = found
                raise renamed("performanceValues", name)
            series = read_series(fields)
            self._check_names(series)
        except InvalidValueError as odd:
            self._reject(odd, position, None, raw, max(1, len(values)))
            return None
        entry = Entry(series, [], array("d"))
        if samples is None:
            return entry
        try:
            values = _sample_list(samples)
        except InvalidValueError as odd:
            self._reject(odd, position, None, raw, 1)
            return entry
        self._pass_over(fields, ENTRY_NAMES)
        for index, value in enumerate(values):
            self._read_sample(entry, position, index, value)
        return entry

    def _check_names(self, series: Series) -> None:
        if self._holds_secret(_names([series])):
            raise InvalidValueError("a name holds a secret")

    def _read_sample(self, entry: Entry, position: int, index: int, raw: Raw) -> None:
        try:
            fields = self._read_fields(raw, SAMPLE_NAMES, "entries[].performanceValues[].")
            timestamp = self._timestamps[_text(fields, "timeStamp")]
            value = read_value(read_json(find_value(fields), object))
        except InvalidValueError as odd:
            self._reject(odd, position, index, raw, 1)
        else:
            entry.timestamps.append(timestamp)
            entry.values.append(math.nan if value is None else value)
            self.time_stamps += 1
            self._pass_over(fields, SAMPLE_NAMES)

    def _read_fields(self, raw: Raw | bytes, known: frozenset[str], where: str) -> Fields:
        fields = self._read_object(raw)
        if names := unknown_names(fields, known):
            self._unknown.update(where + name for name in islice(names, _MOST_UNKNOWN - len(self._unknown)))
        return fields

    def _pass_over(self, fields: Fields, known: frozenset[str]) -> None:
        """Count the time stamps in the unknown fields of what is read: they belong to no sample."""
        for name in unknown_names(fields, known):
            self.time_stamps += (name == "timeStamp") + count_time_stamps(fields[name])

    def _reject(self, odd: InvalidValueError, entry: int, sample: int | None, raw: Raw, samples: int) -> None:
        if len(self._rejections) >= self._most_rejections:
            raise EvplResponseError(
                f"more than {self._most_rejections:,} samples of the answer can't be read, the last: {odd}; "
                "the API no longer answers as Orange documents it"
            )
        self.time_stamps += count_time_stamps(raw)
        text = bytes(raw).decode(errors="backslashreplace")
        self._rejections.append(Rejection(str(odd), entry, sample, samples, text))


def _names(series: Iterable[Series]) -> str:
    return "\n".join(filter(None, chain.from_iterable(series)))


def _is_json(text: bytes) -> bool:
    """Whether it is at least meant as an object, or is JSON of another kind."""
    try:
        return begins_with(text, b"{") or bool(read_json(text, Raw))
    except InvalidValueError:
        return False


def _entry_list(fields: Fields) -> list[Raw]:
    if not begins_with(fields.get("entries", Raw(b"null")), b"["):
        raise InvalidValueError("entries is missing or no list")
    return read_parts(fields["entries"])


def _sample_list(raw: Raw) -> list[Raw]:
    """One object is a list of one, null is an empty list [A]."""
    if begins_with(raw, b"{"):
        return [raw]
    if not begins_with(raw, b"[") and not begins_with(raw, b"n"):
        raise InvalidValueError("performanceValues is neither list, object nor null")
    return read_parts(raw)


def _text(fields: Fields, name: str) -> str:
    value = read_json(fields.get(name, Raw(b"null")), object)
    if not isinstance(value, str):
        raise InvalidValueError(f"{name} is missing or no text")
    return value
