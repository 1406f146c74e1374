"""Which window a run pulls: for each kind of run, as Airflow itself creates it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.airflow.runs import Lab, Outcome
    from tests.airflow.scheduler import Scheduler

TWO_HOURS = ["19T23 20T00", "20T00 20T01"]
SCHEDULED = {
    "evpl_trigger": TWO_HOURS,
    "evpl_interval": ["20T00 20T01", "20T01 20T02"],
    "evpl_interval_length": ["20T00 20T01", "20T01 20T02"],
    "evpl_bounds": ["19T18 19T19", "19T19 19T20"],
    "evpl_partition": TWO_HOURS,
    "evpl_partition_day": ["20T00 21T00", "21T00 22T00"],
}


def _scheduler(*dag_ids: str) -> "Scheduler":
    from tests.airflow.scheduler import Scheduler

    return Scheduler(*dag_ids)


def _check(lab: "Lab", outcomes: Sequence["Outcome"], windows: Sequence[str]) -> None:
    """Compare the windows of results and of landed objects, written like `20T00 20T01`: day and hour."""
    from tests.airflow.runs import local_paths

    assert [outcome.state for outcome in outcomes] == ["success"] * len(windows)
    landed = []
    for outcome, window in zip(outcomes, windows, strict=True):
        start, end = (f"2026-11-{bound}:00:00Z" for bound in window.split())
        assert outcome.result is not None
        assert (outcome.result["window_start"], outcome.result["window_end"]) == (start, end)
        (path,) = local_paths(outcome.result)
        assert path.stem == f"{start}-{end}".replace("-11-", "11").replace(":", "")
        landed.append(path)
    assert sorted(landed) == lab.landed()


@pytest.mark.parametrize(("dag_id", "windows"), SCHEDULED.items(), ids=SCHEDULED)
def test_a_scheduled_run(lab: "Lab", dag_id: str, windows: list[str]) -> None:
    """Of arguments, partition, length and interval the first counts that is there."""
    scheduler = _scheduler(dag_id)
    outcomes = []
    with scheduler.awake():
        for _ in windows:
            scheduler.schedule()
            outcomes += scheduler.finish(dag_id, "scheduled")
    _check(lab, outcomes, windows)


@pytest.mark.parametrize(("dag_id", "windows"), SCHEDULED.items(), ids=SCHEDULED)
def test_a_backfill(lab: "Lab", dag_id: str, windows: list[str]) -> None:
    """A backfill pulls the windows that scheduled runs would have pulled."""
    from tests.airflow.runs import DAY

    scheduler = _scheduler(dag_id)
    start = DAY - timedelta(hours=1) if dag_id == "evpl_partition" else DAY
    long = timedelta(days=1) if dag_id == "evpl_partition_day" else timedelta(hours=1, minutes=30)
    scheduler.backfill(dag_id, start, start + long)
    _check(lab, scheduler.finish(dag_id, "backfill"), windows)


@pytest.mark.parametrize(
    ("dag_id", "hour", "key", "window"),
    [
        ("evpl_trigger", 0.5, None, "19T23 20T00"),
        ("evpl_trigger", 1, None, "20T00 20T01"),
        ("evpl_interval", 1.25, None, "20T00 20T01"),
        ("evpl_interval_length", 1.25, None, "19T23 20T00"),
        ("evpl_asset_length", 1.25, None, "20T00 20T01"),
        ("evpl_partition", None, "2026-11-20T07:00:00", "20T07 20T08"),
        ("evpl_partition_day", None, "2026-11-19", "19T00 20T00"),
    ],
)
def test_a_manual_run(lab: "Lab", dag_id: str, hour: float | None, key: str | None, window: str) -> None:
    """A run by hand has its window from its logical date, or from its partition."""
    from tests.airflow.runs import DAY

    scheduler = _scheduler(dag_id)
    logical_date = None if hour is None else DAY + timedelta(hours=hour)
    scheduler.trigger(dag_id, logical_date=logical_date, key=key)
    _check(lab, scheduler.finish(dag_id, "manual"), [window])


@pytest.mark.parametrize("dag_id", ["evpl_trigger", "evpl_interval", "evpl_asset_length"])
def test_a_manual_run_without_logical_date(
    lab: "Lab", dag_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the run says nothing the task fails, names what to set, and doesn't take the clock's hour."""
    scheduler = _scheduler(dag_id)
    scheduler.trigger(dag_id)
    (outcome,) = scheduler.finish(dag_id, "manual")
    assert outcome.state == "failed"
    assert "set window_start and window_end" in "".join(capfd.readouterr())
    assert lab.landed() == []


def test_a_run_for_a_past_date_by_command(lab: "Lab") -> None:
    """`airflow dags trigger` for a past date pulls that date's window, not the one before now."""
    from tests.airflow.runs import DAY

    scheduler = _scheduler("evpl_trigger")
    scheduler.trigger_by_command("evpl_trigger", DAY + timedelta(hours=1))
    _check(lab, scheduler.finish("evpl_trigger", "manual"), ["20T00 20T01"])


def test_a_run_whose_interval_has_no_width(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """A trigger timetable's interval is a moment: without a length that is no window."""
    scheduler = _scheduler("evpl_trigger_alone")
    with scheduler.awake():
        scheduler.schedule()
        (outcome,) = scheduler.finish("evpl_trigger_alone", "scheduled")
    assert outcome.state == "failed"
    assert "set window_start and window_end, or window_length" in "".join(capfd.readouterr())
    assert lab.landed() == []


def test_a_run_by_an_asset(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """It has no logical date: bounds may come from the event, a length alone has nothing to end at."""
    dag_ids = ("evpl_news", "evpl_asset", "evpl_asset_length")
    scheduler = _scheduler(*dag_ids)
    with scheduler.awake():
        scheduler.trigger("evpl_news")
        scheduler.finish("evpl_news", "manual")
        scheduler.schedule()
    _check(lab, scheduler.finish("evpl_asset", "asset_triggered"), ["18T22 18T23"])
    capfd.readouterr()
    (outcome,) = scheduler.finish("evpl_asset_length", "asset_triggered")
    assert outcome.state == "failed"
    assert "window_length: this run has neither" in "".join(capfd.readouterr())


def test_a_run_by_an_assets_partition(lab: "Lab") -> None:
    """It pulls the partition that its asset tells of."""
    scheduler = _scheduler("evpl_partition", "evpl_partition_asset")
    with scheduler.awake():
        scheduler.schedule()
        scheduler.finish("evpl_partition", "scheduled")
        scheduler.schedule()
    _check(lab, scheduler.finish("evpl_partition_asset", "asset_triggered"), TWO_HOURS[:1])
