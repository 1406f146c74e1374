"""The operator of this provider, as in the DAG of a user."""

import json
import os

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator
from benchmarks.job import Job

job = Job(**json.loads(os.environ["BENCH_JOB"]))

with DAG("ours", schedule=None):
    EvplUtilizationToObjectStorageOperator(
        task_id="task",
        object_storage_path=f"file://{job.target}",
        window_start=job.start,
        window_end=job.end,
        slice_length="1d",
    )
