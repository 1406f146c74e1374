"""The sensor's arguments become a plan, or an error that names what is wrong."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.config.plans import WaitPlan
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.window import DAY, Window

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAILY = RunTimes(logical_date=MIDNIGHT + 3 * HOUR)


def plan(run: RunTimes = DAILY, default_code_ope: str | None = "0042", **arguments: Any) -> WaitPlan:  # noqa: ANN401 the point is to try anything
    """Make a plan of a daily run at 03:00 that waits for the day before."""
    given = {"window_length": "1d", "min_series": 12} | arguments
    return WaitPlan.from_arguments(given, run=run, default_code_ope=default_code_ope)


def test_wait_plan_of_a_day() -> None:
    """The window is the last full day, and is due at its end."""
    made = plan()
    assert made.window == Window(MIDNIGHT - DAY, MIDNIGHT)
    assert (made.code_ope, made.granularity.text, made.min_series) == ("0042", "300s", 12)
    assert made.due == MIDNIGHT


def test_wait_plan_reads_text_like_objects() -> None:
    """Text that templates render means the same as the objects that were given, of pendulum too."""
    as_objects = plan(window_start=MIDNIGHT, window_end=MIDNIGHT + HOUR, settle=HOUR, code_ope="7")
    as_text = plan(
        window_start="2026-11-22 00:00:00+00:00",
        window_end="2026-11-22T01:00:00Z",
        settle="1h",
        min_series=" 12 ",
        code_ope=" 7 ",
    )
    assert (
        as_objects
        == as_text
        == plan(
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
    assert plan(**arguments) == plan()
    with pytest.raises(EvplConfigError, match=r"^min_series: must be set"):
        plan(min_series=nothing)


def test_wait_plan_accepts_a_window_in_the_future() -> None:
    """A sensor may wait for a window in the future."""
    start = datetime(2999, 1, 1, tzinfo=UTC)
    assert plan(window_start=start, window_end=start + DAY).due == start + DAY


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
        plan(**{name: value})  # type: ignore[arg-type]  # any name


def test_wait_plan_without_code_ope_is_an_error() -> None:
    """Nothing is requested without an operator code."""
    with pytest.raises(EvplConfigError, match="code_ope"):
        plan(default_code_ope=None)


def test_wait_outside_of_the_range_of_dates_is_an_error() -> None:
    """A due date that no date can express is an error that says so, not an overflow."""
    with pytest.raises(EvplConfigError, match="outside of the range of dates"):
        plan(window_start="9990-01-01", window_end="9990-01-02", settle="36500d")


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
        granularity=plan().granularity,
        min_series=min_series,
        due=window.end + timedelta(seconds=settle),
    )
    assert WaitPlan.from_dict(json.loads(json.dumps(made.as_dict()))) == made
