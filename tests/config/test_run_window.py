"""Where a run's window comes from, in the contract's order."""

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_evpl.config.run_window import RunTimes, resolve_window
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.window import DAY, Window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.contract("window.order")
def test_explicit_bounds_win() -> None:
    """`window_start` and `window_end` come before everything else."""
    run = RunTimes(partition_date=MIDNIGHT, logical_date=NOON)
    assert resolve_window(start=NOON, end=NOON + HOUR, length=DAY, run=run) == Window(NOON, NOON + HOUR)


@pytest.mark.contract("pull.window_start")
@pytest.mark.parametrize(("start", "end"), [(NOON, None), (None, NOON)])
def test_one_bound_alone_is_refused(start: datetime | None, end: datetime | None) -> None:
    """Half a window is no window."""
    with pytest.raises(EvplConfigError, match="both or neither"):
        resolve_window(start=start, end=end, length=DAY, run=RunTimes(logical_date=NOON))


@pytest.mark.parametrize("end", [NOON, MIDNIGHT])
def test_bounds_in_the_wrong_order_are_refused(end: datetime) -> None:
    """An end that doesn't come after its start is told by the arguments' names, with both moments."""
    told = "window_end: 2026-11-22T..:00:00Z must come after window_start, 2026-11-22T12:00:00Z"
    with pytest.raises(EvplConfigError, match=told):
        resolve_window(start=NOON, end=end, length=None, run=RunTimes())


@pytest.mark.parametrize(("length", "expected"), [(None, DAY), (2 * DAY, 2 * DAY), (HOUR, HOUR)])
def test_a_partition_date_comes_next(length: timedelta | None, expected: timedelta) -> None:
    """The window starts at the partition's date, one day long if not said otherwise."""
    run = RunTimes(partition_date=MIDNIGHT, data_interval_start=NOON, data_interval_end=NOON + HOUR)
    window = resolve_window(start=None, end=None, length=length, run=run)
    assert window == Window(MIDNIGHT, MIDNIGHT + expected)


@pytest.mark.contract("pull.window_length")
@pytest.mark.parametrize(
    ("length", "start", "end"),
    [
        (DAY, MIDNIGHT - DAY, MIDNIGHT),
        (HOUR, NOON - 2 * HOUR, NOON - HOUR),
        (6 * HOUR, MIDNIGHT, MIDNIGHT + 6 * HOUR),
        (7 * DAY, MIDNIGHT - 7 * DAY, MIDNIGHT),
    ],
)
def test_a_length_is_the_last_full_one_before_the_run(
    length: timedelta, start: datetime, end: datetime
) -> None:
    """It ends at or before the data interval's end; whole days end at midnight."""
    run = RunTimes(data_interval_start=MIDNIGHT, data_interval_end=NOON - timedelta(seconds=1))
    assert resolve_window(start=None, end=None, length=length, run=run) == Window(start, end)


def test_a_partition_date_is_a_moment_of_whole_seconds() -> None:
    """One that is none is told by its name: it came with the run, not with an argument."""
    run = RunTimes(partition_date=NOON.replace(microsecond=1))
    with pytest.raises(EvplConfigError, match="partition_date: must be a moment in whole seconds"):
        resolve_window(start=None, end=None, length=None, run=run)


def test_the_data_interval_goes_before_the_logical_date() -> None:
    """A scheduled run has both, and its logical date is where the interval starts."""
    run = RunTimes(data_interval_start=MIDNIGHT, data_interval_end=NOON, logical_date=MIDNIGHT)
    assert resolve_window(start=None, end=None, length=HOUR, run=run) == Window(NOON - HOUR, NOON)


def test_a_length_falls_back_to_the_logical_date() -> None:
    """Without a data interval the logical date counts, fractions of a second included."""
    run = RunTimes(logical_date=NOON.replace(microsecond=5))
    assert resolve_window(start=None, end=None, length=HOUR, run=run) == Window(NOON - HOUR, NOON)


def test_an_interval_without_width_is_none() -> None:
    """Then the logical date counts too: the interval of a run by hand may be a moment of the clock's."""
    run = RunTimes(data_interval_start=NOON, data_interval_end=NOON, logical_date=MIDNIGHT)
    window = Window(MIDNIGHT - HOUR, MIDNIGHT)
    assert resolve_window(start=None, end=None, length=HOUR, run=run) == window


@pytest.mark.contract("window.order")
def test_the_data_interval_comes_last() -> None:
    """Without arguments the run's own data interval is pulled."""
    run = RunTimes(data_interval_start=MIDNIGHT, data_interval_end=NOON)
    assert resolve_window(start=None, end=None, length=None, run=run) == Window(MIDNIGHT, NOON)


@pytest.mark.parametrize("start", [NOON, NOON.replace(microsecond=5)])
def test_an_interval_of_broken_seconds_says_what_to_set(start: datetime) -> None:
    """A run by hand of a delta timetable has such an interval: it is told, not rounded."""
    run = RunTimes(data_interval_start=start, data_interval_end=NOON.replace(microsecond=5) + HOUR)
    with pytest.raises(EvplConfigError, match="isn't in whole seconds; set window_start and window_end"):
        resolve_window(start=None, end=None, length=None, run=run)
    assert resolve_window(start=None, end=None, length=HOUR, run=run) == Window(NOON, NOON + HOUR)


@pytest.mark.contract("window.none")
@pytest.mark.parametrize(
    "run",
    [
        RunTimes(),
        RunTimes(logical_date=NOON),
        RunTimes(data_interval_start=NOON, data_interval_end=NOON, logical_date=NOON),
    ],
)
def test_nothing_to_go_by_is_an_error_not_now(run: RunTimes) -> None:
    """A zero-width interval is no window, and the clock is never asked."""
    with pytest.raises(EvplConfigError, match="set window_start and window_end, or window_length"):
        resolve_window(start=None, end=None, length=None, run=run)


def test_times_are_read_from_the_context_by_name() -> None:
    """Each has the name that the scheduler gives it; what a context lacks is None, all else is left alone."""
    times = {name: MIDNIGHT + number * HOUR for number, name in enumerate(RunTimes.__slots__)}
    assert list(times) == ["partition_date", "data_interval_start", "data_interval_end", "logical_date"]
    assert RunTimes.from_context({**times, "run_id": "x"}) == RunTimes(**times)
    assert RunTimes.from_context({}) == RunTimes()


@pytest.mark.contract("window.none")
def test_a_length_without_a_date_is_an_error() -> None:
    """A manual run without logical date says what to set."""
    with pytest.raises(EvplConfigError, match="neither a data interval nor a logical date"):
        resolve_window(start=None, end=None, length=DAY, run=RunTimes())
