"""What comes of each fault of the sandbox: the exact rows land, or an error and nothing changes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplNotPublishedError,
    EvplPagingError,
    EvplRequestError,
    EvplResponseError,
)
from airflow_provider_evpl.sandbox.data import Row
from tests.support.faults_pulls import EXCHANGES, HOURLY, PLACES, Case, Fails, LakeRow, Lands, Left, Place

_NAMES = 6


def _renamed(change: Callable[[str], str]) -> Lands:
    def rename(row: Row) -> LakeRow:
        return (*(change(str(name)) for name in row[:_NAMES]), *row[_NAMES:])

    left: Left = lambda place: rename(place.row) if place.in_affected_entry else place.row  # noqa: E731 its type
    return Lands(left=left)


NAMES: dict[str, Lands] = {
    "names-slash": _renamed(lambda name: f"/etc/{name}/x"),
    "names-dots": _renamed(lambda name: f"../../{name}"),
    "names-quotes": _renamed(lambda name: f"{name}'\"`; --"),
    "names-newline": _renamed(lambda name: f"{name}\r\n\tx"),
    "names-nul": _renamed(lambda name: f"{name}\0x"),
    "names-emoji": _renamed(lambda name: f"{name} \U0001f525"),
    "names-blanks": _renamed(lambda name: f" {name} "),
    "names-long": _renamed(lambda name: name + "x" * 10_240),
    "names-surrogate": Lands(
        left=lambda place: None if place.in_affected_entry else place.row,
        rejected={"no readable JSON: Input data was truncated": 48},
    ),
    "field-name-hostile": Lands(unknown=("entries[].../'\" \U0001f525",)),
}


Table: TypeAlias = dict[str, Lands | Fails]

BY_PAGE = {"pagination": "page"}
NAIVE_IS_UTC = {"naive_timestamps": "utc"}
SAME = Lands()
EIGHT_SLICES = replace(HOURLY, slice_length=timedelta(hours=3))


def _of_samples(change: Callable[[Row], LakeRow | None]) -> Left:
    return lambda place: change(place.row) if place.is_affected else place.row


def _of_entries(change: Callable[[Row], LakeRow | None]) -> Left:
    return lambda place: change(place.row) if place.in_affected_entry else place.row


def _nothing(_: Row) -> None:
    return None


def _without_value(row: Row) -> LakeRow:
    return (*row[:-1], None)


def _without_place(row: Row) -> LakeRow:
    return (None, row.object_instance_id, row.metric_name, None, None, None, row.timestamp, row.value)


def _rejects(reason: str) -> Lands:
    return Lands(left=_of_samples(_nothing), rejected={reason: 6})


def _rejects_entries(reason: str, *, samples: int = 48) -> Lands:
    return Lands(left=_of_entries(_nothing), rejected={reason: samples})


def _paging(why: str) -> Fails:
    return Fails(EvplPagingError, why)


def _response(why: str) -> Fails:
    return Fails(EvplResponseError, why)


def _far_end(place: Place) -> LakeRow | None:
    """Of two ends that look the same the last one on the pages stays: the far one, Z."""
    near = (place.element - 1) % 4 < 2
    row = place.row
    return None if near else (*row[:3], None, None, None, *row[6:])


def _differing_ends() -> int:
    values = {(place.element, place.hour): place.row.value for place in PLACES}
    near = [(element, hour) for element in (1, 2, 5, 6) for hour in range(24)]
    return sum(values[element, hour] != values[element + 2, hour] for element, hour in near)


NULL = Lands(left=_of_samples(_without_value))
NO_ENTRY = Lands(left=_of_entries(_nothing))
NO_PLACE = Lands(left=_of_entries(_without_place))
NO_NUMBER = _rejects("value is no number")
NOT_FINITE = _rejects("value is not finite")
OTHER_TYPE = _rejects("value is neither number, text nor null")
NOT_ISO = _rejects("timeStamp is not ISO 8601")
NO_TIME = _rejects("timeStamp is missing or no text")
NO_OBJECT = "not an object"
NO_TOKEN = _response("has no usable access_token")
NOT_BEARER = _response("has a token_type other than Bearer")
NO_LIFETIME = _response("has an expires_in that is no number of seconds above 0")
NO_ELEMENT = _paging("page 2: hasNext is true, but there is no element")
LATER_ELEMENT = _paging("page 2: currentPage is 4, expected 2")

DEMANDS: Table = {
    "basic-refused": Fails(EvplAuthError, "invalid_client", final=True),
    "form-refused": SAME,
    "ctxtid-joined": Fails(EvplRequestError, "400/28"),
    "ctxtid-first": Fails(EvplRequestError, "400/28"),
}
TOKENS: Table = {
    "token-ends-earlier": SAME,
    "token-refused": Fails(EvplAuthError, "401/41"),
    "expires-in-text": SAME,
    "expires-in-tiny": SAME,
    "expires-in-null": SAME,
    "expires-in-missing": SAME,
    "expires-in-word": NO_LIFETIME,
    "expires-in-zero": NO_LIFETIME,
    "token-type-lower-case": SAME,
    "token-type-mac": NOT_BEARER,
    "token-type-missing": NOT_BEARER,
    "access-token-null": NO_TOKEN,
    "access-token-missing": NO_TOKEN,
}
PAGES: Table = {
    "element-inserted": Lands(duplicates=24),
    "page-repeated": _paging("page 2: its elements were on an earlier page"),
    "page-skipped": _paging("page 2: currentPage is 3, expected 2"),
    "page-short": SAME,
    "page-empty": NO_ELEMENT,
    "page-sizes-growing": SAME,
    "pagination-by-page": LATER_ELEMENT,
    "total-pages-drifting": _paging("page 2: totalPages was 3, now it is 4"),
    "total-pages-too-few": _paging("page 2: more than 2 pages"),
    "total-pages-too-many": _paging("page 3: it is the last page, totalPages is 4"),
    "total-pages-zero": SAME,
    "total-pages-text": _response(r"Expected `int \| null`, got `str` - at `\$.totalPages`"),
    "total-pages-missing": SAME,
    "current-page-from-zero": SAME,
    "current-page-stuck": _paging("page 2: currentPage is 1, expected 2"),
    "current-page-missing": _paging("page 1: currentPage is missing"),
    "page-numbers-zero": SAME,
    "page-numbers-missing": SAME,
    "has-next-for-ever": _paging("page 3: more than 3 pages"),
    "has-next-never": _paging("page 1: it is the last page, totalPages is 3"),
    "has-next-null": _response("Expected `bool`, got `null`"),
    "has-next-text": _response("Expected `bool`, got `str`"),
    "has-next-missing": _response("missing required field `hasNext`"),
    "page-field-unknown": Lands(unknown=("generatedAt",)),
    "places-missing": Lands(left=_far_end, duplicates=96, conflicts=_differing_ends()),
    "entries-null": _response("entries is missing or no list"),
    "entries-missing": _response("entries is missing or no list"),
}
ROWS: Table = {
    "end-inclusive": Lands(out_of_window=8),
    "start-early": Lands(out_of_window=8),
    "start-exclusive": Lands(left=lambda place: place.row if place.hour else None),
    "window-cut": Lands(left=lambda place: place.row if place.hour < 12 else None),
    "steps-coarser": Lands(left=lambda place: None if place.hour % 2 else place.row),
    "samples-descending": SAME,
    "series-split": SAME,
    "entry-repeated": Lands(duplicates=48),
    "samples-late": Lands(left=lambda place: place.row if place.hour < 23 else None),
    "retention-empty": SAME,
    "retention-null": SAME,
    "window-unpublished": Fails(EvplNotPublishedError, "not published yet"),
    "window-without-samples": Fails(EvplNotPublishedError, "not published yet"),
}
ENTRIES: Table = {
    "performance-values-one-object": Lands(
        left=lambda place: place.row if not place.in_affected_entry or place.hour == 0 else None
    ),
    "performance-values-empty": NO_ENTRY,
    "performance-values-null": NO_ENTRY,
    "performance-values-missing": NO_ENTRY,
    "performance-values-text": _rejects_entries(
        "performanceValues is neither list, object nor null", samples=2
    ),
    "entry-field-unknown": Lands(unknown=("entries[].bandwidth",)),
    "entry-sub-object": Lands(unknown=("entries[].subObjectInstanceId",)),
    "optional-null": NO_PLACE,
    "optional-missing": NO_PLACE,
    "optional-number": _rejects_entries("entry: Expected `str | null`, got `int` - at `$.pop_name`"),
    "object-instance-id-null": _rejects_entries(
        "entry: Expected `str`, got `null` - at `$.objectInstanceId`"
    ),
    "object-instance-id-number": _rejects_entries(
        "entry: Expected `str`, got `int` - at `$.objectInstanceId`"
    ),
    "object-instance-id-missing": _rejects_entries("entry: Object missing required field `objectInstanceId`"),
    "metric-name-null": _rejects_entries("entry: Expected `str`, got `null` - at `$.metric_name`"),
    "metric-name-number": _rejects_entries("entry: Expected `str`, got `int` - at `$.metric_name`"),
    "metric-name-missing": _rejects_entries("entry: Object missing required field `metric_name`"),
    "entry-null": _rejects_entries(NO_OBJECT, samples=2),
    "entry-text": _rejects_entries(NO_OBJECT, samples=2),
}
SAMPLES: Table = {
    "sample-repeated": Lands(duplicates=6),
    "sample-conflict": Lands(left=_of_samples(lambda row: (*row[:-1], 100.01)), duplicates=6, conflicts=6),
    "sample-beside-null": Lands(duplicates=6, conflicts=6),
    "sample-field-unknown": Lands(unknown=("entries[].performanceValues[].quality",)),
    "sample-context": Lands(unknown=("entries[].performanceValues[].context",)),
    "sample-null": _rejects(NO_OBJECT),
    "sample-text": _rejects(NO_OBJECT),
    "value-number": SAME,
    "value-blanks": SAME,
    "value-exponent": SAME,
    "value-null": NULL,
    "value-empty": NULL,
    "value-missing": NULL,
    "value-blank": NO_NUMBER,
    "value-nan": NOT_FINITE,
    "value-bare-nan": _rejects("no readable JSON: JSON is malformed: invalid character (byte 0)"),
    "value-infinity": NOT_FINITE,
    "value-huge": NOT_FINITE,
    "value-huge-number": NO_NUMBER,
    "value-not-available": NO_NUMBER,
    "value-comma": NO_NUMBER,
    "value-percent": NO_NUMBER,
    "value-underscore": NO_NUMBER,
    "value-other-digits": NO_NUMBER,
    "value-negative": Lands(left=_of_samples(lambda row: (*row[:-1], -3.5))),
    "value-above-hundred": Lands(left=_of_samples(lambda row: (*row[:-1], 250.0))),
    "value-true": OTHER_TYPE,
    "value-list": OTHER_TYPE,
    "value-object": OTHER_TYPE,
    "timestamp-offset": SAME,
    "timestamp-nine-zeros": SAME,
    "timestamp-nanosecond": _rejects("timeStamp has digits below a microsecond"),
    "timestamp-whole-second": SAME,
    "timestamp-off-grid": Lands(left=_of_samples(lambda row: (*row[:-2], row.timestamp + 17, row.value))),
    "timestamp-comma": SAME,
    "timestamp-naive": _rejects("timeStamp has no zone"),
    "timestamp-blank": NOT_ISO,
    "timestamp-not-iso": NOT_ISO,
    "timestamp-impossible": _rejects("timeStamp is no date and time"),
    "timestamp-number": NO_TIME,
    "timestamp-null": NO_TIME,
    "timestamp-missing": NO_TIME,
}
TOGETHER: Table = {
    "page-repeated page-numbers-zero": PAGES["page-repeated"],
    "page-empty page-numbers-missing": NO_ELEMENT,
    "has-next-for-ever page-numbers-zero": _paging("page 4: hasNext is true, but there is no element"),
    "pagination-by-page page-numbers-zero": _paging("page 2: hasNext was true on the page before"),
    "total-pages-zero current-page-from-zero": SAME,
    "series-split page-short samples-descending sample-repeated": Lands(duplicates=6),
    "value-comma timestamp-offset": NO_NUMBER,
}
WITH_BY_PAGE: Table = {
    "": _paging("page 2: currentPage is 1, expected 2"),
    "pagination-by-page": SAME,
    "pagination-by-page page-short": SAME,
    "pagination-by-page page-sizes-growing": SAME,
    "pagination-by-page page-empty": NO_ELEMENT,
    "pagination-by-page page-skipped": PAGES["page-skipped"],
    "pagination-by-page page-repeated": PAGES["page-repeated"],
    "pagination-by-page page-numbers-zero": SAME,
    "pagination-by-page has-next-for-ever page-numbers-missing": _paging("page 4: hasNext is true"),
}
# What is not seen: all that the answers say of themselves adds up, and these elements are in none of them.
UNSEEN = {
    "element-removed": {4},
    "page-repeated page-short": {4, 5, 6},
    "page-skipped page-numbers-zero": {4, 5, 6},
    "pagination-by-page page-sizes-growing page-numbers-missing": {4, 5, 6},
    "has-next-never page-numbers-zero": {4, 5, 6, 7, 8},
}


def _cases() -> Iterator[Case]:
    for table in (DEMANDS, TOKENS, PAGES, ROWS, ENTRIES, NAMES, SAMPLES, TOGETHER):
        for names, outcome in table.items():
            yield Case(tuple(names.split()), outcome)
    yield from EXCHANGES
    for names in ("token-expires-early", "token-revoked"):
        yield Case((names,), SAME, plan=EIGHT_SLICES)
    yield Case(("end-inclusive", "start-early"), Lands(out_of_window=8 * 2 * 8), plan=EIGHT_SLICES)
    for names, outcome in WITH_BY_PAGE.items():
        yield Case(tuple(names.split()), outcome, BY_PAGE)
    yield Case(("timestamp-naive",), SAME, NAIVE_IS_UTC)
    yield Case(("basic-refused",), SAME, {"token_auth": "post"})
    yield Case(("ctxtid-joined",), SAME, {"ctxtid": '["wses,vsn"]'})


CASES = list(_cases())
