"""Wait every day until the last full UTC day of EVPL utilization is published, then pull it.

The wait is deferred, so it holds no worker slot. It requests only the last five minutes of the day, and it
continues after a restart of the triggerer. If the day is not published within 12 hours, the task fails and
says what it saw last.

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator
from airflow_provider_evpl.sensors.evpl import EvplUtilizationSensor

# Change these as in evpl_utilization_daily.py, and the lowest number of series in a day. A circuit has four
# series: two ends in two directions. Use a slightly lower number, because some circuits may be down.
EVPL_CONN_ID = "evpl_default"
MIN_SERIES = 1900
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "The environment variable EVPL_LAKE_ROOT is not set.\n"
        "Set it to the root of the lake where Airflow parses and runs DAGs,\n"
        "for example file:///data/evpl or s3://aws_default@lake/evpl."
    )

with DAG(
    dag_id="evpl_wait_then_pull",
    schedule=CronTriggerTimetable("10 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=15)},
    params={"min_series": MIN_SERIES},  # a manual run can require fewer
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
