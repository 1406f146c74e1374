"""Run an Airflow task as a worker does: the supervisor, and the task in a process forked from it.

`python -m benchmarks.runners.airflow_task DAG JOB`, where DAG is a file in `benchmarks/dags`. A transport in
this process replaces the API server of Airflow, because its work does not count for the task. The measured
time ends when the task reports its final state, because the supervisor may notice the end of the process only
at the next heartbeat.
"""

import json
import os
import sys
import time
import uuid
from typing import Final

import httpx
from airflow.executors.workloads.base import BundleInfo
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance
from airflow.sdk.execution_time.supervisor import supervise_task

from benchmarks.job import APPLICATION_ID, CODE_OPE, CREDENTIALS, Job

_MOMENT: Final = "2026-11-01T00:00:00Z"
_RUN: Final[dict[str, object]] = {
    "dag_id": "bench",
    "run_id": "run",
    "run_type": "manual",
    "state": "running",
    "logical_date": _MOMENT,
    "data_interval_start": _MOMENT,
    "data_interval_end": _MOMENT,
    "run_after": _MOMENT,
    "start_date": _MOMENT,
    "end_date": None,
    "partition_key": None,
    "consumed_asset_events": [],
}


def main(dag_id: str, job: Job) -> int:
    """Run the task; the exit code is 0 if it succeeded."""
    os.environ |= {
        "BENCH_JOB": job.as_json(),
        "AIRFLOW_CONN_EVPL_DEFAULT": json.dumps(_connection(job)),
        "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps({"conn_type": "http", "host": job.base_url}),
    }
    answers = _Answers(job)
    task = TaskInstance(
        id=uuid.uuid4(),
        task_id="task",
        dag_id=dag_id,
        run_id="run",
        try_number=1,
        map_index=-1,
        dag_version_id=uuid.uuid4(),
    )
    supervise_task(
        ti=task,
        bundle_info=BundleInfo(name="dags-folder", version=None),
        dag_rel_path=f"{dag_id}.py",
        token="",
        client=Client(base_url=None, dry_run=True, token="", transport=httpx.MockTransport(answers)),
        log_path=f"{dag_id}.log",
    )
    return int(answers.state != "success")


class _Answers:
    """The responses of Airflow's API server."""

    def __init__(self, job: Job) -> None:
        self.state = "unknown"
        self._job = job

    def __call__(self, request: httpx.Request) -> httpx.Response:
        action = request.url.path.rpartition("/")[2]
        if action == "run":
            return httpx.Response(200, json={"dag_run": _RUN, "max_tries": 0, "should_retry": False})
        if action == "state":
            self.state = json.loads(request.content)["state"]
            self._job.ended.write_text(str(time.monotonic()))
        return httpx.Response(200 if request.method == "GET" else 204, json={})


def _connection(job: Job) -> dict[str, object]:
    extra = {
        "application_id": APPLICATION_ID,
        "code_ope": CODE_OPE,
        "page_parallelism": job.in_flight,
        "requests_per_second": job.requests_per_second,
    }
    login, password = CREDENTIALS
    return {"conn_type": "evpl", "login": login, "password": password, "host": job.base_url, "extra": extra}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Job.from_arguments()))
