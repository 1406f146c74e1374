"""The careful way to read a page: sample by sample, so that an invalid one costs nothing else."""

import math
import re
from array import array
from collections.abc import Callable, Iterable
from itertools import chain, islice

import msgspec
from msgspec import Raw

from airflow_provider_evpl.decode.limits import MAX_NAME_LENGTH, MAX_UNKNOWN_NAMES, MAX_VALUES
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
    SAMPLE_NAMES,
    Header,
    check_count,
    read_header,
    read_series,
)
from airflow_provider_evpl.decode.values import InvalidValueError, Timestamps, read_value
from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError, name_of, one_line
from airflow_provider_evpl.models import Entry, Page, Rejection, Series

__all__ = ["join_names", "read_carefully"]

_REPORT_IT = "Report it to Orange: the API does not answer as documented. Nothing is landed."
_NUMBER = re.compile(rb"-?[0-9]")
_NULL = Raw(b"null")


def read_carefully(
    text: bytes, timestamps: Timestamps, max_rejections: int, holds_secret: Callable[[str], bool]
) -> Page:
    """Read a page sample by sample, and keep what is invalid as a rejection with its raw JSON.

    If samples are missing, a name is probably there twice, and a JSON parser sees only the last value. Then
    the page is read again with all objects cut by hand. That takes three times as long.

    Raises:
        EvplUnavailableError: the text is not JSON, or it is cut off. Another request may help.
        EvplResponseError: the text is not a report, has more than can be kept, or samples are still missing.
    """
    if max(text.count(b","), text.count(b"[") + text.count(b"{")) >= MAX_VALUES:
        raise EvplResponseError(f"the response has more than {MAX_VALUES:,} values.", "Pull shorter slices.")
    lost = 0
    for read_object in (read_fields, split_fields):
        reader = _PageReader(timestamps, read_object, max_rejections, holds_secret)
        page = reader.read(text)
        lost = count_lost(text, reader.time_stamps)
        if not lost:
            return page
    raise EvplResponseError(
        f"the response has {lost:,} timeStamp fields outside of the documented places.",
        _REPORT_IT,
        "If the rest landed, the samples of these fields would be lost.",
    )


class _PageReader:
    """Reads one page; collects the rejections and the names of unknown fields.

    Attributes:
        time_stamps: how many `timeStamp` fields it has read, rejected, or found in unknown fields.
    """

    def __init__(
        self,
        timestamps: Timestamps,
        read_object: Callable[[Raw | bytes], Fields],
        max_rejections: int,
        holds_secret: Callable[[str], bool],
    ) -> None:
        self._holds_secret = holds_secret
        self.time_stamps = 0
        self._max_rejections = max_rejections
        self._rejections: list[Rejection] = []
        self._unknown: set[str] = set()
        self._timestamps = timestamps
        self._read_object = read_object

    def read(self, text: bytes) -> Page:
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
            reason = one_line(error)
            if isinstance(error, CutOffError) or not _is_json(text):
                raise EvplUnavailableError(f"the response is not complete JSON: {reason}.") from error
            raise EvplResponseError(f"the response is not a report: {reason}.", _REPORT_IT) from error
        self._count_unknown(fields, PAGE_NAMES)
        return header, parts

    def _read_entry(self, position: int, raw: Raw) -> Entry | None:
        values: list[Raw] = []
        try:
            fields = self._read_fields(raw, ENTRY_NAMES, "entries[].")
            samples = fields.pop("performanceValues", None)
            if samples is not None:
                values = read_parts(samples)
            elif found := _find_renamed(fields):
                name, values = found
                raise _renamed("performanceValues", name)
            series = read_series(fields)
            self._check_names(series)
        except InvalidValueError as reason:
            self._reject(reason, position, None, raw, max(1, len(values)))
            return None
        entry = Entry(series, [], array("d"))
        if samples is None:
            return entry
        try:
            values = _sample_list(samples)
        except InvalidValueError as reason:
            self._reject(reason, position, None, raw, 1)
            return entry
        self._count_unknown(fields, ENTRY_NAMES)
        for index, value in enumerate(values):
            self._read_sample(entry, position, index, value)
        return entry

    def _check_names(self, series: Series) -> None:
        if self._holds_secret(join_names([series])):
            raise InvalidValueError("a name holds a secret")

    def _read_sample(self, entry: Entry, position: int, index: int, raw: Raw) -> None:
        try:
            fields = self._read_fields(raw, SAMPLE_NAMES, "entries[].performanceValues[].")
            timestamp = self._timestamps[_text(fields, "timeStamp")]
            value = read_value(read_json(_find_value(fields), object))
        except InvalidValueError as reason:
            self._reject(reason, position, index, raw, 1)
        else:
            entry.timestamps.append(timestamp)
            entry.values.append(math.nan if value is None else value)
            self.time_stamps += 1
            self._count_unknown(fields, SAMPLE_NAMES)

    def _read_fields(self, raw: Raw | bytes, known: frozenset[str], where: str) -> Fields:
        fields = self._read_object(raw)
        if names := _unknown_names(fields, known):
            room = MAX_UNKNOWN_NAMES - len(self._unknown)
            self._unknown.update(where + name for name in islice(names, room))
        return fields

    def _count_unknown(self, fields: Fields, known: frozenset[str]) -> None:
        """Count the `timeStamp` fields in unknown fields of an accepted object: they belong to no sample."""
        for name in _unknown_names(fields, known):
            self.time_stamps += (name == "timeStamp") + count_time_stamps(fields[name])

    def _reject(
        self, reason: InvalidValueError, entry: int, sample: int | None, raw: Raw, samples: int
    ) -> None:
        if len(self._rejections) >= self._max_rejections:
            raise EvplResponseError(
                f"the response has more than {self._max_rejections:,} invalid samples; the last: {reason}.",
                _REPORT_IT,
            )
        self.time_stamps += count_time_stamps(raw)
        text = bytes(raw).decode(errors="backslashreplace")
        self._rejections.append(Rejection(str(reason), entry, sample, samples, text))


def join_names(series: Iterable[Series]) -> str:
    """Join all names, to search secrets in them at once."""
    return "\n".join(filter(None, chain.from_iterable(series)))


def _is_json(text: bytes) -> bool:
    """Return whether it starts like an object, or is other JSON."""
    try:
        return begins_with(text, b"{") or bool(read_json(text, Raw))
    except InvalidValueError:
        return False


def _entry_list(fields: Fields) -> list[Raw]:
    if not begins_with(fields.get("entries", _NULL), b"["):
        raise InvalidValueError("entries is missing or no list")
    return read_parts(fields["entries"])


def _sample_list(raw: Raw) -> list[Raw]:
    """Read a list of samples. One object is a list of one, null is an empty list [A]."""
    if begins_with(raw, b"{"):
        return [raw]
    if not begins_with(raw, b"[") and not begins_with(raw, b"n"):
        raise InvalidValueError("performanceValues is neither list, object nor null")
    return read_parts(raw)


def _text(fields: Fields, name: str) -> str:
    value = read_json(fields.get(name, _NULL), object)
    if not isinstance(value, str):
        raise InvalidValueError(f"{name} is missing or no text")
    return value


def _unknown_names(fields: Fields, known: frozenset[str]) -> list[str]:
    """Return the names that are not documented, usually none."""
    return [] if known.issuperset(fields) else [name for name in fields if name not in known]


def _find_renamed(fields: Fields) -> tuple[str, list[Raw]] | None:
    """Find an unknown list or object in an entry without `performanceValues`: it may hold the samples.

    Of several such fields, the one with the most `timeStamp` fields is taken, then the longest. Return its
    name and its elements; None if there is no such field.
    """
    found = [
        (count_time_stamps(fields[name]), _parts(fields[name]), name)
        for name in _unknown_names(fields, ENTRY_NAMES)
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


def _find_value(fields: Fields) -> Raw:
    """Return the text of a sample's value, null if it has none.

    Raises:
        InvalidValueError: `value` is missing, but an unknown field has a number.
    """
    if "value" not in fields:
        for name in _unknown_names(fields, SAMPLE_NAMES):
            if _is_number(fields[name]):
                raise _renamed("value", name)
    return fields.get("value", _NULL)


def _is_number(raw: Raw) -> bool:
    """Return whether it is a number, however large, or text that is read as a number."""
    if _NUMBER.match(raw):
        return True
    try:
        return read_value(read_json(raw, str)) is not None
    except InvalidValueError:
        return False


def _renamed(missing: str, name: str) -> InvalidValueError:
    """Make the error of a field that has a new name.

    The name is shown whole or not at all: redaction would not recognize a part of a secret.
    """
    shown = name_of(name, most=MAX_NAME_LENGTH)
    return InvalidValueError(f"no {missing}; the unknown field {shown} may be its new name")
