"""Every hour: the last full UTC hour of EVPL utilisation; every night: the day before once more.

An hour is there an hour later, and what came late within two more hours. The night's pull replaces the 24
hours by one object a day and picks up what came later still, of the day before that, too. Their windows
never overlap: by night the hours pull the new day.

A task failed? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

# As in evpl_utilization_daily.py, which this file stands in for: one of both, not both.
EVPL_CONN_ID = "evpl_default"
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "EVPL_LAKE_ROOT is not set: set it where Airflow parses and runs DAGs, to the root of the "
        "lake, like s3://aws_default@lake/evpl or file:///data/evpl"
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
    schedule=CronTriggerTimetable("40 3 * * *", timezone="UTC"),  # the hours' lookback is past midnight
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
