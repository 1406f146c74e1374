"""The event trigger's list: each window of the UTC grid is published once, in any order."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.config.plans import WaitPlan, WatchPlan
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.flows.watchlist import WatchList
from airflow_provider_evpl.window import Window

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plan(**arguments: Any) -> WatchPlan:  # noqa: ANN401 the point is to try anything
    """Make a plan of hours."""
    return WatchPlan.from_arguments({"window_length": "1h", "min_series": 12} | arguments)


def hours(*starts: int) -> tuple[Window, ...]:
    """Return the hours of the day that begin at these numbers."""
    midnight = NOW.replace(hour=0, minute=0)
    return tuple(Window(midnight + start * HOUR, midnight + (start + 1) * HOUR) for start in starts)


@pytest.mark.contract("trigger.arguments")
def test_missing_arguments_have_defaults() -> None:
    """They are steps of five minutes, no time to settle, and a lookback of a week."""
    nothing = dict.fromkeys(("code_ope", "granularity", "settle", "lookback"))
    assert plan() == plan(**nothing)
    assert (plan().granularity.text, plan().settle, plan().lookback) == ("300s", 0 * HOUR, 168 * HOUR)
    assert plan().code_ope is None


@pytest.mark.contract("trigger.arguments")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_length", None),
        ("window_length", "2d"),
        ("window_length", "7h"),
        ("window_length", 3600),
        ("min_series", None),
        ("min_series", 0),
        ("min_series", 1_000_001),
        ("granularity", 300),
        ("granularity", "5m"),
        ("granularity", "2h"),
        ("settle", 300),
        ("lookback", "a week"),
        ("code_ope", ["0042"]),
    ],
)
def test_error_names_the_wrong_argument(name: str, value: object) -> None:
    """Each wrong argument is an error that starts with its name."""
    with pytest.raises(EvplConfigError, match=f"^{name}"):
        plan(**{name: value})


def test_durations_of_pendulum_are_read() -> None:
    """They mean the same as text."""
    hour, week = pendulum.duration(hours=1), pendulum.duration(weeks=1)
    assert repr(plan(window_length=hour, settle=hour, lookback=week)) == repr(plan(settle="1h"))


def test_step_may_be_as_long_as_a_window() -> None:
    """One begins in each."""
    assert plan(granularity="1h").granularity.text == "1h"


def test_list_of_a_clock_a_day_ahead_is_resumed() -> None:
    """A list that is further ahead is refused, because it would silence the watcher."""
    watched = WatchList(plan(), NOW)
    begins = {"open": [], "until": "2026-11-23T09:00:00Z"}
    watched.resume(begins)
    assert watched.as_dict() == begins
    with pytest.raises(ValueError, match="lies ahead"):
        WatchList(plan(), NOW).resume(begins | {"until": "2026-11-23T09:00:01Z"})


def test_plan_of_a_window_is_the_sensors() -> None:
    """It is due when the window has settled; the trigger's operator code beats the connection's."""
    [window] = hours(9)
    made = plan(settle="600s", code_ope="7").wait_for(window, default_code_ope="0042")
    assert made == WaitPlan(
        code_ope="7",
        window=window,
        granularity=plan().granularity,
        min_series=12,
        due=window.end + timedelta(minutes=10),
    )
    assert plan().wait_for(window, default_code_ope="0042").code_ope == "0042"
    with pytest.raises(EvplConfigError, match=r"^code_ope"):
        plan().wait_for(window, default_code_ope=None)


@pytest.mark.contract("trigger.first-window")
def test_list_begins_with_the_newest_ended_window() -> None:
    """A window ends for the list when it has settled; older windows are not listed."""
    for settle, start in {"0s": 9, "1200s": 9, "1201s": 8}.items():
        watched = WatchList(plan(settle=settle, lookback="0s"), NOW)
        watched.update(NOW)
        assert watched.windows == hours(start)


@pytest.mark.contract("trigger.arguments", "trigger.first-window")
def test_late_window_stays_beside_newer_ones(caplog: pytest.LogCaptureFixture) -> None:
    """It stays on the list until it is published or too old, which is logged."""
    watched = WatchList(plan(lookback="2h"), NOW)
    seen = []
    for later in range(5):
        watched.update(NOW + later * HOUR)
        seen.append(watched.windows)
        for window in watched.windows[1:]:
            watched.mark_published(window)
    assert seen == [hours(9), hours(9, 10), hours(9, 11), hours(12), hours(12, 13)]
    assert [record.message for record in caplog.records] == [
        "window 2026-11-22T09:00/10:00Z: dropped, it was not published within the lookback"
    ]


def test_list_resumed_after_a_long_pause_begins_at_the_lookback(caplog: pytest.LogCaptureFixture) -> None:
    """Windows within the lookback are listed; older ones are one warning."""
    watched = WatchList(plan(lookback="2h"), NOW)
    watched.update(NOW)
    again = WatchList(plan(lookback="2h"), NOW + 9 * HOUR)
    again.resume(watched.as_dict())
    again.update(NOW + 9 * HOUR)
    assert again.windows == hours(16, 17, 18)
    assert [record.message.split()[1] for record in caplog.records] == [
        "2026-11-22T09:00/10:00Z:",
        "2026-11-22T10:00/16:00Z:",
    ]


def test_postponed_window_is_not_due_but_stays() -> None:
    """It is not requested until its time, but it stays on the list and in `as_dict`."""
    watched = WatchList(plan(), NOW)
    watched.update(NOW + HOUR)
    watched.postpone(hours(9)[0], NOW + 2 * HOUR)
    watched.update(NOW + HOUR)
    assert watched.due(NOW + HOUR) == hours(10)
    assert watched.windows == watched.due(NOW + 2 * HOUR) == hours(9, 10)
    assert len(watched.as_dict()["open"]) == 2


@pytest.mark.contract("trigger.temporary-error")
def test_failed_window_is_due_after_all_others() -> None:
    """Among failed windows the one that failed longest ago comes first, until it is answered."""
    watched = WatchList(plan(), NOW)
    watched.update(NOW + 3 * HOUR)
    written = watched.as_dict()
    for failed, due in ((9, (10, 11, 12, 9)), (10, (11, 12, 9, 10)), (9, (11, 12, 10, 9))):
        watched.mark_failed(hours(failed)[0])
        assert watched.due(NOW) == hours(*due)
    watched.update(NOW + 4 * HOUR)
    assert watched.due(NOW) == hours(11, 12, 13, 10, 9)
    for _ in range(2):
        watched.mark_answered(hours(9)[0])
        assert watched.due(NOW) == hours(9, 11, 12, 13, 10)
    assert watched.windows == hours(9, 10, 11, 12, 13)
    assert watched.as_dict()["open"] == [*written["open"], "2026-11-22T13:00:00Z"]
    assert watched.as_dict().keys() == written.keys()


def test_failed_window_leaves_the_list_like_others() -> None:
    """A failed window isn't due once it is published, too old, or postponed."""
    watched = WatchList(plan(lookback="2h"), NOW)
    watched.update(NOW + 2 * HOUR)
    for window in hours(9, 10, 11):
        watched.mark_failed(window)
    watched.mark_published(hours(11)[0])
    assert watched.due(NOW) == hours(9, 10)
    watched.update(NOW + 3 * HOUR)
    assert watched.due(NOW) == hours(12, 10)
    watched.postpone(hours(10)[0], NOW + 4 * HOUR)
    assert watched.due(NOW + 3 * HOUR) == hours(12)
    assert watched.due(NOW + 4 * HOUR) == hours(12, 10)


@pytest.mark.contract("trigger.temporary-error")
@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_each_window_is_requested_however_many_fail(failing: list[bool]) -> None:
    """If three failures in a row end a poll, `ceil(windows / 3)` polls request each window."""
    watched = WatchList(plan(), NOW)
    watched.update(NOW + (len(failing) - 1) * HOUR)
    fails = dict(zip(watched.windows, failing, strict=True))
    requested = set()
    for _ in range(-(-len(failing) // 3)):
        in_a_row = 0
        for window in watched.due(NOW):
            requested.add(window)
            in_a_row = in_a_row + 1 if fails[window] else 0
            (watched.mark_failed if fails[window] else watched.mark_answered)(window)
            if in_a_row == 3:
                break
    assert requested == set(watched.windows)


@pytest.mark.parametrize(
    "written",
    [
        "x",
        ["open"],
        {"open": []},
        {"open": 5, "until": "2026-11-22T09:00:00Z"},
        {"open": ["x"], "until": "2026-11-22T09:00:00Z"},
        {"open": [], "until": "2026-11-22T09:00:00"},
        {"open": [], "until": None},
        {"open": [], "until": "2036-11-22T09:00:00Z"},
    ],
)
def test_resume_refuses_wrong_content(written: Any) -> None:  # noqa: ANN401 the point is to try anything
    """A wrong form, no zone, or years ahead is an error, and the list stays as it was."""
    watched = WatchList(plan(), NOW)
    with pytest.raises(ValueError, match=r"form is wrong|lies ahead|Invalid isoformat"):
        watched.resume(written)
    watched.update(NOW)
    assert watched.windows == hours(9)


@pytest.mark.contract("trigger.restart")
@given(st.lists(st.tuples(st.integers(-30, 90), st.booleans(), st.lists(st.integers(0, 20))), max_size=20))
def test_each_window_is_published_once_over_any_life(life: list[tuple[int, bool, list[int]]]) -> None:
    """However often the list is updated and resumed, each window is published once, and none is lost.

    A step of a life: minutes that pass (a clock may go back), a restart or not, and the published windows.
    """
    now, told = NOW, []
    watched = WatchList(plan(), now)
    for minutes, is_restarted, published in life:
        now += timedelta(minutes=minutes)
        if is_restarted:
            written = json.loads(json.dumps(watched.as_dict()))
            watched = WatchList(plan(), now)
            watched.resume(written)
        watched.update(now)
        for window in [one for at, one in enumerate(watched.windows) if at in published]:
            watched.mark_published(window)
            told.append(window)
    listed = sorted([*told, *watched.windows])
    assert listed == list(Window(hours(9)[0].start, listed[-1].end).slices(HOUR) if listed else [])
