"""Reads a response of the report: the fast way if all in it is as documented, or else the careful way.

Both ways give the same page. Only the careful way rejects samples and keeps their raw JSON.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_evpl.decode.careful import join_names, read_carefully
from airflow_provider_evpl.decode.limits import MAX_REJECTIONS
from airflow_provider_evpl.decode.raw_json import count_lost
from airflow_provider_evpl.decode.schema import (
    AnySample,
    NumberSample,
    Report,
    S,
    check_count,
    read_header,
    series_of,
)
from airflow_provider_evpl.decode.values import InvalidValueError, Timestamps, pack, read_values
from airflow_provider_evpl.models import Entry, Page

if TYPE_CHECKING:
    from array import array

__all__ = ["PageDecoder"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_decode_numbers = msgspec.json.Decoder(Report[NumberSample], strict=False).decode
_decode_samples = msgspec.json.Decoder(Report[AnySample]).decode


class PageDecoder:
    """Reads responses of the report.

    Args:
        naive_timestamps: `reject` a timestamp without a zone, or read it as `utc`.
        max_rejections: of a page.
        holds_secret: whether a secret is in names. Their entry is rejected, because names land unchanged.
    """

    def __init__(
        self,
        *,
        naive_timestamps: str = "reject",
        max_rejections: int = MAX_REJECTIONS,
        holds_secret: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._max_rejections = max_rejections
        self._holds_secret = holds_secret
        self._timestamps = Timestamps(naive_is_utc=naive_timestamps == "utc")
        self._fast_readers: Sequence[Callable[[bytes, Timestamps], Page]] = (_read_numbers, _read_samples)

    def decode(self, body: bytes) -> Page:
        """Read the body of one response. A byte order mark is ignored.

        Raises:
            EvplUnavailableError: it is not JSON, or it is cut off. Another request may help.
            EvplResponseError: it is not a report. `entries` or `hasNext` is missing or of the wrong type; it
                holds more than can be kept; it is broken outside of its entries; or a `timeStamp` is in no
                place where samples are.
        """
        text = body.removeprefix(_BYTE_ORDER_MARK).strip()
        page = self._read_fast(text)
        if page and not self._holds_secret(join_names(entry.series for entry in page.entries)):
            return page
        return read_carefully(text, self._timestamps, self._max_rejections, self._holds_secret)

    def _read_fast(self, text: bytes) -> Page | None:
        """Let a typed parser read the page; return None if anything is invalid, unknown or there twice.

        It reads with one of two types of sample: numbers only, or any documented value, such as null. Once a
        page needs the second type, the next pages start with it: such values usually affect all pages.
        """
        for position, read in enumerate(self._fast_readers):
            try:
                page = read(text, self._timestamps)
            except (ValueError, RecursionError, InvalidValueError):
                continue
            if not count_lost(text, sum(len(entry.timestamps) for entry in page.entries)):
                self._fast_readers = self._fast_readers[position:]
                return page
        return None


def _read_numbers(text: bytes, timestamps: Timestamps) -> Page:
    """Read a page in which each sample has a number, or text that the parser turns into a number.

    The parser takes fewer forms of a number than `float` does. It reads "-0" as 0.0, and "null" as null.
    A page that may have such text is left to `_read_samples`.
    """
    has_zero = False

    def read(samples: Sequence[NumberSample]) -> "array[float]":
        nonlocal has_zero
        values = [sample.value for sample in samples]
        if not math.isfinite(sum(values)):
            raise InvalidValueError("value is not finite")
        has_zero = has_zero or not all(values)
        return pack(values)

    report = _decode_numbers(text)
    if any(entry.samples is None for entry in report.entries):
        raise InvalidValueError("performanceValues may be the text null")
    page = _make_page(report, read, timestamps, len(text))
    if has_zero and (b'"-0"' in text or b"\\u00" in text):
        raise InvalidValueError("a value may be the text -0")
    return page


def _read_samples(text: bytes, timestamps: Timestamps) -> Page:
    def read(samples: Sequence[AnySample]) -> "array[float]":
        return pack(read_values([sample.value for sample in samples]))

    return _make_page(_decode_samples(text), read, timestamps, len(text))


def _make_page(
    report: Report[S],
    read: Callable[[Sequence[S]], "array[float]"],
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
        # Usually, all series of a page have the same timestamps.
        if own != texts:
            texts, moments = own, [timestamps[text] for text in own]
        entries.append(Entry(series_of(entry), moments, read(samples)))
    return Page(
        current_page=header.current_page,
        total_pages=header.total_pages,
        has_next=header.has_next,
        entry_count=len(entries),
        entries=entries,
        size=size,
    )


def _as_list(samples: list[S] | S | None) -> Sequence[S]:
    if isinstance(samples, list):
        return samples
    return () if samples is None else (samples,)
