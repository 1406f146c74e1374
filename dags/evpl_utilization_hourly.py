"""Pull the last full UTC hour of EVPL utilization every hour, and the last full UTC day every night.

The hourly DAG also pulls the two hours before again, to pick up samples that arrived late. The nightly DAG
pulls the last two full days again and puts one object per day in the place of the 24 objects per hour.
The windows of the two DAGs never overlap, because at 03:40 UTC the hourly DAG pulls hours of the new day.

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

# As in evpl_utilization_daily.py. Use either that file or this one, not both.
EVPL_CONN_ID = "evpl_default"
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "The environment variable EVPL_LAKE_ROOT is not set.\n"
        "Set it to the root of the lake where Airflow parses and runs DAGs,\n"
        "for example file:///data/evpl or s3://aws_default@lake/evpl."
    )

with DAG(
    dag_id="evpl_utilization_hourly",
    schedule=CronTriggerTimetable("20 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["evpl"],
    doc_md=__doc__,
):
    EvplUtilizationToObjectStorageOperator(
        task_id="pull_hour",
        evpl_conn_id=EVPL_CONN_ID,
        object_storage_path=LAKE_ROOT,
        window_length=timedelta(hours=1),
        lookback=timedelta(hours=2),
        outlets=[samples_asset(LAKE_ROOT), days_asset(LAKE_ROOT)],
    )

with DAG(
    dag_id="evpl_utilization_nightly",
    schedule=CronTriggerTimetable("40 3 * * *", timezone="UTC"),  # the hourly lookback is past midnight
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=15)},
    tags=["evpl"],
    doc_md=__doc__,
):
    EvplUtilizationToObjectStorageOperator(
        task_id="pull_day",
        evpl_conn_id=EVPL_CONN_ID,
        object_storage_path=LAKE_ROOT,
        window_length=timedelta(days=1),
        lookback=timedelta(days=1),
        outlets=[samples_asset(LAKE_ROOT), days_asset(LAKE_ROOT)],
    )
