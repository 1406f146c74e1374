"""Airflow's HttpOperator with a pagination function; its response filter writes a file with pandas."""

import json
import os
from typing import Any

import pandas as pd
import requests
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.http.operators.http import HttpOperator

from benchmarks.job import CREDENTIALS, Job

META = ["objectType", "objectInstanceId", "metric_name", "pop_country", "pop_name", "pop_section_name"]
job = Job(**json.loads(os.environ["BENCH_JOB"]))


def token() -> str:
    """Request a token, because the operator does not support OAuth."""
    answer = requests.post(
        job.token_url, data={"grant_type": "client_credentials"}, auth=CREDENTIALS, timeout=60
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def next_page(answer: requests.Response) -> dict[str, Any] | None:
    """Return the arguments of the request for the next page."""
    page = answer.json()
    if not page["hasNext"]:
        return None
    index = int(answer.request.headers["pagination"]) + len(page["entries"])
    return {"headers": {"pagination": str(index)}}


def write(answers: list[requests.Response]) -> str:
    """Write the file of the day."""
    entries = [entry for answer in answers for entry in answer.json()["entries"]]
    frame = pd.json_normalize(entries, "performanceValues", META)
    frame["timeStamp"] = pd.to_datetime(frame["timeStamp"])
    frame["value"] = pd.to_numeric(frame["value"])
    frame.to_parquet(job.file(job.start))
    return str(job.file(job.start))


with DAG("http_operator", schedule=None, user_defined_macros={"token": token}):
    HttpOperator(
        task_id="task",
        method="GET",
        endpoint=job.report_url.removeprefix(job.base_url),
        data=job.parameters(job.start),
        headers=job.headers("{{ token() }}", 1),
        pagination_function=next_page,
        response_filter=write,
    )
