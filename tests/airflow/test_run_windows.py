"""Which window a run pulls: for each kind of run, as Airflow itself creates it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.airflow_versions import AIRFLOW_3, make_scheduler, needs

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab, Outcome

NEEDS_PARTITIONS = needs("3.3", "a run's partition date in the context")
NEEDS_NO_DATE = needs("3.0", "runs without a logical date")
TWO_HOURS = ["19T23 20T00", "20T00 20T01"]
SCHEDULED = {
    "evpl_trigger": TWO_HOURS,
    "evpl_interval": ["20T00 20T01", "20T01 20T02"],
    "evpl_interval_length": ["20T00 20T01", "20T01 20T02"],
    "evpl_bounds": ["19T18 19T19", "19T19 19T20"],
}
TWO_DAYS = ["20T00 21T00", "21T00 22T00"]
PARTITIONED = {"evpl_partition": TWO_HOURS, "evpl_partition_day": TWO_DAYS}
KINDS = [
    *(pytest.param(*kind, id=kind[0]) for kind in SCHEDULED.items()),
    *(pytest.param(*kind, id=kind[0], marks=NEEDS_PARTITIONS) for kind in PARTITIONED.items()),
    pytest.param("evpl_partition_key_day", TWO_DAYS, id="key", marks=needs("3.2", "partitions")),
]


def _check(lab: "Lab", outcomes: Sequence["Outcome"], windows: Sequence[str]) -> None:
    """Compare the windows of results and of landed objects, written like `20T00 20T01`: day and hour."""
    from tests.support.airflow_runs import local_paths

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


@pytest.mark.contract("window.order")
@pytest.mark.parametrize(("dag_id", "windows"), KINDS)
def test_a_scheduled_run_takes_the_first_window_that_is_given(
    lab: "Lab", dag_id: str, windows: list[str]
) -> None:
    """In this order: arguments, partition, length, interval."""
    scheduler = make_scheduler(dag_id)
    outcomes = []
    with scheduler.awake():
        for _ in windows:
            scheduler.schedule()
            outcomes += scheduler.finish(dag_id, "scheduled")
    _check(lab, outcomes, windows)


@pytest.mark.parametrize(("dag_id", "windows"), KINDS)
def test_a_backfill_pulls_the_windows_of_scheduled_runs(lab: "Lab", dag_id: str, windows: list[str]) -> None:
    """A backfill pulls the windows that scheduled runs would have pulled."""
    from tests.support.airflow_runs import DAY

    scheduler = make_scheduler(dag_id)
    start = DAY - timedelta(hours=1) if dag_id == "evpl_partition" else DAY
    long = timedelta(days=1) if dag_id.endswith("_day") else timedelta(hours=1, minutes=30)
    scheduler.backfill(dag_id, start, start + long)
    _check(lab, scheduler.finish(dag_id, "backfill"), windows)


@pytest.mark.contract("window.order")
@pytest.mark.parametrize(
    ("dag_id", "hour", "key", "window"),
    [
        ("evpl_trigger", 0.5, None, "19T23 20T00"),
        ("evpl_trigger", 1, None, "20T00 20T01"),
        ("evpl_interval", 1.25, None, "20T00 20T01"),
        ("evpl_interval_length", 1.25, None, "19T23 20T00"),
        ("evpl_asset_length", 1.25, None, "20T00 20T01"),
        pytest.param("evpl_partition", None, "2026-11-20T07:00:00", "20T07 20T08", marks=NEEDS_PARTITIONS),
        pytest.param("evpl_partition_day", None, "2026-11-19", "19T00 20T00", marks=NEEDS_PARTITIONS),
    ],
)
def test_a_manual_run_takes_its_logical_date_or_partition(
    lab: "Lab", dag_id: str, hour: float | None, key: str | None, window: str
) -> None:
    """A run by hand has its window from its logical date, or from its partition."""
    from tests.support.airflow_runs import DAY

    scheduler = make_scheduler(dag_id)
    logical_date = None if hour is None else DAY + timedelta(hours=hour)
    scheduler.trigger(dag_id, logical_date=logical_date, key=key)
    _check(lab, scheduler.finish(dag_id, "manual"), [window])


@pytest.mark.contract("window.none", "window.never-now")
@NEEDS_NO_DATE
@pytest.mark.parametrize("dag_id", ["evpl_trigger", "evpl_interval", "evpl_asset_length"])
def test_a_manual_run_without_a_logical_date_is_an_error(
    lab: "Lab", dag_id: str, logs: Callable[[], str]
) -> None:
    """The error says what to set; the run never uses the current hour."""
    scheduler = make_scheduler(dag_id)
    scheduler.trigger(dag_id)
    (outcome,) = scheduler.finish(dag_id, "manual")
    assert outcome.state == "failed"
    assert "Set window_start and window_end" in logs()
    assert lab.landed() == []


@pytest.mark.contract("window.never-now")
def test_airflow_dags_trigger_pulls_the_window_of_its_date(lab: "Lab") -> None:
    """`airflow dags trigger` for a past date pulls that date's window, not the one before now."""
    from tests.support.airflow_runs import DAY

    scheduler = make_scheduler("evpl_trigger")
    scheduler.trigger_by_command("evpl_trigger", DAY + timedelta(hours=1))
    _check(lab, scheduler.finish("evpl_trigger", "manual"), ["20T00 20T01"])


def test_a_trigger_timetable_without_a_length_is_an_error(lab: "Lab", logs: Callable[[], str]) -> None:
    """Its interval has no width, so it is no window."""
    scheduler = make_scheduler("evpl_trigger_alone")
    with scheduler.awake():
        scheduler.schedule()
        (outcome,) = scheduler.finish("evpl_trigger_alone", "scheduled")
    assert outcome.state == "failed"
    assert "Set window_start and window_end, or window_length" in logs()
    assert lab.landed() == []


@pytest.fixture
def news(lab: "Lab") -> Any:  # noqa: ANN401 a scheduler
    """Tell of an asset, at a quarter past one, and create the runs that wait for it."""
    from tests.support.airflow_runs import DAY

    assert lab.landed() == []
    scheduler = make_scheduler("evpl_news", "evpl_asset", "evpl_asset_length")
    with scheduler.awake():
        scheduler.trigger("evpl_news", logical_date=DAY + timedelta(hours=1, minutes=15))
        scheduler.finish("evpl_news", "manual")
        scheduler.schedule()
    return scheduler


def test_an_asset_event_can_give_the_bounds(lab: "Lab", news: Any) -> None:  # noqa: ANN401 a scheduler
    """Bounds may come from the event."""
    _check(lab, news.finish("evpl_asset", "asset_triggered"), ["18T22 18T23"])


@NEEDS_NO_DATE
def test_an_asset_run_with_only_a_length_is_an_error(
    lab: "Lab",
    news: Any,  # noqa: ANN401 a scheduler
    logs: Callable[[], str],
) -> None:
    """It has no logical date, so the length has no end."""
    (outcome,) = news.finish("evpl_asset_length", "asset_triggered")
    assert outcome.state == "failed"
    assert "window_length: this run has neither" in logs()
    assert lab.landed() == []


@pytest.mark.skipif(AIRFLOW_3, reason="Since Airflow 3.0 an asset's run has no data interval")
def test_a_dataset_run_takes_the_interval_of_its_source(lab: "Lab") -> None:
    """Both runs pull the same hour."""
    scheduler = make_scheduler("evpl_interval", "evpl_after_length")
    with scheduler.awake():
        scheduler.schedule()
        _check(lab, scheduler.finish("evpl_interval", "scheduled"), ["20T00 20T01"])
        scheduler.schedule()
    _check(lab, scheduler.finish("evpl_after_length", "asset_triggered"), ["20T00 20T01"])


@NEEDS_PARTITIONS
def test_an_asset_run_pulls_the_partition_of_the_event(lab: "Lab") -> None:
    """It pulls the partition that its asset tells of."""
    scheduler = make_scheduler("evpl_partition", "evpl_partition_asset")
    with scheduler.awake():
        scheduler.schedule()
        scheduler.finish("evpl_partition", "scheduled")
        scheduler.schedule()
    _check(lab, scheduler.finish("evpl_partition_asset", "asset_triggered"), TWO_HOURS[:1])
