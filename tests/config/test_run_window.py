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
def test_explicit_bounds_take_precedence() -> None:
    """`window_start` and `window_end` take precedence over everything else."""
    run = RunTimes(partition_date=MIDNIGHT, logical_date=NOON)
    assert resolve_window(start=NOON, end=NOON + HOUR, length=DAY, run=run) == Window(NOON, NOON + HOUR)


@pytest.mark.contract("pull.window_start")
@pytest.mark.parametrize(("start", "end"), [(NOON, None), (None, NOON)])
def test_one_bound_alone_is_an_error(start: datetime | None, end: datetime | None) -> None:
    """Only one of the two bounds is an error."""
    with pytest.raises(EvplConfigError, match="both or neither"):
        resolve_window(start=start, end=end, length=DAY, run=RunTimes(logical_date=NOON))


@pytest.mark.parametrize("end", [NOON, MIDNIGHT])
def test_bounds_in_the_wrong_order_are_an_error(end: datetime) -> None:
    """An end that does not come after its start is an error with both names and both moments."""
    message = (
        r"^window_end: must come after window_start\.\nThey are 2026-11-22T..:00:00Z and 2026-11-22T12:00:00Z"
    )
    with pytest.raises(EvplConfigError, match=message):
        resolve_window(start=NOON, end=end, length=None, run=RunTimes())


@pytest.mark.parametrize(("length", "expected"), [(None, DAY), (2 * DAY, 2 * DAY), (HOUR, HOUR)])
def test_partition_date_comes_second(length: timedelta | None, expected: timedelta) -> None:
    """The window starts at the date of the partition, and is one day long if no length is given."""
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
def test_window_length_is_the_last_full_window(length: timedelta, start: datetime, end: datetime) -> None:
    """The window ends at or before the end of the data interval. Whole days end at midnight."""
    run = RunTimes(data_interval_start=MIDNIGHT, data_interval_end=NOON - timedelta(seconds=1))
    assert resolve_window(start=None, end=None, length=length, run=run) == Window(start, end)


def test_partition_date_with_a_fraction_is_an_error() -> None:
    """The error names the partition date, because it came with the run, not with an argument."""
    run = RunTimes(partition_date=NOON.replace(microsecond=1))
    with pytest.raises(EvplConfigError, match="partition_date: must be a date, or a time with a zone"):
        resolve_window(start=None, end=None, length=None, run=run)


def test_data_interval_takes_precedence_over_the_logical_date() -> None:
    """A scheduled run has both, and its logical date is the start of its interval."""
    run = RunTimes(data_interval_start=MIDNIGHT, data_interval_end=NOON, logical_date=MIDNIGHT)
    assert resolve_window(start=None, end=None, length=HOUR, run=run) == Window(NOON - HOUR, NOON)


def test_window_length_uses_the_logical_date() -> None:
    """Without a data interval the logical date counts, also if it has a fraction of a second."""
    run = RunTimes(logical_date=NOON.replace(microsecond=5))
    assert resolve_window(start=None, end=None, length=HOUR, run=run) == Window(NOON - HOUR, NOON)


def test_empty_data_interval_does_not_count() -> None:
    """The logical date counts then: the empty interval of a manual run may come from the clock."""
    run = RunTimes(data_interval_start=NOON, data_interval_end=NOON, logical_date=MIDNIGHT)
    window = Window(MIDNIGHT - HOUR, MIDNIGHT)
    assert resolve_window(start=None, end=None, length=HOUR, run=run) == window


@pytest.mark.contract("window.order")
def test_data_interval_is_the_default_window() -> None:
    """Without arguments, the window is the data interval of the run."""
    run = RunTimes(data_interval_start=MIDNIGHT, data_interval_end=NOON)
    assert resolve_window(start=None, end=None, length=None, run=run) == Window(MIDNIGHT, NOON)


@pytest.mark.parametrize("start", [NOON, NOON.replace(microsecond=5)])
def test_data_interval_with_a_fraction_is_an_error(start: datetime) -> None:
    """A manual run of a delta timetable has such an interval. It is an error, and is not rounded."""
    run = RunTimes(data_interval_start=start, data_interval_end=NOON.replace(microsecond=5) + HOUR)
    with pytest.raises(EvplConfigError, match=r"is not in whole seconds\.\nSet window_start and window_end"):
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
def test_run_without_times_is_an_error(run: RunTimes) -> None:
    """The error says what to set. The clock is never used, and an empty interval does not count."""
    with pytest.raises(EvplConfigError, match=r"Set window_start and window_end, or window_length\."):
        resolve_window(start=None, end=None, length=None, run=run)


def test_run_times_are_read_from_the_context() -> None:
    """Each time has the name that the scheduler gives it. A missing time is None."""
    times = {name: MIDNIGHT + number * HOUR for number, name in enumerate(RunTimes.__slots__)}
    assert list(times) == ["partition_date", "data_interval_start", "data_interval_end", "logical_date"]
    assert RunTimes.from_context({**times, "run_id": "x"}) == RunTimes(**times)
    assert RunTimes.from_context({}) == RunTimes()


@pytest.mark.contract("window.none")
def test_window_length_without_a_date_is_an_error() -> None:
    """A manual run without a logical date says what to set."""
    with pytest.raises(EvplConfigError, match="neither a data interval nor a logical date"):
        resolve_window(start=None, end=None, length=DAY, run=RunTimes())
