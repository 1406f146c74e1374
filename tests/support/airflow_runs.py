"""An Airflow with a connection to the sandbox: runs of DAGs, their results, and the true rows."""

import copy
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl.operators.evpl import (
    EvplIcebergPublishOperator,
    EvplUtilizationToObjectStorageOperator,
)
from airflow_provider_evpl.sandbox.data import Network, Row
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.airflow_versions import load_dag, try_dag
from tests.support.api import replying, report

DAY = datetime(2026, 11, 20, tzinfo=UTC)
"""A full day in the past, on which most tests work."""

SERIES = Row._fields[:-2]
"""What identifies a series: all but timestamp and value."""

Copied = TypeVar("Copied")


@dataclass(frozen=True)
class Lab:
    """An Airflow with a sandbox and a place for a lake."""

    airflow_home: Path
    sandbox: SandboxServer
    monkeypatch: pytest.MonkeyPatch
    lake: Path

    @property
    def root(self) -> str:
        """The lake, as an object storage path."""
        return self.lake.as_uri()

    def connect(self, **changes: object) -> None:
        """Set the connection `evpl_default`: the sandbox's, with other fields or extras."""
        connection = self.sandbox.connection()
        for name, value in changes.items():
            fields = {"login", "password", "host", "port", "schema", "extra"}
            (connection if name in fields else connection["extra"])[name] = value
        self.monkeypatch.setenv("AIRFLOW_CONN_EVPL_DEFAULT", json.dumps(connection))

    def operator(
        self,
        **arguments: Any,  # noqa: ANN401 wrong types are tried too
    ) -> EvplUtilizationToObjectStorageOperator:
        """Make a task outside of any DAG: one hour, unless the arguments say more."""
        given: dict[str, Any] = {
            "object_storage_path": self.root,
            "window_start": DAY,
            "window_end": "2026-11-20T01:00:00Z",
        }
        return EvplUtilizationToObjectStorageOperator(task_id="pull", **(given | arguments))

    def execute(
        self,
        context: Any = None,  # noqa: ANN401 as little of a context as a test needs
        **arguments: Any,  # noqa: ANN401 wrong types are tried too
    ) -> dict[str, Any]:
        """Run such a task outside of Airflow's runner."""
        given: Any = context or {}
        return self.operator(**arguments).execute(given)

    def publish(
        self,
        context: Any = None,  # noqa: ANN401 as little of a context as a test needs
        **arguments: Any,  # noqa: ANN401 wrong types are tried too
    ) -> dict[str, Any]:
        """Publish days of the lake into a table, outside of Airflow's runner."""
        given: Any = {"table": "evpl.utilization", "object_storage_path": self.root, **arguments}
        known: Any = context or {}
        return EvplIcebergPublishOperator(task_id="publish", **given).execute(known)

    def landed(self) -> list[Path]:
        """List all files below the lake."""
        return sorted(path for path in self.lake.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Pushed:
    """A task instance, as far as operators know one."""

    values: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: object) -> None:
        """Keep it."""
        self.values[key] = value


def answering_nothing(handler: BaseHTTPRequestHandler) -> None:
    """Answer as an API that has no samples."""
    if handler.path.endswith("/token"):
        replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
    else:
        replying(json.dumps(report()).encode())(handler)


def copies(task: Copied) -> list[Copied]:
    """Copy a task in both ways that Airflow and its users do; neither copy has the client secret."""
    pickled = pickle.dumps(task)
    assert b"sandbox-secret" not in pickled
    return [copy.deepcopy(task), pickle.loads(pickled)]  # noqa: S301 written just now


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and its result."""

    state: str
    result: dict[str, Any] | None


def run_dag(
    lab: Lab, dag_id: str, *, logical_date: datetime | None = DAY, conf: Mapping[str, object] | None = None
) -> Outcome:
    """Run a DAG of one task through Airflow, in this process, without its retries."""
    run = run_tasks(lab, dag_id, logical_date=logical_date, conf=conf)
    (task_instance,) = run.get_task_instances()
    return Outcome(str(run.state), task_instance.xcom_pull(task_ids=task_instance.task_id))


def run_tasks(
    lab: Lab, dag_id: str, *, logical_date: datetime | None = DAY, conf: Mapping[str, object] | None = None
) -> Any:  # noqa: ANN401 Airflow's run of a DAG
    """Run a DAG of any number of tasks likewise."""
    dag = load_dag(lab.airflow_home / "dags", dag_id)
    for task in dag.tasks:
        task.retries = 0
    return try_dag(dag, conf or {}, logical_date=logical_date)


def truth(sandbox: SandboxServer, start: datetime, end: datetime) -> dict[tuple[Any, ...], float]:
    """What the sandbox's function says of a window: series and time to value."""
    config = sandbox.config
    network = Network(
        circuits=config.circuits, granularity_seconds=config.granularity_seconds, seed=config.seed
    )
    rows = network.truth(start=start.timestamp(), end=end.timestamp())
    return {row[:-1]: row.value for row in rows}


def read_rows(data: bytes) -> dict[tuple[Any, ...], float]:
    """Read an object's rows likewise; each must be there once."""
    table = pq.read_table(BytesIO(data))
    moments = [moment.timestamp() for moment in table["timestamp"].to_pylist()]
    names = (table[name].to_pylist() for name in SERIES)
    keys = list(zip(*names, moments, strict=True))
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, table["value"].to_pylist(), strict=True))


def check_types(data: bytes) -> None:
    """Compare an object's columns with the contract's."""
    texts = ("pop_country", "pop_name", "pop_section_name")
    assert pq.read_schema(BytesIO(data)).remove_metadata() == pa.schema(
        [
            pa.field("code_ope", pa.string(), nullable=False),
            pa.field("object_type", pa.string()),
            pa.field("object_instance_id", pa.string(), nullable=False),
            pa.field("metric_name", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in texts),
            pa.field("timestamp", pa.timestamp("us", "UTC"), nullable=False),
            pa.field("value", pa.float64()),
        ]
    )


def local_paths(result: Mapping[str, Any]) -> list[Path]:
    """Take the objects that a result names, as files."""
    return [Path(urlsplit(one["path"]).path) for one in result["slices"]]


RESULT_KEYS = {
    *("code_ope", "granularity", "window_start", "window_end", "received", "rows", "duplicates"),
    *("out_of_window", "rejected", "conflicts", "null_values", "series", "expected", "observed", "values"),
    *("pages", "requests", "retries", "bytes", "seconds", "revisions", "slice_count", "slices"),
}
SLICE_KEYS = {"start", "end", "path", "rows", "bytes", "replaced", "rejected_path"}


def check_result(result: dict[str, Any]) -> None:
    """Compare a result of a run without odd samples with the contract."""
    assert result.keys() == RESULT_KEYS
    assert json.loads(json.dumps(result)) == result
    set_aside = sum(result[name] for name in ("duplicates", "out_of_window", "rejected"))
    assert result["received"] == result["rows"] + set_aside
    assert result["retries"] == result["requests"] - result["pages"]
    assert len(result["slices"]) == result["slice_count"]
    assert all(one.keys() == SLICE_KEYS for one in result["slices"])
    assert sum(one["rows"] for one in result["slices"]) == result["rows"]
    assert result["observed"] == result["values"] == result["expected"] == result["rows"]
