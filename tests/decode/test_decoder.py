import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.decode.careful import read_carefully
from airflow_provider_evpl.decode.decoder import PageDecoder
from airflow_provider_evpl.decode.values import Timestamps, pack
from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError
from airflow_provider_evpl.models import Entry, Page, Rejection, Series

NAMES = {"objectInstanceId": "circuit-1", "metric_name": "in"}
TIME = "1970-01-01T00:00:01Z"
SAMPLE = {"timeStamp": TIME, "value": "1.5"}
SERIES = Series("circuit-1", "in", None, None, None, None)


def decode(*entries: object, naive_timestamps: str = "reject", **changes: object) -> Page:
    """Read a page of these entries."""
    body = {"hasNext": False, "entries": list(entries)} | changes
    return PageDecoder(naive_timestamps=naive_timestamps).decode(json.dumps(body).encode())


def entry(*samples: object, **changes: object) -> dict[str, object]:
    """An entry with these samples."""
    return NAMES | {"performanceValues": list(samples)} | changes


def only(page: Page) -> tuple[Entry, list[tuple[str, int, int | None, int]]]:
    """The one entry of a page, and what was rejected, without the raw text."""
    (got,) = page.entries
    return got, [(one.reason, one.entry, one.sample, one.samples) for one in page.rejections]


times = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
odd_times = st.sampled_from(["", "2026-11-22", "2026-11-22T00:00:00", None, 7, ["x"], "2026-02-30T00:00:00Z"])
good_values = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30)
odd_values = st.sampled_from(["N/A", "12,5", "12 %", "NaN", "inf", "1_0", True, [], {}, "\uff11", " "])
decimal_texts = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(["", " 1 "])
unknown = st.dictionaries(st.sampled_from(["context", "unit"]), st.integers() | st.text(), max_size=1)
samples: st.SearchStrategy[Any] = st.builds(
    lambda time, value, more: {"timeStamp": time, "value": value} | more,
    times | odd_times,
    good_values | decimal_texts | odd_values,
    unknown,
) | st.sampled_from([None, 7, "x", [], {}, {"timeStamp": TIME}, {"value": "1"}])
good_samples = st.builds(
    lambda time, value: {"timeStamp": time, "value": value}, times, good_values | decimal_texts
) | st.just({"timeStamp": TIME})
optional_names = st.fixed_dictionaries(
    {},
    optional={
        name: st.none() | st.text() for name in ("pop_country", "pop_name", "pop_section_name", "objectType")
    },
)


def pages(
    one_sample: st.SearchStrategy[Any], more: st.SearchStrategy[dict[str, Any]]
) -> st.SearchStrategy[Any]:
    """Pages of entries of samples."""
    one_entry = st.builds(
        lambda names, values, extra: NAMES | names | {"performanceValues": values} | extra,
        optional_names,
        st.lists(one_sample, max_size=4) | one_sample | st.none(),
        more,
    )
    return st.builds(
        lambda entries, extra: {"hasNext": True, "currentPage": 1, "entries": entries} | extra,
        st.lists(one_entry, max_size=4),
        more,
    )


def careful(body: bytes) -> Page:
    """Read a page the careful way, whatever is in it."""
    timestamps = Timestamps(naive_is_utc=False)
    return read_carefully(body.strip(), timestamps, max_rejections=1000, holds_secret=lambda _: False)


@given(pages(good_samples, st.just({})))
def test_fast_and_careful_way_agree(page: dict[str, Any]) -> None:
    """A page in which all is as documented reads the same both ways, and nothing is rejected."""
    body = json.dumps(page).encode()
    read = PageDecoder().decode(body)
    assert repr(read) == repr(careful(body))  # a missing value is NaN, which equals nothing
    assert read.rejections == []
    assert read.unknown_fields == frozenset()


@given(pages(samples, unknown))
def test_each_sample_is_accepted_or_rejected(page: dict[str, Any]) -> None:
    """Each sample of any page is accepted or rejected once, by its position."""
    body = b"\n " + json.dumps(page).encode()
    read = PageDecoder().decode(body)
    assert repr(read) == repr(careful(body))  # a missing value is NaN, which equals nothing
    assert read.entry_count == len(page["entries"])
    rejected = [(one.entry, one.sample) for one in read.rejections]
    assert len(set(rejected)) == len(rejected)
    assert all(one.samples == 1 for one in read.rejections)
    total = 0
    for sent in page["entries"]:
        values = sent["performanceValues"]
        total += len(values) if isinstance(values, list) else values is not None
    assert sum(len(one.timestamps) for one in read.entries) + len(rejected) == total
    assert all(len(one.timestamps) == len(one.values) for one in read.entries)


@given(pages(samples, unknown), st.data())
def test_invalid_entry_costs_nothing_else(page: dict[str, Any], data: st.DataObject) -> None:
    """All other entries of a page read the same, whatever is beside them."""
    body = json.dumps(page).encode()
    invalid = data.draw(st.sampled_from([None, 7, {}, {"metric_name": "in"}, [NAMES], "x"]))
    more = json.dumps(page | {"entries": [*page["entries"], invalid]}).encode()
    read, beside = PageDecoder().decode(body), PageDecoder().decode(more)
    assert repr(beside.entries) == repr(read.entries)  # a missing value is NaN, which equals nothing
    assert beside.rejections[:-1] == read.rejections
    assert beside.rejections[-1].sample is None


def test_page_has_all_documented_fields() -> None:
    """Each documented field is read under its name."""
    names = {"pop_country": "FR", "pop_name": "Paris", "pop_section_name": "A", "objectType": "EVPL"}
    page = decode(entry(SAMPLE, **names), entry(), hasNext=True, currentPage=2, totalPages=3)
    assert page == Page(
        current_page=2,
        total_pages=3,
        has_next=True,
        entry_count=2,
        entries=[
            Entry(Series("circuit-1", "in", "FR", "Paris", "A", "EVPL"), [1_000_000], pack([1.5])),
            Entry(SERIES, [], pack([])),
        ],
        size=page.size,
    )


@pytest.mark.contract("gap.A12")
@pytest.mark.parametrize("none", [{}, {"performanceValues": None}, {"performanceValues": []}])
@pytest.mark.parametrize(
    "more", [{}, {"unknown": 1}, {"context": "a", "bandwidth": "5", "on": True, "x": None}]
)
def test_missing_null_and_empty_samples(none: dict[str, object], more: dict[str, object]) -> None:
    """Missing, null and empty `performanceValues` are no samples, and nothing is rejected."""
    assert only(decode(NAMES | none | more)) == (Entry(SERIES, [], pack([])), [])


@pytest.mark.contract("gap.A12")
@pytest.mark.parametrize("more", [{}, {"unknown": 1}])
def test_one_object_is_a_list_of_one(more: dict[str, object]) -> None:
    """One object in place of the list is a list of one."""
    got, rejected = only(decode(NAMES | {"performanceValues": SAMPLE} | more))
    assert (got, rejected) == (Entry(SERIES, [1_000_000], pack([1.5])), [])


@pytest.mark.contract("rejected.counts", "gap.A12")
@pytest.mark.parametrize("shape", ["x", 7, True, 1.5])
def test_performance_values_of_another_type_are_rejected(shape: object) -> None:
    """Any other type is rejected as one sample, and the entry counts."""
    got, rejected = only(decode(NAMES | {"performanceValues": shape}))
    assert got == Entry(SERIES, [], pack([]))
    assert rejected == [("performanceValues is neither list, object nor null", 0, None, 1)]


@pytest.mark.contract("rejected.counts", "gap.A13")
@pytest.mark.parametrize("missing", ["objectInstanceId", "metric_name"])
@pytest.mark.parametrize("wrong", [None, 7, [], "absent"])
def test_entry_without_a_required_name_is_rejected(missing: str, wrong: object) -> None:
    """The entry is rejected for all its samples, at least one."""
    for values, count in ([SAMPLE] * 3, 3), ([], 1), (SAMPLE, 1), (None, 1):
        sent = entry(performanceValues=values)
        sent |= {missing: wrong}
        if wrong == "absent":
            del sent[missing]
        page = decode(entry(SAMPLE), sent)
        assert len(page.entries) == 1
        (rejected,) = page.rejections
        assert (rejected.entry, rejected.sample, rejected.samples) == (1, None, count)
        assert missing in rejected.reason
        assert json.loads(rejected.raw) == sent


def test_entry_with_a_name_of_the_wrong_type_is_rejected() -> None:
    """Such a name cannot identify a series."""
    page = decode(entry(SAMPLE, SAMPLE, pop_name=7))
    assert page.entries == []
    assert [(one.samples, "pop_name" in one.reason) for one in page.rejections] == [(2, True)]


@pytest.mark.contract("rejected.counts")
@pytest.mark.parametrize("shape", [None, 7, "x", []])
def test_entry_that_is_no_object_is_rejected(shape: object) -> None:
    """It is rejected for one sample."""
    page = decode(shape)
    assert page.rejections == [Rejection("not an object", 0, None, 1, json.dumps(shape))]
    assert page.entry_count == 1


@pytest.mark.contract("values.rejected", "rejected.counts", "gap.A11", "gap.A13")
@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (SAMPLE | {"value": "N/A"}, "value is no number"),
        (SAMPLE | {"value": "NaN"}, "value is not finite"),
        (SAMPLE | {"value": True}, "value is neither number, text nor null"),
        (SAMPLE | {"value": {}}, "value is neither number, text nor null"),
        (SAMPLE | {"value": int("9" * 400)}, "value is no number"),
        (SAMPLE | {"timeStamp": None}, "timeStamp is missing or no text"),
        (SAMPLE | {"timeStamp": 7}, "timeStamp is missing or no text"),
        ({"value": 1}, "timeStamp is missing or no text"),
        (SAMPLE | {"timeStamp": "1970-01-01T00:00:01"}, "timeStamp has no zone"),
        (None, "not an object"),
        ([], "not an object"),
    ],
)
def test_invalid_sample_is_rejected_alone(sample: object, why: str) -> None:
    """It is rejected with its reason, its position and its raw text."""
    page = decode(entry(SAMPLE, sample, SAMPLE))
    got, rejected = only(page)
    assert got == Entry(SERIES, [1_000_000] * 2, pack([1.5] * 2))
    assert rejected == [(why, 0, 1, 1)]
    assert json.loads(page.rejections[0].raw) == sample


@pytest.mark.contract("column.value", "values.null")
def test_values_and_their_absence() -> None:
    """Numbers and their text are values. Null, empty text and no value are a sample without a value."""
    values = ["1.5", 2, 2.5, " 3 ", None, ""]
    page = decode(entry(*(SAMPLE | {"value": value} for value in values), {"timeStamp": TIME}))
    *numbers, first, second, third = only(page)[0].values
    assert numbers == [1.5, 2.0, 2.5, 3.0]
    assert all(map(math.isnan, (first, second, third)))


@pytest.mark.contract("rejected.unknown-list", "gap.A12")
@pytest.mark.parametrize(
    ("samples", "count"), [([SAMPLE] * 3, 3), ([1, 2], 2), ([], 1), ({"a": [SAMPLE] * 3}, 1), ({}, 1)]
)
def test_renamed_performance_values_are_rejected(samples: object, count: int) -> None:
    """An entry whose samples may have a new name is rejected for all of them. The reason has the name."""
    sent = {"context": "a"} | NAMES | {"measurements": samples}
    assert decode(entry(SAMPLE), sent).rejections == [
        Rejection(
            "no performanceValues; the unknown field measurements may be its new name",
            1,
            None,
            count,
            json.dumps(sent),
        )
    ]


def test_renamed_field_has_the_most_time_stamps() -> None:
    """The reason names the field with the most time stamps, then the longest. An object counts as one."""
    lists = {"context": {"a": 1}, "zones": [9, 9], "links": [1, 2, 3], "unit": "%"}
    (rejection,) = decode(NAMES | lists).rejections
    assert (rejection.samples, "field links may" in rejection.reason) == (3, True)
    (rejection,) = decode(NAMES | lists | {"measurements": [SAMPLE, SAMPLE], "last": SAMPLE}).rejections
    assert (rejection.samples, "field measurements may" in rejection.reason) == (2, True)


@pytest.mark.contract("rejected.unknown-list")
@pytest.mark.parametrize("none", [None, []])
def test_no_samples_beside_an_unknown_list(none: object) -> None:
    """Null and empty `performanceValues` are no samples, whatever an unknown field holds."""
    page = decode(entry(performanceValues=none, measurements=[SAMPLE], context={"a": SAMPLE}))
    assert only(page) == (Entry(SERIES, [], pack([])), [])


@pytest.mark.contract("values.missing", "gap.A13")
@pytest.mark.parametrize("number", [5, 0, -1.5, "5", " 3 ", "1e3", 10**400], ids=lambda one: repr(one)[:9])
def test_renamed_value_is_rejected(number: object) -> None:
    """A sample with a number under another name is rejected. The reason has the name."""
    page = decode(entry(SAMPLE, {"timeStamp": TIME, "unit": "%", "val": number}))
    got, rejected = only(page)
    assert got == Entry(SERIES, [1_000_000], pack([1.5]))
    assert rejected == [("no value; the unknown field val may be its new name", 0, 1, 1)]


@pytest.mark.contract("values.missing")
@pytest.mark.parametrize("other", [True, None, "", " ", "%", "NaN", "1_0", [5], {"a": 5}])
def test_sample_without_a_number_has_no_value(other: object) -> None:
    """A sample without `value` is accepted if no other field has a number."""
    (value,) = only(decode(entry({"timeStamp": TIME, "unit": other})))[0].values
    assert math.isnan(value)


@pytest.mark.contract("values.missing")
@pytest.mark.parametrize("none", [None, ""])
def test_empty_value_beside_a_number_is_no_value(none: object) -> None:
    """A sample with an empty value has no value, whatever an unknown field holds."""
    page = decode(entry(SAMPLE | {"value": none, "val": 5}))
    (value,) = only(page)[0].values
    assert (math.isnan(value), page.rejections) == (True, [])


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\n\r\x1b b", "a  b"), ("", ""), ("n" * 100, "n" * 100), ("n" * 101, "a name of 101 characters")],
    ids=["control characters", "empty", "long", "too long"],
)
def test_reason_is_short_and_on_one_line(name: str, shown: str) -> None:
    """A name in a reason has no control characters. A name that is too long is not shown."""
    page = decode(NAMES | {name: []}, entry({"timeStamp": TIME, name: 5}))
    assert [one.reason for one in page.rejections] == [
        f"no performanceValues; the unknown field {shown} may be its new name",
        f"no value; the unknown field {shown} may be its new name",
    ]


def test_naive_timestamps_may_be_utc() -> None:
    """If the connection says so, a timestamp without a zone is UTC."""
    page = decode(entry({"timeStamp": "1970-01-01T00:00:01"}), naive_timestamps="utc")
    read, rejected = only(page)
    (value,) = read.values
    assert math.isnan(value)
    assert (read.series, read.timestamps, rejected) == (SERIES, [1_000_000], [])


def test_unknown_fields_are_reported() -> None:
    """Undocumented names are reported with their path, and change nothing."""
    page = decode(entry(SAMPLE | {"unit": "%"}, context={"a": 1}), links=[])
    assert only(page) == (Entry(SERIES, [1_000_000], pack([1.5])), [])
    assert page.unknown_fields == {"links", "entries[].context", "entries[].performanceValues[].unit"}
    page = decode(entry(context=1), entry(period=2), totalPages=2)
    assert page.unknown_fields == {"entries[].context", "entries[].period"}
    assert page.total_pages == 2


def test_invalid_utf_8_costs_its_sample_or_entry() -> None:
    """The raw text shows the invalid byte."""
    template = json.dumps({"hasNext": False, "entries": [entry(SAMPLE, SAMPLE | {"value": "@"})]}).encode()
    page = PageDecoder().decode(template.replace(b"@", b"\xe9"))
    assert only(page)[0] == Entry(SERIES, [1_000_000], pack([1.5]))
    assert page.rejections[0].reason.startswith("no readable JSON: ")
    assert r'"\xe9"' in page.rejections[0].raw
    page = PageDecoder().decode(template.replace(b"circuit-1", b"\xe9"))
    assert page.entries == []
    assert page.rejections[0].samples == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"hasNext": None},
        {"hasNext": "true"},
        {"entries": None},
        {"entries": {}},
        {"currentPage": "1"},
        {"totalPages": 1.5},
    ],
)
def test_wrong_page_field_is_no_report(changes: dict[str, Any]) -> None:
    """JSON in which a field of the page is missing or of another type is not a report."""
    with pytest.raises(EvplResponseError, match=f"the response is not a report: .*{next(iter(changes))}"):
        decode(**changes)


@pytest.mark.contract("gap.A6", "gap.A24")
@pytest.mark.parametrize("missing", ["hasNext", "entries"])
def test_report_needs_has_next_and_entries(missing: str) -> None:
    """Neither `hasNext` nor `entries` may be missing."""
    body = {"hasNext": False, "entries": []}
    del body[missing]
    with pytest.raises(EvplResponseError, match=missing):
        PageDecoder().decode(json.dumps(body).encode())


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"[NaN]", b"{", b'{"hasNext":false,"entries":[]'])
def test_text_that_is_no_json_is_a_temporary_error(body: bytes) -> None:
    """Text that is not JSON, or is cut off, may be right the next time."""
    with pytest.raises(EvplUnavailableError, match="not complete JSON"):
        PageDecoder().decode(body)


def test_deeply_nested_value_is_rejected() -> None:
    """A value that is nested too deeply is rejected alone."""
    deep = b"[" * 900 + b"]" * 900
    body = msgspec.json.encode({"hasNext": False, "entries": [entry(SAMPLE | {"value": "@"})]})
    page = PageDecoder().decode(body.replace(b'"@"', deep))
    assert [one.reason for one in page.rejections] == ["value is neither number, text nor null"]
