"""The operator's arguments become a plan, or an error that names what is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.errors import EvplConfigError, EvplNotPublishedError
from airflow_provider_evpl.window import DAY, Window

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = MIDNIGHT + 3 * HOUR
DAILY = RunTimes(logical_date=NOW, data_interval_start=NOW, data_interval_end=NOW)


def plan(run: RunTimes = DAILY, default_code_ope: str | None = "0042", **arguments: Any) -> PullPlan:  # noqa: ANN401 the point is to try anything
    """Make a plan of a daily run at 03:00."""
    return PullPlan.from_arguments(arguments, run=run, default_code_ope=default_code_ope, now=NOW)


def test_the_daily_pattern() -> None:
    """One day and one day of lookback at 03:00 is yesterday and the day before, in slices of a day."""
    made = plan(window_length="1d", lookback="1d")
    assert made.window == Window(MIDNIGHT - 2 * DAY, MIDNIGHT)
    assert made.slice_length == DAY
    assert (made.code_ope, made.granularity.text) == ("0042", "300s")
    assert (made.allow_empty, made.on_shrink, made.max_rejected_fraction) == (False, "fail", 0.01)


def test_text_means_the_same_as_objects() -> None:
    """What templates render to reads like what they were given."""
    as_objects = plan(
        window_start=MIDNIGHT,
        window_end=MIDNIGHT + 2 * HOUR,
        lookback=HOUR,
        slice_length=timedelta(minutes=30),
        allow_empty=True,
        max_rejected_fraction=0.5,
    )
    as_text = plan(
        window_start="2026-11-22 00:00:00+00:00",
        window_end="2026-11-22T02:00:00Z",
        lookback="1h",
        slice_length="1800s",
        allow_empty="True",
        max_rejected_fraction="0.5",
    )
    as_pendulums = plan(
        window_start=pendulum.datetime(2026, 11, 22),
        window_end=pendulum.datetime(2026, 11, 22, 3, tz="Europe/Paris"),
        lookback=pendulum.interval(pendulum.datetime(2026, 1, 1), pendulum.datetime(2026, 1, 1, 1)),
        slice_length=pendulum.duration(minutes=30),
        allow_empty=True,
        max_rejected_fraction=0.5,
    )
    assert as_objects == as_text == as_pendulums
    assert plan(window_length=pendulum.duration(days=1)) == plan(window_length="1d")


@pytest.mark.contract("pull.blank-text")
@pytest.mark.parametrize("nothing", [None, "", "  ", "None", " None "])
def test_blank_and_none_mean_not_given(nothing: object) -> None:
    """Each argument that is blank, None or the text None has its default."""
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
    assert plan(window_length="1d", **arguments) == plan(window_length="1d")


@pytest.mark.contract("connection.code_ope", "pull.code_ope")
def test_the_argument_beats_the_connection() -> None:
    """The operator's code_ope wins over the connection's."""
    assert plan(window_length="1d", code_ope="7").code_ope == "7"


@pytest.mark.contract("connection.code_ope")
def test_code_ope_given_nowhere_is_an_error() -> None:
    """Without an operator code nothing is pulled."""
    with pytest.raises(EvplConfigError, match="code_ope"):
        plan(window_length="1d", default_code_ope=None)


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
def test_slices_are_as_long_as_the_window_or_a_day(
    window_length: str, slice_length: str | None, expected: timedelta
) -> None:
    """The unit of replacement is the window's length where that divides a day, else a day."""
    assert plan(window_length=window_length, slice_length=slice_length).slice_length == expected


@pytest.mark.contract("pull.slice_length")
def test_an_odd_data_interval_is_cut_into_days() -> None:
    """A window that doesn't divide a day has slices of a day."""
    run = RunTimes(data_interval_start=MIDNIGHT, data_interval_end=MIDNIGHT + timedelta(minutes=50))
    assert plan(run=run).slice_length == DAY


@pytest.mark.contract("pull.booleans")
@pytest.mark.parametrize("text", ["True", "true", " TRUE ", True])
def test_a_boolean_may_be_text(text: object) -> None:
    """A boolean counts in any case, as templates and people write it."""
    assert plan(window_length="1d", allow_empty=text).allow_empty is True
    assert plan(window_length="1d", allow_empty="False").allow_empty is False


@pytest.mark.contract("pull.max_rejected_fraction")
@pytest.mark.parametrize(("fraction", "number"), [("0", 0), ("1", 1), (" 5e-2 ", 0.05), (".5", 0.5), (1, 1)])
def test_a_fraction_may_be_text(fraction: object, number: float) -> None:
    """A share counts as text, too, both ends included."""
    assert plan(window_length="1d", max_rejected_fraction=fraction).max_rejected_fraction == number


def test_lookback_goes_back_from_a_window_off_the_grid() -> None:
    """A window off the grid of its slices goes back by their length, and keeps its end."""
    start = MIDNIGHT + timedelta(minutes=30)
    made = plan(window_start=start, window_end=start + HOUR, lookback="1s", slice_length="6h")
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
    """The start moves back by as many slices as the lookback needs; the slice length doesn't change."""
    made = plan(window_length="1h", lookback=lookback)
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
def test_a_wrong_argument_is_named(name: str, value: object) -> None:
    """Each wrong argument is an error that starts with its name."""
    with pytest.raises(EvplConfigError, match=f"^{name}"):
        plan(**{"window_length": "1d", name: value})  # type: ignore[arg-type]  # any name


@pytest.mark.parametrize(
    "run",
    [
        RunTimes(partition_date=datetime(9999, 12, 31, tzinfo=UTC)),
        RunTimes(logical_date=datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_dates_at_the_end_of_time_are_refused(run: RunTimes) -> None:
    """A window that no date can bound is an error, not an overflow."""
    with pytest.raises(EvplConfigError, match="outside of what dates can say"):
        plan(run, window_length="1d")


def test_a_partition_date_may_be_text() -> None:
    """A partition's date is read like any other moment."""
    run = RunTimes(partition_date="2026-11-21")  # type: ignore[arg-type]  # what a key may be
    assert plan(run).window == Window(MIDNIGHT - DAY, MIDNIGHT)


@pytest.mark.contract("window.ahead", "gap.A26")
def test_a_window_that_lies_ahead_may_be_retried() -> None:
    """An end more than 60 s ahead of the clock is an error that goes away by itself; 60 s are not."""
    start = NOW - HOUR
    plan(window_start=start, window_end=NOW + timedelta(seconds=60))
    with pytest.raises(EvplNotPublishedError, match="ahead of the clock"):
        plan(window_start=start, window_end=NOW + timedelta(seconds=61))
