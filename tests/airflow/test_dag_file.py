import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.airflow_versions import DAG_FILES_IMPORT, is_since, load_dags, serialise

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

_HEAVY = (
    *("pyarrow", "pandas", "requests", "numpy", "msgspec", "tenacity", "wtforms", "flask_appbuilder"),
    *("duckdb", "scipy", "pyiceberg"),
)
_IMPORTS = f"""
import sys
import {DAG_FILES_IMPORT}
import airflow.timetables.trigger
before = set(sys.modules)
import runpy
runpy.run_path(sys.argv[1])
new = set(sys.modules) - before
print("heavy:", *sorted(name for name in new if name.split(".")[0] in sys.argv[2:]))
"""


@pytest.fixture
def example(lab: "Lab") -> Path:
    """Give the example's file."""
    return lab.airflow_home / "dags" / "evpl_utilization_daily.py"


def test_each_example_dag_imports(lab: "Lab") -> None:
    """Every DAG imports without an error."""
    bag = load_dags(lab.airflow_home / "dags")
    assert bag.import_errors == {}
    by_file = Counter(Path(dag.fileloc).name for dag in bag.dags.values())
    assert by_file == {
        "evpl_any.py": 4,
        "evpl_days.py": 5 if is_since("3.2") else 2,
        "evpl_iceberg.py": 1,
        "evpl_link.py": 1,
        "evpl_publish.py": 2,
        "evpl_quota.py": 1,
        "evpl_report_monthly.py": 1,
        "evpl_repair.py": 1,
        "evpl_taskflow_question.py": 1,
        "evpl_utilization_daily.py": 1,
        "evpl_utilization_hourly.py": 2,
        "evpl_utilization_many.py": 1,
        "evpl_wait.py": 1,
        "evpl_wait_then_pull.py": 1,
        "evpl_windows.py": 14 if is_since("3.2") else 10,
    }


@pytest.mark.contract("names.samples_asset")
def test_the_example_survives_serialization(lab: "Lab", example: Path) -> None:
    """Through Airflow's serialization and back, schedule, arguments and outlet are the same."""
    dag = load_dags(example).dags["evpl_utilization_daily"]
    back = serialise(dag)
    assert back.timetable.summary == "0 3 * * *"
    assert not back.catchup
    assert back.max_active_runs == 1
    (task,) = back.tasks
    assert task.retries == 3
    assert task.outlets[0].uri == f"{lab.root}/samples"


@pytest.mark.contract("lake.table")
def test_the_assets_name_has_no_connection_id(lab: "Lab", example: Path) -> None:
    """The outlet of a lake behind a connection is the lake, whoever reads it."""
    lab.monkeypatch.setenv("EVPL_LAKE_ROOT", "s3://aws_default@lake/evpl/")
    (task,) = load_dags(example).dags["evpl_utilization_daily"].tasks
    assert task.outlets[0].uri == "s3://lake/evpl/samples"


def test_without_a_lake_the_import_says_what_to_set(lab: "Lab", example: Path) -> None:
    """Without EVPL_LAKE_ROOT there is no DAG, but an import error that names it."""
    lab.monkeypatch.delenv("EVPL_LAKE_ROOT")
    (error,) = load_dags(example).import_errors.values()
    assert "EVPL_LAKE_ROOT is not set" in error


def test_parsing_the_example_imports_nothing_heavy(lab: "Lab", example: Path) -> None:
    """What needs time to import is imported when a task runs, not when its file is parsed."""
    assert lab.root == os.environ["EVPL_LAKE_ROOT"]
    command = [sys.executable, "-c", _IMPORTS, str(example), *_HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("heavy:")]
    assert told == "heavy:"
