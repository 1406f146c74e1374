"""The examples in dags/, each run by Airflow: what they land and compute equals the sandbox's data."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_evpl.config.settings import Settings
from tests.support.airflow_versions import load_dags
from tests.support.documents import ROOT
from tests.support.lake_files import intervals
from tests.support.stores import connect

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)


def _rows(paths: Iterable[Path]) -> dict[tuple[Any, ...], float]:
    """Read objects that have no row in common."""
    from tests.support.airflow_runs import read_rows

    rows: dict[tuple[Any, ...], float] = {}
    for path in paths:
        found = read_rows(path.read_bytes())
        assert not rows.keys() & found.keys()
        rows |= found
    return rows


def test_each_dag_says_in_airflow_where_errors_are_explained(lab: "Lab") -> None:
    """The page of each DAG has what the file says at its top, and names the list of errors, which exists."""
    examples = {path.name for path in (ROOT / "dags").glob("*.py")}
    bag = load_dags(lab.airflow_home / "dags")
    texts = [dag.doc_md for dag in bag.dags.values() if Path(dag.fileloc).name in examples]
    assert len(texts) == len(examples) + 1  # hours and nights are one file
    assert (ROOT / "docs" / "troubleshooting.md").is_file()
    assert all("`docs/troubleshooting.md`" in text for text in texts)


def test_a_night_supersedes_its_hours(lab: "Lab") -> None:
    """Each hour lands with the two before it; the night puts days in their place; all rows are exact."""
    from tests.support.airflow_runs import run_dag, truth

    for hour in (12, 13):
        at = MIDNIGHT + hour * HOUR + timedelta(minutes=20)
        assert run_dag(lab, "evpl_utilization_hourly", logical_date=at).state == "success"
    assert intervals(lab.lake) == [
        f"20261120T{hour:02}0000Z-20261120T{hour + 1:02}0000Z" for hour in (9, 10, 11, 12)
    ]
    assert _rows(lab.landed()) == truth(lab.sandbox, MIDNIGHT + 9 * HOUR, MIDNIGHT + 13 * HOUR)
    outcome = run_dag(lab, "evpl_utilization_nightly", logical_date=MIDNIGHT + DAY + 4 * HOUR)
    assert outcome.result is not None
    assert [one["replaced"] for one in outcome.result["slices"]] == [0, 4]
    assert intervals(lab.lake) == [
        "20261119T000000Z-20261120T000000Z",
        "20261120T000000Z-20261121T000000Z",
    ]
    assert _rows(lab.landed()) == truth(lab.sandbox, MIDNIGHT - DAY, MIDNIGHT + DAY)


def test_many_operator_codes_are_pulled_by_a_task_each(lab: "Lab") -> None:
    """Each code lands its own two days; one that the API refuses fails alone; all are in the pool."""
    from tests.support.airflow_runs import run_tasks, truth

    run = run_tasks(
        lab,
        "evpl_utilization_many",
        logical_date=MIDNIGHT + DAY + 3 * HOUR,
        conf={"operator_codes": ["0042", "nobody's"]},
    )
    pulls = {one.map_index: one for one in run.get_task_instances() if one.task_id == "pull_utilization"}
    assert {index: (one.state, one.pool, one.rendered_map_index) for index, one in pulls.items()} == {
        0: ("success", "evpl", "0042"),
        1: ("failed", "evpl", "nobody's"),
    }
    assert _rows(lab.landed()) == truth(lab.sandbox, MIDNIGHT - DAY, MIDNIGHT + DAY)


def test_the_pool_keeps_under_the_gateways_limit(lab: "Lab") -> None:
    """The pool that the file says to make, times the connection's default rate, is under 25 a second."""
    text = (lab.airflow_home / "dags" / "evpl_utilization_many.py").read_text()
    [slots] = re.findall(r"airflow pools set evpl (\d+)", text)
    assert int(slots) * signature(Settings).parameters["requests_per_second"].default < 25


def test_the_pull_comes_after_the_wait(lab: "Lab") -> None:
    """The day is published: the wait ends at its first look, then the same day lands."""
    from tests.support.airflow_runs import run_tasks, truth

    at = MIDNIGHT + DAY + timedelta(minutes=10)
    run = run_tasks(lab, "evpl_wait_then_pull", logical_date=at, conf={"min_series": 12})
    assert run.state == "success"
    assert _rows(lab.landed()) == truth(lab.sandbox, MIDNIGHT, MIDNIGHT + DAY)


def test_the_question_of_a_window(lab: "Lab") -> None:
    """The series with the highest peaks, by the sandbox's own function; nothing lands."""
    from tests.support.airflow_runs import run_dag, truth

    conf = {"window_start": "2026-11-20", "window_end": "2026-11-20T06:00:00Z", "top": 3}
    outcome = run_dag(lab, "evpl_taskflow_question", logical_date=None, conf=conf)
    result: Any = outcome.result
    series = _by_series(truth(lab.sandbox, MIDNIGHT, MIDNIGHT + 6 * HOUR))
    highest = sorted(series, key=lambda one: -max(series[one]))[:3]
    assert [tuple(one.values())[:-1] for one in result] == [(*one[1:], max(series[one])) for one in highest]
    assert [one["mean"] for one in result] == pytest.approx([fmean(series[one]) for one in highest])
    assert lab.landed() == []


def test_an_answer_with_nulls_is_json(lab: "Lab", request: pytest.FixtureRequest) -> None:
    """Names that the API leaves out are null in the task's result."""
    from tests.support.airflow_runs import run_dag

    request.addfinalizer(lab.sandbox.set_faults)
    lab.sandbox.set_faults("optional-null")
    conf = {"window_start": "2026-11-20T00:00:00Z", "window_end": "2026-11-20T01:00:00Z", "top": 30}
    outcome = run_dag(lab, "evpl_taskflow_question", logical_date=None, conf=conf)
    assert outcome.state == "success"
    result: Any = outcome.result
    assert None in {one["pop_name"] for one in result}


def _by_series(truth: Mapping[tuple[Any, ...], float]) -> dict[tuple[Any, ...], list[float]]:
    series: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for key, value in truth.items():
        series[key[:-1]].append(value)
    return series


@pytest.mark.parametrize("place", ["file", "s3"])
def test_figures_and_reports_of_the_months_that_landed(lab: "Lab", s3_url: str, place: str) -> None:
    """Percentiles are those of the sandbox, in any lake; a run again gives the same table and new reports."""
    from tests.support.airflow_runs import SERIES, run_tasks, truth

    fs, root = (_s3 if place == "s3" else _local)(lab, s3_url)
    lab.execute(object_storage_path=root, window_start="2026-10-31", window_end="2026-11-02")
    for _ in range(2):
        run = run_tasks(lab, "evpl_report_monthly", logical_date=None)
        assert run.state == "success"
        months = {one.rendered_map_index for one in run.get_task_instances() if one.task_id == "report"}
        assert months == {"2026-10", "2026-11"}
    folder = root.partition("@")[2] or str(lab.lake)
    pages = sorted(fs.find(f"{folder}/reports"))
    assert [path.removeprefix(folder) for path in pages] == [
        f"/reports/granularity=300s/month={month}/report.html" for month in ("2026-10", "2026-11")
    ]
    tables = sorted(fs.find(f"{folder}/figures"))
    for path, start in zip(tables, (MIDNIGHT - 20 * DAY, MIDNIGHT - 19 * DAY), strict=True):
        with fs.open(path) as file:
            rows = pq.read_table(file).to_pylist()
        series = _by_series(truth(lab.sandbox, start, start + DAY))
        assert {
            tuple(row[name] for name in SERIES): (row["percentile"], row["samples"])
            for row in rows
            if row["kind"] == "series"
        } == {one: (_nearest_rank(values), 288) for one, values in series.items()}


def test_a_run_for_one_month_computes_and_reports_only_this_one(lab: "Lab") -> None:
    """The param of a manual run names the month."""
    from tests.support.airflow_runs import run_tasks

    lab.execute(window_start="2026-10-31", window_end="2026-11-02")
    run = run_tasks(lab, "evpl_report_monthly", logical_date=None, conf={"month": "2026-10"})
    assert run.state == "success"
    written = {path.parent.name for path in lab.landed() if path.parts[-2].startswith("month=")}
    assert written == {"month=2026-10"}


def _local(lab: "Lab", _url: str) -> tuple[Any, str]:
    return LocalFileSystem(), lab.root


def _s3(lab: "Lab", url: str) -> tuple[Any, str]:
    extra = {"endpoint_url": url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    lab.monkeypatch.setenv("AIRFLOW_CONN_LAKE_STORE", json.dumps(connection))
    lab.monkeypatch.setenv("EVPL_LAKE_ROOT", "s3://lake_store@evpl-report/lake")
    fs = connect("s3", url)
    fs.mkdir("evpl-report")
    return fs, "s3://lake_store@evpl-report/lake"


def _nearest_rank(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
