"""Every day: wait until the last full UTC day of EVPL utilisation is published, then pull it.

The wait is deferred: it holds no worker slot, asks for the day's last five minutes alone, and goes on after a
restart of the triggerer. Where the day doesn't come within 12 hours the task says what it saw last.

A task failed? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator
from airflow_provider_evpl.sensors.evpl import EvplUtilizationSensor

# What is yours, besides what evpl_utilization_daily.py names: how many series a day has at the least. Four a
# circuit, for two ends and two directions: some less, for circuits that are down.
EVPL_CONN_ID = "evpl_default"
MIN_SERIES = 1900
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "EVPL_LAKE_ROOT is not set: set it where Airflow parses and runs DAGs, to the root of the "
        "lake, like s3://aws_default@lake/evpl or file:///data/evpl"
    )

with DAG(
    dag_id="evpl_wait_then_pull",
    schedule=CronTriggerTimetable("10 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=15)},
    params={"min_series": MIN_SERIES},  # a run by hand may be content with less
    tags=["evpl"],
    doc_md=__doc__,
):
    wait = EvplUtilizationSensor(
        task_id="wait_for_utilization",
        evpl_conn_id=EVPL_CONN_ID,
        min_series="{{ params.min_series }}",
        window_length=timedelta(days=1),
        settle=timedelta(minutes=30),
        deferrable=True,
        poke_interval=300,
        timeout=timedelta(hours=12),
    )
    pull = EvplUtilizationToObjectStorageOperator(
        task_id="pull_utilization",
        evpl_conn_id=EVPL_CONN_ID,
        object_storage_path=LAKE_ROOT,
        window_length=timedelta(days=1),  # the same day
        outlets=[samples_asset(LAKE_ROOT), days_asset(LAKE_ROOT)],
    )
    wait >> pull
