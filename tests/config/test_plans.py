"""Arguments of operators and sensor become a plan, or an error that names the argument."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.config.plans import CoveragePlan, PullPlan, WaitPlan
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.errors import EvplConfigError, EvplNotPublishedError
from airflow_provider_evpl.window import DAY, Window

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = MIDNIGHT + 3 * HOUR
DAILY = RunTimes(logical_date=NOW, data_interval_start=NOW, data_interval_end=NOW)


def pull_plan(run: RunTimes = DAILY, default_code_ope: str | None = "0042", **arguments: Any) -> PullPlan:  # noqa: ANN401 the point is to try anything
    """Make a plan of a daily run at 03:00."""
    return PullPlan.from_arguments(arguments, run=run, default_code_ope=default_code_ope, now=NOW)


def test_pull_plan_of_a_day_with_lookback() -> None:
    """A window of one day with one day of lookback, at 03:00, is the last two days in slices of a day."""
    made = pull_plan(window_length="1d", lookback="1d")
    assert made.window == Window(MIDNIGHT - 2 * DAY, MIDNIGHT)
    assert made.slice_length == DAY
    assert (made.code_ope, made.granularity.text) == ("0042", "300s")
    assert (made.allow_empty, made.on_shrink, made.max_rejected_fraction) == (False, "fail", 0.01)


def test_pull_plan_reads_text_like_objects() -> None:
    """Text that templates render means the same as the objects that were given, of pendulum too."""
    as_objects = pull_plan(
        window_start=MIDNIGHT,
        window_end=MIDNIGHT + 2 * HOUR,
        lookback=HOUR,
        slice_length=timedelta(minutes=30),
        allow_empty=True,
        max_rejected_fraction=0.5,
    )
    as_text = pull_plan(
        window_start="2026-11-22 00:00:00+00:00",
        window_end="2026-11-22T02:00:00Z",
        lookback="1h",
        slice_length="1800s",
        allow_empty="True",
        max_rejected_fraction="0.5",
    )
    as_pendulums = pull_plan(
        window_start=pendulum.datetime(2026, 11, 22),
        window_end=pendulum.datetime(2026, 11, 22, 3, tz="Europe/Paris"),
        lookback=pendulum.interval(pendulum.datetime(2026, 1, 1), pendulum.datetime(2026, 1, 1, 1)),
        slice_length=pendulum.duration(minutes=30),
        allow_empty=True,
        max_rejected_fraction=0.5,
    )
    assert as_objects == as_text == as_pendulums
    assert pull_plan(window_length=pendulum.duration(days=1)) == pull_plan(window_length="1d")


@pytest.mark.contract("pull.blank-text")
@pytest.mark.parametrize("nothing", [None, "", "  ", "None", " None "])
def test_pull_plan_uses_defaults_for_blank_and_none(nothing: object) -> None:
    """An argument that is blank, None or the text None has its default."""
    names = (
        "window_start",
        "window_end",
        "lookback",
        "slice_length",
        "granularity",
        "code_ope",
        "allow_empty",
        "on_shrink",
        "max_rejected_fraction",
    )
    arguments: dict[str, Any] = dict.fromkeys(names, nothing)
    assert pull_plan(window_length="1d", **arguments) == pull_plan(window_length="1d")


@pytest.mark.contract("connection.code_ope", "pull.code_ope")
def test_code_ope_of_the_argument_takes_precedence() -> None:
    """The `code_ope` of the operator takes precedence over the `code_ope` of the connection."""
    assert pull_plan(window_length="1d", code_ope="7").code_ope == "7"


@pytest.mark.contract("connection.code_ope")
def test_pull_plan_without_code_ope_is_an_error() -> None:
    """Nothing is pulled without an operator code."""
    with pytest.raises(EvplConfigError, match="code_ope"):
        pull_plan(window_length="1d", default_code_ope=None)


@pytest.mark.contract("pull.slice_length")
@pytest.mark.parametrize(
    ("window_length", "slice_length", "expected"),
    [
        ("1h", None, HOUR),
        ("1d", None, DAY),
        ("7d", None, DAY),
        ("1d", "1h", HOUR),
        ("1h", "1d", DAY),
    ],
)
def test_slice_length_defaults_to_the_window_or_a_day(
    window_length: str, slice_length: str | None, expected: timedelta
) -> None:
    """The slice length is the length of the window if that divides a day, or else a day."""
    assert pull_plan(window_length=window_length, slice_length=slice_length).slice_length == expected


@pytest.mark.contract("pull.slice_length")
def test_slice_length_of_an_irregular_interval_is_a_day() -> None:
    """A data interval that does not divide a day has slices of a day."""
    run = RunTimes(data_interval_start=MIDNIGHT, data_interval_end=MIDNIGHT + timedelta(minutes=50))
    assert pull_plan(run=run).slice_length == DAY


@pytest.mark.contract("pull.booleans")
@pytest.mark.parametrize("text", ["True", "true", " TRUE ", True])
def test_boolean_argument_may_be_text(text: object) -> None:
    """A boolean is read as text in any case, as templates and people write it."""
    assert pull_plan(window_length="1d", allow_empty=text).allow_empty is True
    assert pull_plan(window_length="1d", allow_empty="False").allow_empty is False


@pytest.mark.contract("pull.max_rejected_fraction")
@pytest.mark.parametrize(("fraction", "number"), [("0", 0), ("1", 1), (" 5e-2 ", 0.05), (".5", 0.5), (1, 1)])
def test_share_argument_may_be_text(fraction: object, number: float) -> None:
    """A share is read as text too, from 0 to 1 inclusive."""
    assert pull_plan(window_length="1d", max_rejected_fraction=fraction).max_rejected_fraction == number


def test_lookback_extends_a_window_off_the_grid() -> None:
    """A window off the grid of its slices is extended by whole slice lengths, and keeps its end."""
    start = MIDNIGHT + timedelta(minutes=30)
    made = pull_plan(window_start=start, window_end=start + HOUR, lookback="1s", slice_length="6h")
    assert made.window == Window(start - 6 * HOUR, start + HOUR)
    assert [str(one.start.time()) for one in made.window.slices(made.slice_length)] == [
        "18:30:00",
        "00:00:00",
    ]


@pytest.mark.contract("pull.lookback", "pull.slice_length")
@pytest.mark.parametrize(
    ("lookback", "back"), [("0s", 0), ("1s", 1), ("1h", 1), ("3601s", 2), ("2h", 2), ("1d", 24)]
)
def test_lookback_is_rounded_up_to_whole_slices(lookback: str, back: int) -> None:
    """The start moves back by whole slices; the slice length does not change."""
    made = pull_plan(window_length="1h", lookback=lookback)
    assert made.window == Window(NOW - HOUR - back * HOUR, NOW)
    assert made.slice_length == HOUR


@pytest.mark.contract("pull.window_length", "pull.slice_length", "gap.A17")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_length", "7h"),
        ("window_length", "36h"),
        ("window_length", "0s"),
        ("window_length", 1),
        ("slice_length", "7h"),
        ("slice_length", "2d"),
        ("slice_length", "0s"),
        ("lookback", "yes"),
        ("granularity", "5 minutes"),
        ("granularity", 300),
        ("code_ope", ["0042"]),
        ("allow_empty", "perhaps"),
        ("allow_empty", 1),
        ("allow_empty", "1"),
        ("allow_empty", "[]"),
        ("on_shrink", "ignore"),
        ("on_shrink", True),
        ("max_rejected_fraction", 1.1),
        ("max_rejected_fraction", "-0.1"),
        ("max_rejected_fraction", "nan"),
        ("max_rejected_fraction", "1 %"),
        ("max_rejected_fraction", "0,1"),
        ("max_rejected_fraction", True),
        ("window_start", "2026-11-22T00:00:00"),
    ],
)
def test_wrong_pull_argument_is_named(name: str, value: object) -> None:
    """The error of each wrong argument starts with its name."""
    with pytest.raises(EvplConfigError, match=f"^{name}"):
        pull_plan(**{"window_length": "1d", name: value})  # type: ignore[arg-type]  # any name


def test_partition_date_may_be_text() -> None:
    """The date of a partition is read like any other moment."""
    run = RunTimes(partition_date="2026-11-21")  # type: ignore[arg-type]  # what a key may be
    assert pull_plan(run).window == Window(MIDNIGHT - DAY, MIDNIGHT)


@pytest.mark.contract("window.ahead", "gap.A26")
def test_window_in_the_future_is_a_temporary_error() -> None:
    """An end more than 60 s after the clock is a temporary error; exactly 60 s is accepted."""
    start = NOW - HOUR
    pull_plan(window_start=start, window_end=NOW + timedelta(seconds=60))
    with pytest.raises(EvplNotPublishedError, match="its end is in the future"):
        pull_plan(window_start=start, window_end=NOW + timedelta(seconds=61))


def test_coverage_plan_reads_its_arguments() -> None:
    """Text means the same as objects, an argument that is not given has its default, a wrong one is named."""
    assert CoveragePlan.from_arguments({"min_coverage": "None"}) == CoveragePlan()
    given = {"min_coverage": "0.5", "give_up_after": "7d", "fail_on_gaps": "true"}
    assert CoveragePlan.from_arguments(given) == CoveragePlan(
        min_coverage=0.5, give_up_after=7 * DAY, fail_on_gaps=True
    )
    for name in given:
        with pytest.raises(EvplConfigError, match=f"^{name}"):
            CoveragePlan.from_arguments({name: "x"})


def wait_plan(run: RunTimes = DAILY, default_code_ope: str | None = "0042", **arguments: Any) -> WaitPlan:  # noqa: ANN401 the point is to try anything
    """Make a plan of a daily run at 03:00 that waits for the day before."""
    given = {"window_length": "1d", "min_series": 12} | arguments
    return WaitPlan.from_arguments(given, run=run, default_code_ope=default_code_ope)


def test_wait_plan_of_a_day() -> None:
    """The window is the last full day, and is due at its end."""
    made = wait_plan()
    assert made.window == Window(MIDNIGHT - DAY, MIDNIGHT)
    assert (made.code_ope, made.granularity.text, made.min_series) == ("0042", "300s", 12)
    assert made.due == MIDNIGHT


def test_wait_plan_reads_text_like_objects() -> None:
    """Text that templates render means the same as the objects that were given, of pendulum too."""
    as_objects = wait_plan(window_start=MIDNIGHT, window_end=MIDNIGHT + HOUR, settle=HOUR, code_ope="7")
    as_text = wait_plan(
        window_start="2026-11-22 00:00:00+00:00",
        window_end="2026-11-22T01:00:00Z",
        settle="1h",
        min_series=" 12 ",
        code_ope=" 7 ",
    )
    assert (
        as_objects
        == as_text
        == wait_plan(
            window_start=pendulum.datetime(2026, 11, 22),
            window_end=pendulum.datetime(2026, 11, 22, 1),
            settle=pendulum.duration(hours=1),
            code_ope=7,
        )
    )
    assert as_text.due == MIDNIGHT + 2 * HOUR


@pytest.mark.parametrize("nothing", [None, "", "  ", "None", " None "])
def test_wait_plan_uses_defaults_for_blank_and_none(nothing: object) -> None:
    """An argument that is blank, None or the text None has its default; a required one is an error."""
    names = ("code_ope", "granularity", "window_start", "window_end", "settle")
    arguments: dict[str, Any] = dict.fromkeys(names, nothing)
    assert wait_plan(**arguments) == wait_plan()
    with pytest.raises(EvplConfigError, match=r"^min_series: must be set"):
        wait_plan(min_series=nothing)


def test_wait_plan_accepts_a_window_in_the_future() -> None:
    """A sensor may wait for a window in the future."""
    start = datetime(2999, 1, 1, tzinfo=UTC)
    assert wait_plan(window_start=start, window_end=start + DAY).due == start + DAY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_series", 0),
        ("min_series", 1_000_001),
        ("min_series", "-1"),
        ("min_series", 1.5),
        ("min_series", "many"),
        ("min_series", True),
        ("settle", 3600),
        ("settle", "5m"),
        ("settle", -HOUR),
        ("granularity", 300),
        ("granularity", "5 minutes"),
        ("granularity", "1m"),
        ("granularity", "1w"),
        ("code_ope", ["0042"]),
        ("window_length", "7h"),
        ("window_start", "2026-11-22T00:00:00"),
        ("window_start", "2026-11-22"),
    ],
)
def test_wrong_wait_argument_is_named(name: str, value: object) -> None:
    """The error of each wrong argument starts with its name."""
    with pytest.raises(EvplConfigError, match=f"^{name}"):
        wait_plan(**{name: value})  # type: ignore[arg-type]  # any name


def test_wait_plan_without_code_ope_is_an_error() -> None:
    """Nothing is requested without an operator code."""
    with pytest.raises(EvplConfigError, match="code_ope"):
        wait_plan(default_code_ope=None)


@given(
    st.integers(0, 2_000_000_000),
    st.integers(300, 300_000),
    st.integers(0, 36_500 * 86_400),
    st.integers(1, 10**9),
    st.text(min_size=1),
)
def test_wait_plan_survives_json(
    start: int, length: int, settle: int, min_series: int, code_ope: str
) -> None:
    """A plan that is written as JSON is read as the same plan."""
    bounds = (datetime.fromtimestamp(seconds, UTC) for seconds in (start, start + length))
    window = Window(*bounds)
    made = WaitPlan(
        code_ope=code_ope,
        window=window,
        granularity=wait_plan().granularity,
        min_series=min_series,
        due=window.end + timedelta(seconds=settle),
    )
    assert WaitPlan.from_dict(json.loads(json.dumps(made.as_dict()))) == made


def test_date_after_year_9999_is_an_error_of_an_argument() -> None:
    """The error is permanent, because a retry would not help."""
    given = {"window_start": "9999-12-30", "window_end": "9999-12-31", "settle": "2d", "min_series": "1"}
    with pytest.raises(EvplConfigError, match=r"^A date is outside of the years 1 to 9999\."):
        guarded(
            lambda: WaitPlan.from_arguments(given, run=RunTimes(), default_code_ope="0042"), "a client secret"
        )
