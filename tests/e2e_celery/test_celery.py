"""Many pulls at once on two Celery workers, and what is left when one of them dies."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.airflow_leaks import Traces, tokens_of
from tests.support.airflow_processes import until
from tests.support.celery import SLOTS, WORKERS, Deployment, check_lake, deployment, dump

PULLS = 120
LONG = 3600.0
"""Seconds that anything may take; what hangs fails then."""

Tell = Callable[[str], None]


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run Airflow on several machines."""
    with deployment(tmp_path_factory.mktemp("celery")) as running:
        yield running


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Give a way to show figures, whatever is captured."""

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")  # noqa: T201 figures for whoever runs this

    return say


def test_a_backfill_lands_each_day_of_each_code_once(it: Deployment, tell: Tell) -> None:
    """30 runs of four mapped pulls, by two workers: an object a day and code, every row, no retry."""
    days = {"from_date": "2026-10-02T00:00:00Z", "to_date": "2026-10-31T00:00:00Z"}
    made = it.api.post("backfills", dag_id="evpl_codes_daily", max_active_runs=8, **days)
    path = f"backfills/{made['id']}"
    took = until("it is complete", lambda: it.api.get(path)["completed_at"] is not None, seconds=LONG)
    tasks = _tasks(it, "dags/evpl_codes_daily/dagRuns/~")
    assert _ends(tasks) == {("success", 1): PULLS}
    assert _hosts(tasks).keys() == set(WORKERS)
    tell(f"backfill: {PULLS} pulls, {check_lake(it, 'daily'):,} rows, {took:.0f} s; {_hosts(tasks)}")


def test_a_killed_worker_costs_no_row(it: Deployment, tell: Tell) -> None:
    """Of two workers one dies in the middle: the other pulls again what it had, and all is exact."""
    made = it.api.post("dags/evpl_codes_month/dagRuns", logical_date=None)
    run = f"dags/evpl_codes_month/dagRuns/{made['dag_run_id']}"
    before = until("a third is done", lambda: _count(it, run, "success") >= PULLS // 3, seconds=LONG)
    lost = _kill_in_the_middle(it, "worker-2", run)
    killed = datetime.now(UTC)
    after = until("the run is over", lambda: it.api.get(run)["end_date"] is not None, seconds=LONG)
    tasks = _tasks(it, run)
    again = [task for task in tasks if task["map_index"] in lost]
    assert _ends(tasks) == {("success", 1): PULLS - len(lost), ("success", 2): len(lost)}
    assert _ends(again) == {("success", 2): len(lost)}
    assert _hosts(again) == {"worker-1": len(lost)}
    back = max(datetime.fromisoformat(task["start_date"]) for task in again) - killed
    rows = check_lake(it, "month")
    tell(f"a worker killed: {PULLS} pulls, {rows:,} rows, {before + after:.0f} s; {_hosts(tasks)}")
    tell(f"the {len(lost)} pulls that died had begun again {back.total_seconds():.0f} s later")


def test_no_log_or_database_has_a_secret(it: Deployment) -> None:
    """After all that, no password and no token is in what anybody logged, nor plain in the database."""
    dump(it.database, it.logs / "database.sql")
    traces = Traces()
    traces.add_files(it.logs)
    assert traces.found("attempt=1.log").count("Pulling operator code") >= 2 * PULLS
    tokens = set().union(*(tokens_of(sandbox) for sandbox in it.sandboxes.values()))
    assert len(tokens) >= 2 * PULLS
    assert {where for where, _ in traces.leaks(it.passwords.all() | tokens)} == set()


def _kill_in_the_middle(it: Deployment, name: str, run: str) -> set[int]:
    """Kill a worker whose pulls are all under way, as the API refuses for a while; gives what it was at."""

    def pulls() -> set[int]:
        tasks = _tasks(it, run, state="running")
        return {task["map_index"] for task in tasks if task["hostname"] == name}

    def is_busy() -> bool:
        refused = [number for number in pulls() if "attempt 1 of 10" in _told(it, name, number)]
        return len(refused) == SLOTS // len(WORKERS)

    for sandbox in it.sandboxes.values():
        sandbox.set_faults("error-503-5")
    until("it is busy", is_busy, seconds=LONG)
    lost = pulls()
    it.workers[name].kill()
    for sandbox in it.sandboxes.values():
        sandbox.set_faults()
    return lost


def _told(it: Deployment, worker: str, map_index: int) -> str:
    logs = it.logs.glob(f"{worker}/dag_id=evpl_codes_month/*/task_id=pull/map_index={map_index}/*.log")
    return "".join(log.read_text() for log in logs)


def _tasks(it: Deployment, run: str, **query: object) -> list[dict[str, Any]]:
    return it.api.all_of(f"{run}/taskInstances", "task_instances", **query)


def _count(it: Deployment, run: str, state: str) -> int:
    return len(_tasks(it, run, state=state))


def _ends(tasks: list[dict[str, Any]]) -> dict[tuple[str, int], int]:
    return Counter((task["state"], task["try_number"]) for task in tasks)


def _hosts(tasks: list[dict[str, Any]]) -> dict[str, int]:
    return dict(sorted(Counter(task["hostname"] for task in tasks).items()))
