"""Pages that no JSON reader takes whole: what is broken in them costs itself, and nothing beside it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.decode.decoder import PageDecoder
from airflow_provider_evpl.errors import EvplResponseError, EvplUnavailableError
from airflow_provider_evpl.models import Page, Series

NAMES = b'"objectInstanceId":"a","metric_name":"in"'
TIMES = (b"1970-01-01T00:00:01Z", b"1970-01-01T00:00:02Z", b"1970-01-01T00:00:03Z")
SERIES = Series("a", "in", None, None, None, None)
DEEP = b"[" * 100_000 + b"]" * 100_000
BROKEN = {
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "half of a character": rb'"\ud800"',
    "other half": rb'"\udc00"',
    "control character": b'"\x00"',
    "escape": rb'"\x"',
    "no UTF-8": b'"\xe9"',
    "deep": DEEP,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "leading zero": b"01",
    "plus": b"+1",
    "word": b"null or so",
    "many digits": b"9" * 100_000,
    "out of range": b"1e400",
}


def sample(value: bytes, time: bytes = TIMES[0]) -> bytes:
    """A sample, as text."""
    return b'{"timeStamp":"%b","value":%b}' % (time, value)


def entry(*samples: bytes, names: bytes = NAMES) -> bytes:
    """An entry of samples, as text."""
    return b'{%b,"performanceValues":[%b]}' % (names, b", ".join(samples))


def report(*entries: bytes) -> bytes:
    """A page of entries, as text."""
    return b'{"hasNext":false,"entries":[%b]}' % b",".join(entries)


def read(*entries: bytes) -> Page:
    """Read a page."""
    return PageDecoder().decode(report(*entries))


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_broken_value_costs_its_sample(value: bytes) -> None:
    """A value that is not JSON is rejected alone, byte for byte as it was sent. Its neighbors land."""
    page = read(entry(sample(b"1"), sample(value, TIMES[1]), sample(b"3", TIMES[2])), entry(sample(b"4")))
    assert [one.values.tolist() for one in page.entries] == [[1.0, 3.0], [4.0]]
    (rejected,) = page.rejections
    assert (rejected.entry, rejected.sample, rejected.samples) == (0, 1, 1)
    assert rejected.raw == sample(value, TIMES[1]).decode(errors="backslashreplace")


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_broken_name_costs_its_entry(value: bytes) -> None:
    """A name that is not JSON rejects its entry, for all its samples. The other entries land."""
    invalid = entry(sample(b"1"), sample(b"2"), names=b'"objectInstanceId":%b,"metric_name":"in"' % value)
    page = read(entry(sample(b"1")), invalid, entry(sample(b"4")))
    assert [one.values.tolist() for one in page.entries] == [[1.0], [4.0]]
    assert page.entry_count == 3
    assert [(one.entry, one.sample, one.samples) for one in page.rejections] == [(1, None, 2)]


@pytest.mark.parametrize("value", [b"NaN", DEEP, rb'"\ud800"'], ids=["NaN", "deep", "surrogate"])
def test_broken_unknown_field_costs_nothing(value: bytes) -> None:
    """An unknown field is reported by its name, whatever it holds."""
    body = report(entry(sample(b"1"), names=NAMES + b',"context":' + value))
    page = PageDecoder().decode(body[:-1] + b',"links":' + value + b"}")
    assert [one.values.tolist() for one in page.entries] == [[1.0]]
    assert page.rejections == []
    assert page.unknown_fields == {"links", "entries[].context"}


@pytest.mark.parametrize("invalid", [b"NaN", DEEP, b"{]", b'{"a" 1}', b"{7:1}", b'{"a":1,}', b"{,}"])
def test_broken_entry_is_rejected_alone(invalid: bytes) -> None:
    """An entry that is not JSON is rejected for one sample."""
    page = read(entry(sample(b"1")), invalid, entry(sample(b"4")))
    assert [one.values.tolist() for one in page.entries] == [[1.0], [4.0]]
    assert [(one.entry, one.sample, one.samples) for one in page.rejections] == [(1, None, 1)]


@pytest.mark.parametrize("values", [b"[1,]", b"[,1]", b"[NaN}"])
def test_broken_list_of_samples_costs_its_entry(values: bytes) -> None:
    """Samples that cannot be separated are rejected as one, with their entry."""
    page = read(b'{%b,"performanceValues":%b}' % (NAMES, values), entry(sample(b"4")))
    assert [one.values.tolist() for one in page.entries] == [[4.0]]
    assert [(one.entry, one.sample, one.samples) for one in page.rejections] == [(0, None, 1)]


@pytest.mark.parametrize(
    "body",
    [
        report() + b"x",
        report() + report(),
        report() + b"}",
        b'{"hasNext":NaN,"entries":[]}',
        b'{"hasNext":false,"entries":[{},]}',
        b'{"hasNext":false,"entries":[],}',
        b'{"hasNext":false,"entries":[],"\xe9":NaN}',
        b'{"hasNext":false,"entries":NaN}',
        b'{"hasNext":false,entries:[]}',
    ],
)
def test_page_broken_outside_of_its_entries_is_no_report(body: bytes) -> None:
    """The error is permanent, because the next response would be the same."""
    with pytest.raises(EvplResponseError, match="the response is not a report: "):
        PageDecoder().decode(body)


@given(st.sampled_from([b"1", *(value for value in BROKEN.values() if len(value) < 30)]), st.data())
def test_page_that_is_cut_off_is_a_temporary_error(value: bytes, data: st.DataObject) -> None:
    """A page that is cut at any place is requested again. It is never a shorter page."""
    body = report(entry(sample(b"1"), sample(value)), entry(sample(b"4")))
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(EvplUnavailableError, match="not complete JSON"):
        PageDecoder().decode(body[:end])


@pytest.mark.parametrize("value", [b'"1"', b"NaN"])
def test_byte_order_mark_is_ignored(value: bytes) -> None:
    """A byte order mark before the text, and blanks around it, change nothing."""
    body = report(entry(sample(value)))
    assert PageDecoder().decode(b"\xef\xbb\xbf \n" + body + b"\r\n") == PageDecoder().decode(body)


def test_performance_values_twice_are_rejected() -> None:
    """A second `performanceValues` would hide the first. The raw text shows both."""
    twice = entry(sample(b"1")).replace(b"}]}", b'}],"performanceValues":[]}')
    page = read(entry(sample(b"2")), twice, b"7", b"{}")
    assert [one.values.tolist() for one in page.entries] == [[2.0]]
    assert [one.reason for one in page.rejections] == [
        "performanceValues is there twice",
        "not an object",
        "entry: Object missing required field `objectInstanceId`",
    ]
    assert page.rejections[0].raw == twice.decode()


def test_time_stamp_twice_is_rejected() -> None:
    """Which moment is meant is unknown."""
    twice = sample(b"1").replace(b"{", b'{"timeStamp":"%b",' % TIMES[1])
    page = read(entry(sample(b"2"), twice))
    assert [one.values.tolist() for one in page.entries] == [[2.0]]
    assert [one.reason for one in page.rejections] == ["timeStamp is there twice"]


def test_entries_twice_are_no_report() -> None:
    """A second `entries` would hide the first."""
    body = report(entry(sample(b"1")))[:-1] + b',"entries":[]}'
    with pytest.raises(EvplResponseError, match="entries is there twice"):
        PageDecoder().decode(body)


def test_time_stamp_as_text_hides_nothing() -> None:
    """The text `timeStamp` in a name or in an unknown field costs no sample."""
    names = b'"objectInstanceId":"timeStamp","metric_name":"in","more":[%b]' % sample(b"7")
    page = read(entry(sample(b"1"), names=names))
    assert [(one.series.object_instance_id, one.values.tolist()) for one in page.entries] == [
        ("timeStamp", [1.0])
    ]
    assert page.rejections == []


@pytest.mark.parametrize("spelled", [rb'"timeSt\u0061mp":', rb'"\u0074ime\u0053ta\u006Dp" :'])
def test_escaped_name_hides_nothing(spelled: bytes) -> None:
    """A `timeStamp` whose name is escaped is read, and does not stand for a lost one."""
    escaped = entry(sample(b"1").replace(b'"timeStamp":', spelled))
    twice = entry(sample(b"2")).replace(b"}]}", b'}],"performanceValues":[]}')
    page = read(escaped)
    assert [one.values.tolist() for one in page.entries] == [[1.0]]
    assert page.rejections == []
    page = read(escaped, twice)
    assert [one.values.tolist() for one in page.entries] == [[1.0]]
    assert [one.reason for one in page.rejections] == ["performanceValues is there twice"]


@pytest.mark.contract("rejected.stray-timestamp")
@pytest.mark.parametrize(
    "name", [rb'"timeStamp"', rb'"Orl\u00e9ans"', rb'"\"timeStamp\": "', rb'"timeStamp:"', rb'"a\"timeStamp"']
)
def test_time_stamp_as_text_keeps_a_page_fast(name: bytes) -> None:
    """Values of that text are no field, so the fast way finds all samples."""
    body = report(entry(sample(b"1"), names=b'"objectInstanceId":%b,"metric_name":"in"' % name))
    assert PageDecoder()._read_fast(body)  # noqa: SLF001 the careful way reads the same
    page = PageDecoder().decode(report(entry(sample(b"1"), names=NAMES + b",%b : 7" % name)))
    assert [one.values.tolist() for one in page.entries] == [[1.0]]


@pytest.mark.contract("rejected.stray-timestamp")
@pytest.mark.parametrize("unknown", [b'"timeStamp" : "x"', b'"links":[%b, {"timeStamp"\n:7}]' % sample(b"7")])
def test_time_stamps_in_unknown_fields_cost_nothing(unknown: bytes) -> None:
    """Unknown fields of the page, an entry or a sample may hold time stamps. They are no samples."""
    page = PageDecoder().decode(
        report(entry(sample(b"1"), names=NAMES + b"," + unknown))[:-1] + b",%b}" % unknown
    )
    assert [one.values.tolist() for one in page.entries] == [[1.0]]
    page = read(entry(sample(b'1,"unit":{%b}' % unknown)), entry(sample(b'"x","unit":{%b}' % unknown)))
    assert [one.values.tolist() for one in page.entries] == [[1.0], []]
    assert [one.reason for one in page.rejections] == ["value is no number"]


LOST = b'{%b,"timeStamp":"%b","value":"1"}' % (NAMES, TIMES[0])
MORE = NAMES + b',"timeStamp":"timeStamp","context":[{"timeStamp":"timeStamp"}]'


@pytest.mark.contract("rejected.stray-timestamp")
@pytest.mark.parametrize(
    ("entries", "count"),
    [
        ([LOST], 1),
        ([entry(sample(b"1")), LOST, LOST], 2),
        ([entry(sample(b"1").replace(b"timeStamp", rb"timeSt\u0061mp")), LOST], 1),
        ([b'{%b,"context":{"timeStamp":1},"performanceValues":"x"}' % NAMES, LOST], 1),
        ([entry(sample(b'1,"a":{"timeStamp":1}'), sample(b'"x","a":{"timeStamp":1}'), names=MORE), LOST], 1),
        ([b'{%b,"performanceValues":null %b}' % (NAMES, sample(b"1"))], 1),
    ],
    ids=[
        "an entry",
        "two entries",
        "beside an escaped name",
        "beside a wrong shape",
        "beside unknown fields",
        "behind null",
    ],
)
def test_time_stamp_in_no_known_place_is_an_error(entries: list[bytes], count: int) -> None:
    """A page of which a sample would be lost is an error that says how many."""
    with pytest.raises(
        EvplResponseError,
        match=f"^the response has {count} timeStamp fields outside of the documented places",
    ):
        read(*entries)


def test_broken_renamed_list_is_named() -> None:
    """The reason names it, for one sample. A number that is too large is a number."""
    page = read(
        b'{%b,"measurements":[1,]}' % NAMES, entry(sample(b"1").replace(b'"value":1', b'"val":1e400'))
    )
    assert [(one.reason, one.samples) for one in page.rejections] == [
        ("no performanceValues; the unknown field measurements may be its new name", 1),
        ("no value; the unknown field val may be its new name", 1),
    ]


def test_too_many_rejections_are_an_error() -> None:
    """Rejections of a page are kept up to a limit; one more is an error."""
    decoder = PageDecoder(max_rejections=3)
    assert len(decoder.decode(report(*[b"1"] * 3)).rejections) == 3
    with pytest.raises(EvplResponseError, match=r"more than 3 invalid samples; .*not an object"):
        decoder.decode(report(*[b"1"] * 4))


@pytest.mark.parametrize(
    "values",
    [b"," * (4 << 20), b"[]" * (4 << 20), b'{"":' * (2 << 20) + b"[" * (2 << 20)],
    ids=["commas", "brackets", "both brackets"],
)
def test_too_many_values_are_an_error(values: bytes) -> None:
    """A response with more values than a normal response of its size is an error before it is read."""
    with pytest.raises(EvplResponseError, match="more than 4,194,304 values"):
        read(values)


def test_too_many_entries_are_an_error() -> None:
    """A page of half a million entries is read both ways; one more is an error."""
    most = [b"{%b}" % NAMES] * 500_000
    assert read(*most).entry_count == 500_000
    for one_more in (most[0], b"7"):
        with pytest.raises(EvplResponseError, match="has 500,001 elements, more than 500,000"):
            read(*most, one_more)


def test_unknown_names_are_kept_up_to_a_thousand() -> None:
    """The number of unknown names is limited, and costs no sample."""
    more = json.dumps({str(number): 1 for number in range(3000)}).encode()[1:-1]
    page = read(*[entry(sample(b"1"), names=NAMES + b"," + more)] * 2)
    assert len(page.unknown_fields) == 1000
    assert page.rejections == []


def test_broken_object_of_too_many_fields_is_rejected() -> None:
    """An object that is cut by hand is rejected beyond a limit of fields."""
    ten_thousand = b"{" + b",".join(b'"%d":NaN' % number for number in range(10_000))
    page = read(ten_thousand + b"}", ten_thousand + b",7}", entry(sample(b"1")))
    assert [one.reason for one in page.rejections] == [
        "entry: Object missing required field `objectInstanceId`",
        "more than 10,000 fields",
    ]
    assert [one.values.tolist() for one in page.entries] == [[1.0]]
