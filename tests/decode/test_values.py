import math
import re
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_evpl.decode.limits import MAX_TIMESTAMPS
from airflow_provider_evpl.decode.values import InvalidValueError, Timestamps, pack, read_value, read_values
from airflow_provider_evpl.window import EPOCH

numbers = st.floats() | st.integers() | st.decimals().map(str) | st.floats().map(str) | st.integers().map(str)
texts = st.text() | st.text("0123456789.,-+eE_ infa\t\u0663\uff11", max_size=12)
anything = st.none() | st.booleans() | numbers | texts | st.lists(st.integers()) | st.just("")
quick_values: st.SearchStrategy[str | float | None] = (
    st.none() | texts | st.floats().map(str) | st.floats(-1e9, 1e9)
)
_TYPED = re.compile(r"[\t-\r -~]*")  # ASCII; of its controls the blanks that `float()` passes over


def oracle(value: object) -> float | None:
    """The contract's paragraph "Values", read once more; raises ValueError for what is rejected."""
    if value is None or value == "":
        return None
    if type(value) in (int, float):
        number = Decimal(value)  # type: ignore[arg-type]  # one of the two
    elif isinstance(value, str) and _TYPED.fullmatch(value) and "_" not in value:
        number = Decimal(value.strip())
    else:
        raise ValueError(value)
    if not number.is_finite() or math.isinf(float(number)):
        raise ValueError(value)
    return float(number)


@pytest.mark.contract("values.number", "values.null", "values.rejected", "gap.A11")
@given(anything)
@example("1_000")
@example(" 12.5\t")
@example("   ")
@example("0\x1f")
@example("12,5")
@example("12 %")
@example("N/A")
@example("NaN")
@example("-Infinity")
@example("0x10")
@example(".5")
@example("5.")
@example("1e400")
@example(10**400)
@example(True)  # noqa: FBT003 a value among others
@example(2**53 + 1)
def test_value_is_read_as_the_contract_says(value: object) -> None:
    """A value is read, null or invalid, as the contract says."""
    try:
        expected = oracle(value)
    except (ValueError, InvalidOperation, OverflowError):
        with pytest.raises(InvalidValueError):
            read_value(value)
    else:
        read = read_value(value)
        assert read == expected
        assert (read is None) == (expected is None)


@pytest.mark.contract("values.number")
@given(st.lists(quick_values))
@example(["1.5", "2"])
@example(["1e308", "1e308"])
@example(["inf", "-inf"])
@example(["1_0", "2"])
@example(["\uff11"])
@example(["1", "", None, 2.5])
@example(["-0", "0", "-0.0"])
def test_many_values_are_read_like_one(values: list[str | float | None]) -> None:
    """A list of values is read as each of them is, and is invalid if one of them is."""
    try:
        expected = [read_value(value) for value in values]
    except InvalidValueError:
        with pytest.raises(InvalidValueError):
            read_values(values)
    else:
        assert repr(read_values(values)) == repr(expected)  # 0.0 and -0.0 are equal


zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=zones)  # noqa: DTZ001 zones are added


@pytest.mark.contract("column.timestamp", "gap.A10")
@given(moments, st.sampled_from(["auto", "milliseconds", "microseconds"]), st.sampled_from(".,"))
def test_timestamp_round_trip(moment: datetime, precision: str, point: str) -> None:
    """Text of ISO 8601 with an offset is read as the same moment, exactly."""
    written = moment.isoformat(timespec=precision).replace(".", point)
    expected = (datetime.fromisoformat(moment.isoformat(timespec=precision)) - EPOCH) // timedelta(
        microseconds=1
    )
    timestamps = Timestamps(naive_is_utc=False)
    assert timestamps[written] == expected
    assert timestamps[written] == expected


@given(
    st.text()
    | st.from_regex(re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?([.,]\d+)?(Z|[+-]\d\d:?\d\d)?", re.ASCII))
)
@example("0001-01-01T00:00:00+23:59")
@example("9999-12-31T23:59:59-23:59")
def test_any_text_is_a_timestamp_or_invalid(text: str) -> None:
    """Any text is a moment or invalid. Nothing else is returned."""
    timestamps = Timestamps(naive_is_utc=True)
    with suppress(InvalidValueError):
        assert isinstance(timestamps[text], int)
    assert set(timestamps) <= {text}


@pytest.mark.contract("values.timestamp", "gap.A9")
@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("1970-01-01T00:00:00,5Z", 500_000),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.000001000Z", 1),
        ("1970-01-01T00:00:00.000000000+00:00", 0),
        ("1970-01-01T01:00:00+01", 0),
        ("1970-01-01T01:30:00+0130", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("2026-11-22T00:00:00.000Z", 1_795_305_600_000_000),
    ],
)
def test_timestamp_forms(text: str, microseconds: int) -> None:
    """`Z` or an offset, and 0 to 9 decimals, are read to the microsecond."""
    assert Timestamps(naive_is_utc=False)[text] == microseconds


@pytest.mark.contract("values.timestamp", "gap.A9")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-22T00:00:00", "no zone"),
        ("2026-11-22T00:00:00.0000001Z", "below a microsecond"),
        ("2026-11-22T00:00:00.000000001Z", "below a microsecond"),
        ("2026-11-22T00:00:00.0000000000Z", "not ISO 8601"),
        ("2026-11-22T00:00:00.Z", "not ISO 8601"),
        ("2026-11-22T00:00.5Z", "not ISO 8601"),
        ("2026-11-22 00:00:00Z", "not ISO 8601"),
        ("2026-11-22", "not ISO 8601"),
        ("1795305600", "not ISO 8601"),
        ("", "not ISO 8601"),
        ("2026-11-22T24:00:00Z", "not ISO 8601"),
        ("2026-11-22T00:00:00Z\n", "not ISO 8601"),
        ("\u0662026-11-22T00:00:00Z", "not ISO 8601"),
        ("2026-02-30T00:00:00Z", "no date"),
        ("2026-11-22T00:00:60Z", "no date"),
        ("2026-11-22T00:60:00Z", "no date"),
        ("2026-11-22T00:00:00+24:00", "no date"),
        ("0000-01-01T00:00:00Z", "no date"),
    ],
)
def test_invalid_timestamp_has_a_reason(text: str, why: str) -> None:
    """Any other text is invalid, and has a reason."""
    with pytest.raises(InvalidValueError, match=why):
        Timestamps(naive_is_utc=False)[text]


@pytest.mark.contract("gap.A9")
def test_naive_timestamp_may_be_utc() -> None:
    """A timestamp without a zone is UTC if the connection says so. A timestamp with a zone keeps it."""
    timestamps = Timestamps(naive_is_utc=True)
    assert timestamps["1970-01-01T00:00:01"] == 1_000_000
    assert timestamps["1970-01-01T01:00:01+01:00"] == 1_000_000


def test_remembered_timestamps_are_limited() -> None:
    """However many texts are read, a limited number is kept, and each is read correctly."""
    timestamps = Timestamps(naive_is_utc=False)
    for number in range(MAX_TIMESTAMPS + 1):
        moment = datetime.fromtimestamp(number, UTC)
        assert timestamps[moment.isoformat()] == number * 1_000_000
        assert len(timestamps) <= MAX_TIMESTAMPS
    assert len(timestamps) == 1


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False))))
def test_values_are_packed_exactly(values: list[float | None]) -> None:
    """None is NaN. All other values keep each bit."""
    packed = pack(values)
    assert [None if math.isnan(one) else struct.pack("d", one) for one in packed] == [
        None if one is None else struct.pack("d", one) for one in values
    ]
