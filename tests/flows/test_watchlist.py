"""Windows of the UTC grid are told of once each, in whichever order they are published."""

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
    """Give the hours of the day that begin at these."""
    midnight = NOW.replace(hour=0, minute=0)
    return tuple(Window(midnight + start * HOUR, midnight + (start + 1) * HOUR) for start in starts)


@pytest.mark.contract("trigger.arguments")
def test_what_is_not_given_has_its_default() -> None:
    """Five minutes, nothing to settle, a week to come; the operator code may be the connection's."""
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
def test_a_wrong_argument_is_named(name: str, value: object) -> None:
    """Each wrong argument is an error that starts with its name."""
    with pytest.raises(EvplConfigError, match=f"^{name}"):
        plan(**{name: value})


def test_durations_may_be_pendulums() -> None:
    """They are stored and compared as plain ones."""
    hour, week = pendulum.duration(hours=1), pendulum.duration(weeks=1)
    assert repr(plan(window_length=hour, settle=hour, lookback=week)) == repr(plan(settle="1h"))


def test_a_step_may_be_as_long_as_a_window() -> None:
    """One begins in each."""
    assert plan(granularity="1h").granularity.text == "1h"


def test_a_clock_may_have_been_a_day_ahead() -> None:
    """Not longer: what lies further ahead would silence the watcher."""
    watched = WatchList(plan(), NOW)
    begins = {"open": [], "until": "2026-11-23T09:00:00Z"}
    watched.resume(begins)
    assert watched.as_dict() == begins
    with pytest.raises(ValueError, match="lies ahead"):
        WatchList(plan(), NOW).resume(begins | {"until": "2026-11-23T09:00:01Z"})


def test_a_window_is_waited_for_as_the_sensor_does() -> None:
    """A window's plan is the sensor's: due when it has settled; the plan's operator code comes first."""
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
def test_it_begins_with_the_newest_window_that_is_over() -> None:
    """What is older isn't told; `settle` belongs to a window's time."""
    for settle, start in {"0s": 9, "1200s": 9, "1201s": 8}.items():
        watched = WatchList(plan(settle=settle, lookback="0s"), NOW)
        watched.go_on(NOW)
        assert watched.windows == hours(start)


@pytest.mark.contract("trigger.arguments", "trigger.first-window")
def test_a_window_that_is_late_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It stays on the list beside the newer ones, until it is told or too old, which is logged."""
    watched = WatchList(plan(lookback="2h"), NOW)
    seen = []
    for later in range(5):
        watched.go_on(NOW + later * HOUR)
        seen.append(watched.windows)
        for window in watched.windows[1:]:
            watched.mark_published(window)
    assert seen == [hours(9), hours(9, 10), hours(9, 11), hours(12), hours(12, 13)]
    assert [record.message for record in caplog.records] == [
        f"window {hours(9)[0]}: passed over, it wasn't published within the lookback"
    ]


def test_after_a_long_absence_it_begins_at_the_lookback(caplog: pytest.LogCaptureFixture) -> None:
    """What was over meanwhile is on the list, as far as the lookback reaches; the rest is logged as one."""
    watched = WatchList(plan(lookback="2h"), NOW)
    watched.go_on(NOW)
    again = WatchList(plan(lookback="2h"), NOW + 9 * HOUR)
    again.resume(watched.as_dict())
    again.go_on(NOW + 9 * HOUR)
    assert again.windows == hours(16, 17, 18)
    assert [record.message.split()[1] for record in caplog.records] == [
        f"{hours(9)[0]}:",
        "2026-11-22T10:00:00Z/2026-11-22T16:00:00Z:",
    ]


def test_a_window_that_is_put_off_is_no_less_open() -> None:
    """It isn't asked for until its time, the others are; it is told of, and written down, as any other."""
    watched = WatchList(plan(), NOW)
    watched.go_on(NOW + HOUR)
    watched.put_off(hours(9)[0], NOW + 2 * HOUR)
    watched.go_on(NOW + HOUR)
    assert watched.due(NOW + HOUR) == hours(10)
    assert watched.windows == watched.due(NOW + 2 * HOUR) == hours(9, 10)
    assert len(watched.as_dict()["open"]) == 2


@pytest.mark.contract("trigger.temporary-error")
def test_a_window_that_failed_is_due_after_all_others() -> None:
    """Among failed windows the one that failed longest ago comes first; an answer ends that."""
    watched = WatchList(plan(), NOW)
    watched.go_on(NOW + 3 * HOUR)
    written = watched.as_dict()
    for failed, due in ((9, (10, 11, 12, 9)), (10, (11, 12, 9, 10)), (9, (11, 12, 10, 9))):
        watched.failed(hours(failed)[0])
        assert watched.due(NOW) == hours(*due)
    watched.go_on(NOW + 4 * HOUR)
    assert watched.due(NOW) == hours(11, 12, 13, 10, 9)
    for _ in range(2):
        watched.answered(hours(9)[0])
        assert watched.due(NOW) == hours(9, 11, 12, 13, 10)
    assert watched.windows == hours(9, 10, 11, 12, 13)
    assert watched.as_dict()["open"] == [*written["open"], "2026-11-22T13:00:00Z"]
    assert watched.as_dict().keys() == written.keys()


def test_a_window_that_failed_leaves_the_list_as_any_other() -> None:
    """A failed window isn't due once it was published, became too old, or is put off."""
    watched = WatchList(plan(lookback="2h"), NOW)
    watched.go_on(NOW + 2 * HOUR)
    for window in hours(9, 10, 11):
        watched.failed(window)
    watched.mark_published(hours(11)[0])
    assert watched.due(NOW) == hours(9, 10)
    watched.go_on(NOW + 3 * HOUR)
    assert watched.due(NOW) == hours(12, 10)
    watched.put_off(hours(10)[0], NOW + 4 * HOUR)
    assert watched.due(NOW + 3 * HOUR) == hours(12)
    assert watched.due(NOW + 4 * HOUR) == hours(12, 10)


@pytest.mark.contract("trigger.temporary-error")
@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_no_window_starves_however_many_fail(failing: list[bool]) -> None:
    """If three failures in a row end a poll, `ceil(windows / 3)` polls request each window."""
    watched = WatchList(plan(), NOW)
    watched.go_on(NOW + (len(failing) - 1) * HOUR)
    fails = dict(zip(watched.windows, failing, strict=True))
    requested = set()
    for _ in range(-(-len(failing) // 3)):
        in_a_row = 0
        for window in watched.due(NOW):
            requested.add(window)
            in_a_row = in_a_row + 1 if fails[window] else 0
            (watched.failed if fails[window] else watched.answered)(window)
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
def test_what_others_wrote_is_no_list(written: Any) -> None:  # noqa: ANN401 the point is to try anything
    """Of another form, without a zone, or years ahead: an error, and the list is as it was."""
    watched = WatchList(plan(), NOW)
    with pytest.raises(ValueError, match=r"another form|no zone|lies ahead|Invalid isoformat"):
        watched.resume(written)
    watched.go_on(NOW)
    assert watched.windows == hours(9)


@pytest.mark.contract("trigger.restart")
@given(st.lists(st.tuples(st.integers(-30, 90), st.booleans(), st.lists(st.integers(0, 20))), max_size=20))
def test_over_any_life_each_window_is_told_once(life: list[tuple[int, bool, list[int]]]) -> None:
    """Whenever it looks, whatever is told and however often it starts again: each window once, none is lost.

    A step of a life: so many minutes later (a clock may go back), with a restart or not, these are told.
    """
    now, told = NOW, []
    watched = WatchList(plan(), now)
    for minutes, is_restarted, published in life:
        now += timedelta(minutes=minutes)
        if is_restarted:
            written = json.loads(json.dumps(watched.as_dict()))
            watched = WatchList(plan(), now)
            watched.resume(written)
        watched.go_on(now)
        for window in [one for at, one in enumerate(watched.windows) if at in published]:
            watched.mark_published(window)
            told.append(window)
    listed = sorted([*told, *watched.windows])
    assert listed == list(Window(hours(9)[0].start, listed[-1].end).slices(HOUR) if listed else [])
