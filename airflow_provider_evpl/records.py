"""What the API says, as types: the only file that knows its field names.

A page is read twice at most. The quick way takes a page in which everything is as documented.
Whatever it stumbles over (an odd value, an unknown field) sends the page the careful way, which
judges sample by sample, keeps what is wrong with its raw JSON, and reads all the rest the same.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct

from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError
from airflow_provider_evpl.values import OddError, Timestamps, read_value, read_values

__all__ = ["Entry", "Page", "PageDecoder", "Rejection", "Series"]

_T = TypeVar("_T")


class Series(NamedTuple):
    """What tells series apart, in the lake's sort order; the first two are required [A]."""

    object_instance_id: str
    metric_name: str
    pop_country: str | None
    pop_name: str | None
    pop_section_name: str | None
    object_type: str | None


class Entry(Struct, gc=False, frozen=True):
    """The accepted samples of one series on one page; the two lists are of one length.

    Attributes:
        timestamps: microseconds since the epoch, UTC.
        values: as the API gave them; None for a sample without one.
    """

    series: Series
    timestamps: list[int]
    values: list[float | None]


class Rejection(Struct, gc=False, frozen=True):
    r"""What could not be read, and why.

    Attributes:
        entry, sample: positions from 0; `sample` is None where the whole entry is meant.
        samples: how many samples it stands for.
        raw: the JSON as it came; bytes that aren't UTF-8 as `\xe9`.
    """

    reason: str
    entry: int
    sample: int | None
    samples: int
    raw: str


class Page(Struct, gc=False, frozen=True, kw_only=True):
    """One answer of the report.

    Attributes:
        current_page, total_pages: as given; None where absent.
        entry_count: elements on the page, rejected ones included: what `pagination` counts.
        unknown_fields: paths of names that Orange's document doesn't have.
        request_id: of the answer, for messages; None where it had none.
    """

    current_page: int | None
    total_pages: int | None
    has_next: bool
    entry_count: int
    entries: list[Entry]
    rejections: list[Rejection] = []
    unknown_fields: frozenset[str] = frozenset()
    request_id: str | None = None


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


class _RawPage(_Header, frozen=True, kw_only=True):
    entries: list[Raw]


_Fields: TypeAlias = dict[str, Raw]
_ENTRY_NAMES = frozenset(_Entry.__struct_encode_fields__)
_SAMPLE_NAMES = frozenset(_Sample.__struct_encode_fields__)
_PAGE_NAMES = frozenset(_Page.__struct_encode_fields__)
_decode_quickly = msgspec.json.Decoder(_Page).decode
_decode_carefully = msgspec.json.Decoder(_RawPage).decode


class PageDecoder:
    """Reads answers of the report.

    Args:
        naive_timestamps: `reject` a timestamp without zone, or take it as `utc`.
    """

    def __init__(self, *, naive_timestamps: str = "reject") -> None:
        self._timestamps = Timestamps(naive_is_utc=naive_timestamps == "utc")

    def decode(self, body: bytes) -> Page:
        """Read one answer's body.

        Raises:
            EvplUnavailableError: it is no JSON, or cut off; asking again may help.
            EvplResponseError: it is JSON, but no report: `entries` or `hasNext` is missing or of
                the wrong type.
        """
        try:
            return self._quick(_decode_quickly(body))
        except (ValueError, RecursionError, OddError):
            return self._careful(body)

    def _quick(self, page: _Page) -> Page:
        return Page(
            current_page=page.current_page,
            total_pages=page.total_pages,
            has_next=page.has_next,
            entry_count=len(page.entries),
            entries=[self._quick_entry(entry) for entry in page.entries],
        )

    def _quick_entry(self, entry: _Entry) -> Entry:
        samples = _as_list(entry.samples)
        timestamps = self._timestamps
        return Entry(
            _series(entry),
            [timestamps[sample.time_stamp] for sample in samples],
            read_values([sample.value for sample in samples]),
        )

    def _careful(self, body: bytes) -> Page:
        page, fields = _parse_page(body)
        reader = _CarefulReader(self._timestamps)
        entries = [reader.read_entry(position, raw) for position, raw in enumerate(page.entries)]
        return Page(
            current_page=page.current_page,
            total_pages=page.total_pages,
            has_next=page.has_next,
            entry_count=len(entries),
            entries=[entry for entry in entries if entry is not None],
            rejections=reader.rejections,
            unknown_fields=frozenset(reader.unknown | _unknown(fields, _PAGE_NAMES, "")),
        )


class _CarefulReader:
    """Judges one page sample by sample; collects what it rejects and the names nobody documented."""

    def __init__(self, timestamps: Timestamps) -> None:
        self.rejections: list[Rejection] = []
        self.unknown: set[str] = set()
        self._timestamps = timestamps

    def read_entry(self, position: int, raw: Raw) -> Entry | None:
        values: list[Raw] = []
        try:
            fields = _fields(raw)
            self.unknown |= _unknown(fields, _ENTRY_NAMES, "entries[].")
            samples = fields.pop("performanceValues", Raw(b"null"))
            values = _parts(samples)
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
            fields = _fields(raw)
            self.unknown |= _unknown(fields, _SAMPLE_NAMES, "entries[].performanceValues[].")
            timestamp = self._timestamps[_text(fields, "timeStamp")]
            value = read_value(_anything(fields.get("value", Raw(b"null"))))
        except OddError as odd:
            self._reject(odd, position, index, raw, 1)
        else:
            entry.timestamps.append(timestamp)
            entry.values.append(value)

    def _reject(self, odd: OddError, entry: int, sample: int | None, raw: Raw, samples: int) -> None:
        text = bytes(raw).decode(errors="backslashreplace")
        self.rejections.append(Rejection(str(odd), entry, sample, samples, text))


def _parse_page(body: bytes) -> tuple[_RawPage, _Fields]:
    try:
        return _decode_carefully(body), _fields(body)
    except msgspec.ValidationError as error:
        raise EvplResponseError(
            f"the answer is no report: {error}; the API no longer answers as Orange documents it"
        ) from error
    except (ValueError, RecursionError, OddError) as error:
        raise EvplUnavailableError(f"the answer is no whole JSON text: {error}") from error


def _series(names: _Names) -> Series:
    return Series(
        names.object_instance_id,
        names.metric_name,
        names.pop_country,
        names.pop_name,
        names.pop_section_name,
        names.object_type,
    )


def _read_series(fields: _Fields) -> Series:
    known = {name: _anything(raw) for name, raw in fields.items() if name in _ENTRY_NAMES}
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
    first = bytes(raw).lstrip()[:1]
    if first == b"{":
        return [raw]
    if first not in (b"[", b"n"):
        raise OddError("performanceValues is neither list, object nor null")
    return _parts(raw)


def _parts(raw: Raw) -> list[Raw]:
    return _decode(raw, list[Raw]) if bytes(raw).lstrip()[:1] == b"[" else []


def _fields(raw: Raw | bytes) -> _Fields:
    if bytes(raw).lstrip()[:1] != b"{":
        raise OddError("not an object")
    return _decode(raw, _Fields)


def _text(fields: _Fields, name: str) -> str:
    value = _anything(fields.get(name, Raw(b"null")))
    if not isinstance(value, str):
        raise OddError(f"{name} is missing or no text")
    return value


def _anything(raw: Raw) -> object:
    return _decode(raw, object)


def _decode(raw: Raw | bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError) as error:
        raise OddError(f"no readable JSON: {error}") from None


def _unknown(fields: _Fields, known: frozenset[str], where: str) -> set[str]:
    return {where + name for name in fields.keys() - known}
