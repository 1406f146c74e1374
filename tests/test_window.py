"""Windows, moments, lengths, granularities."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pandas as pd
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.config.readers import read_moment
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.window import DAY, EPOCH, Granularity, Window, floor, iso, microseconds

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)

DIVISORS_OF_A_DAY = [timedelta(seconds=n) for n in range(1, 86_401) if 86_400 % n == 0]
moments = st.integers(0, 2_000_000_000).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
windows = st.builds(
    lambda start, seconds: Window(start, start + timedelta(seconds=seconds)),
    moments,
    st.integers(1, 300_000),
)


@pytest.mark.contract("slices.grid")
@given(windows, st.sampled_from([one for one in DIVISORS_OF_A_DAY if one >= timedelta(seconds=60)]))
def test_slices_tile_the_window(window: Window, length: timedelta) -> None:
    """Slices follow each other without gap or overlap, from the start to the end of the window."""
    slices = list(window.slices(length))
    assert slices[0].start == window.start
    assert slices[-1].end == window.end
    assert all(one.end == other.start for one, other in pairwise(slices))


@pytest.mark.contract("slices.grid")
@given(windows, st.sampled_from([one for one in DIVISORS_OF_A_DAY if one >= timedelta(seconds=60)]))
def test_slices_stay_on_the_grid(window: Window, length: timedelta) -> None:
    """Only the edges of the window cut a cell of the grid. No slice crosses midnight."""
    for one in window.slices(length):
        assert one.start == window.start or floor(one.start, length) == one.start
        assert one.end == window.end or floor(one.end, length) == one.end
        assert timedelta() < one.length <= length
        assert floor(one.start, DAY) == floor(one.end - timedelta(seconds=1), DAY)


@pytest.mark.contract("window.half-open")
@given(windows, windows)
def test_windows_overlap_with_a_common_moment(one: Window, other: Window) -> None:
    """Two windows overlap if the later start comes before the earlier end. A contained window overlaps."""
    assert one.overlaps(other) == (max(one.start, other.start) < min(one.end, other.end))
    if one.contains(other):
        assert one.overlaps(other)


@pytest.mark.contract("window.half-open")
def test_window_is_utc() -> None:
    """Bounds in another zone become the same moments in UTC."""
    cet = timezone(HOUR)
    window = Window(datetime(2026, 11, 22, 1, tzinfo=cet), datetime(2026, 11, 22, 2, tzinfo=cet))
    assert str(window) == "2026-11-22T00:00:00Z/2026-11-22T01:00:00Z"
    assert window.start.tzinfo is UTC


@pytest.mark.contract("window.half-open")
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOON, NOON),
        (NOON, MIDNIGHT),
        (NOON.replace(tzinfo=None), NOON + HOUR),
        (NOON, NOON.replace(microsecond=1) + HOUR),
    ],
)
def test_window_rejects_wrong_bounds(start: datetime, end: datetime) -> None:
    """Bounds without a zone, with a fraction, or in the wrong order are errors."""
    with pytest.raises(EvplConfigError, match="window"):
        Window(start, end)


@pytest.mark.contract("pull.window_start")
@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T12:00:00Z",
        "2026-11-22 12:00:00+00:00",
        " 2026-11-22T13:00:00.000+01:00 ",
        "20261122T120000Z",
        NOON,
        NOON.astimezone(timezone(HOUR)),
        pendulum.datetime(2026, 11, 22, 13, tz="Europe/Paris"),
        pd.Timestamp("2026-11-22T13:00", tz="Europe/Paris"),
    ],
)
def test_moment_may_have_many_forms(value: object) -> None:
    """A moment is a datetime of any class or ISO 8601, in any zone, with T or a blank."""
    moment = read_moment(value, "window_start")
    assert (moment, type(moment)) == (NOON, datetime)


@pytest.mark.contract("pull.window_start")
@pytest.mark.parametrize("value", ["2026-11-22", "20261122", date(2026, 11, 22), pendulum.Date(2026, 11, 22)])
def test_bare_date_is_midnight_utc(value: object) -> None:
    """A date alone means its UTC midnight."""
    assert read_moment(value, "window_start") == MIDNIGHT


@pytest.mark.contract("pull.window_start")
@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T12:00:00",
        "2026-11-22T12:00:00.5Z",
        "2026-11-22T12:00:00.0000001Z",
        "2026-11-22T12:00:00,0000009Z",
        "yesterday",
        "",
        "1969-12-31",
        NOON.replace(tzinfo=None),
        NOON.replace(microsecond=1),
        pd.Timestamp("2026-11-22T12:00:00.000000001Z"),
        pd.NaT,
        1_795_305_600,
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_unclear_moment_is_an_error(value: object) -> None:
    """No zone, a fraction, a year before 1970 or another form is an error that names the field."""
    with pytest.raises(EvplConfigError, match="window_end"):
        read_moment(value, "window_end")


@pytest.mark.contract("pull.granularity", "gap.A2")
@pytest.mark.parametrize(
    ("text", "normal", "step"),
    [
        ("300s", "300s", timedelta(seconds=300)),
        ("0300s", "300s", timedelta(seconds=300)),
        ("h", "1h", HOUR),
        ("500ms", "500ms", timedelta(milliseconds=500)),
        ("99999999w", "99999999w", timedelta(weeks=99_999_999)),
        ("5m", "5m", None),
        ("y", "1y", None),
    ],
)
def test_granularity_is_normalized(text: str, normal: str, step: timedelta | None) -> None:
    """A granularity has no leading zeros and always a number. Months and years have no fixed length."""
    granularity = Granularity(text)
    assert (granularity.text, granularity.step) == (normal, step)


@pytest.mark.contract("pull.granularity", "gap.A3")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "0s",
        "000h",
        "300",
        "5min",
        "-5s",
        "1.5h",
        "5 s",
        "9999999999999999999w",
        "\N{FULLWIDTH DIGIT FIVE}s",
    ],
)
def test_granularity_rejects_undocumented_forms(text: str) -> None:
    """Each form that is not documented is an error."""
    with pytest.raises(EvplConfigError, match="granularity"):
        Granularity(text)


@given(windows, st.sampled_from([Granularity(text) for text in ("1s", "300s", "7s", "1h", "1d", "1w")]))
def test_steps_of_a_window_of_whole_steps(window: Window, granularity: Granularity) -> None:
    """The number equals the count of seconds one by one; another window has none."""
    assert granularity.step is not None
    step = int(granularity.step.total_seconds())
    start, end = (int((bound - EPOCH).total_seconds()) for bound in (window.start, window.end))
    is_whole = start % step == end % step == 0
    assert granularity.steps_in(window) == (len(range(start, end, step)) if is_whole else None)


@given(windows, st.sampled_from([Granularity(text) for text in ("1s", "300s", "1h", "1d", "1w")]))
def test_window_on_the_grid_has_whole_steps(window: Window, granularity: Granularity) -> None:
    """If both bounds are on the grid, the number is the length divided by the step."""
    assert granularity.step is not None
    start, end = (floor(bound, granularity.step) for bound in (window.start, window.end))
    if start < end:
        assert granularity.steps_in(Window(start, end)) == (end - start) / granularity.step


@given(windows, st.sampled_from([Granularity(text) for text in ("1s", "300s", "7s", "500ms", "1h", "1d")]))
def test_last_step_begins_in_the_window(window: Window, granularity: Granularity) -> None:
    """The last step begins in the window and on the grid, the next step does not. No step is an error."""
    assert granularity.step is not None
    if floor(window.end - timedelta(microseconds=1), granularity.step) < window.start:
        with pytest.raises(EvplConfigError, match=r"granularity: no step of .* begins in the window"):
            granularity.last_step_in(window)
        return
    last = granularity.last_step_in(window)
    assert (last - EPOCH) % granularity.step == timedelta()
    assert window.start <= last < window.end <= last + granularity.step


@pytest.mark.contract("gap.A2")
def test_granularity_without_length_has_no_steps() -> None:
    """Months and years are not counted, and have no last step."""
    assert Granularity("1m").steps_in(Window(MIDNIGHT, NOON)) is None
    with pytest.raises(EvplConfigError, match="granularity: 1m has no fixed length"):
        Granularity("1m").last_step_in(Window(MIDNIGHT, NOON))


@given(st.timedeltas())
def test_microseconds_are_exact(length: timedelta) -> None:
    """No duration is rounded, however long. A float would round from 285 years on."""
    assert timedelta(microseconds=microseconds(length)) == length
    assert isinstance(microseconds(length), int)


@given(moments)
def test_iso_text_reads_back(moment: datetime) -> None:
    """The text of a moment is read as the same moment."""
    assert read_moment(iso(moment), "window_start") == moment


@pytest.mark.parametrize(
    ("start", "length", "label"),
    [
        ("2026-11-22T00:00:00Z", DAY, "2026-11-22"),
        ("2026-11-22T10:00:00Z", timedelta(hours=1), "2026-11-22T10:00/11:00Z"),
        ("2026-11-22T10:00:30Z", timedelta(hours=1), "2026-11-22T10:00:30/11:00:30Z"),
        ("2026-11-22T23:00:00Z", timedelta(hours=1), "2026-11-22T23:00:00Z/2026-11-23T00:00:00Z"),
        ("2026-11-22T00:00:00Z", 2 * DAY, "2026-11-22T00:00:00Z/2026-11-24T00:00:00Z"),
    ],
)
def test_label_is_short_inside_a_day(start: str, length: timedelta, label: str) -> None:
    """A message shows a UTC day as a date, and a part of a day with a single date."""
    begin = datetime.fromisoformat(start)
    assert Window(begin, begin + length).label == label
