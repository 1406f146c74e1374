"""30 days of four operator codes: by a backfill of a daily DAG, and by one run of 120 mapped tasks.

Each code has its own connection here. All pulls share a pool, so that together they stay under the
gateway's limit: slots times the connections' `requests_per_second`.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

LAKE_ROOT = os.environ["EVPL_LAKE_ROOT"]
CONNECTIONS = ["evpl_0042", "evpl_0043", "evpl_0044", "evpl_0045"]
DAYS = [datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=day) for day in range(30)]
SETTINGS: dict[str, Any] = {
    "pool": "evpl",
    "retries": 2,
    "retry_delay": timedelta(seconds=5),
}

with DAG(
    dag_id="evpl_codes_daily",
    schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC"),
    start_date=DAYS[0],
    end_date=DAYS[-1] + timedelta(days=1),  # else the scheduler would run it for yesterday, too
    catchup=False,
    default_args=SETTINGS,
):
    EvplUtilizationToObjectStorageOperator.partial(
        task_id="pull",
        object_storage_path=f"{LAKE_ROOT}/daily",
        window_length=timedelta(days=1),
    ).expand(evpl_conn_id=CONNECTIONS)

with DAG(dag_id="evpl_codes_month", schedule=None, default_args=SETTINGS):
    EvplUtilizationToObjectStorageOperator.partial(
        task_id="pull",
        object_storage_path=f"{LAKE_ROOT}/month",
    ).expand_kwargs(
        [
            {
                "evpl_conn_id": connection,
                "window_start": day.isoformat(),
                "window_end": (day + timedelta(days=1)).isoformat(),
            }
            for day in DAYS
            for connection in CONNECTIONS
        ]
    )
