"""`airflow backfill create`, with Airflow's scheduler, executor and API server as processes of their own."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.airflow_processes import Machine, machine
from tests.support.documents import ROOT
from tests.support.faults_pulls import rows_of

CONFIG = SandboxConfig(circuits=3)
DAG_FILES = (
    ROOT / "tests" / "support" / "dags" / "backfill" / "readers.py",
    ROOT / "dags" / "evpl_utilization_daily.py",
)
ROWS_A_DAY = 3 * 2 * 2 * 288
RUNS = "SELECT state FROM dag_run WHERE dag_id = ?"
RETURNED = "SELECT value FROM xcom WHERE dag_id = ? AND key = 'return_value'"
PAST = "2026-10"
"""What scheduled runs pulled meanwhile is of later days."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Backfill three days each, and let Airflow run until nothing is left to do."""
    with SandboxServer(CONFIG) as sandbox:
        one = machine(tmp_path_factory.mktemp("airflow"), sandbox.connection(), *DAG_FILES)
        for dag_id in ("evpl_utilization_daily", "evpl_partitioned"):
            days = ("--from-date", "2026-09-02", "--to-date", "2026-09-04T12:00:00")
            one.airflow("backfill", "create", "--dag-id", dag_id, *days, "--max-active-runs", "1")
        one.run()
        yield one


def _check_rows(root: Path, first: datetime, days: int) -> None:
    network = Network(circuits=CONFIG.circuits, granularity_seconds=300, seed=CONFIG.seed)
    start, end = (int(bound.timestamp()) for bound in (first, first + timedelta(days=days)))
    truth = Counter(tuple(row) for row in network.truth(start=start, end=end))
    assert truth.total() == days * ROWS_A_DAY
    landed = rows_of(root)
    before = datetime.fromisoformat(f"{PAST}-01T00:00:00Z").timestamp()
    assert Counter({row: n for row, n in landed.items() if float(str(row[-2])) < before}) == truth


def _returned(done: Machine, dag_id: str) -> list[Any]:
    """Read what a DAG's runs returned, all of which ended well."""
    assert {state for (state,) in done.ask(RUNS, dag_id)} == {"success"}
    return [json.loads(text) for (text,) in done.ask(RETURNED, dag_id)]


def _days_read(done: Machine, dag_id: str) -> Counter[str]:
    found = [(day, rows) for day, rows in _returned(done, dag_id) if day < PAST]
    assert {rows for _, rows in found} == {ROWS_A_DAY}
    return Counter(day for day, _ in found)


def test_three_days_of_the_example(done: Machine) -> None:
    """All rows of its windows land, once; its readers run for just the days that landed."""
    _check_rows(done.home / "lake", datetime(2026, 8, 31, tzinfo=UTC), 4)
    told = Counter({"2026-08-31": 1, "2026-09-01": 2, "2026-09-02": 2, "2026-09-03": 1})
    read = _days_read(done, "read_days")
    assert read.keys() == told.keys()
    assert read <= told
    samples = [day for days in _returned(done, "read_samples") for day in days if day < PAST]
    assert set(samples) == told.keys()


def test_three_days_of_a_partitioned_dag(done: Machine) -> None:
    """The dates asked for are the partitions' own, and they are what is read."""
    _check_rows(done.home / "lake-partitioned", datetime(2026, 9, 2, tzinfo=UTC), 3)
    assert _days_read(done, "read_other_days") == Counter(["2026-09-02", "2026-09-03", "2026-09-04"])
