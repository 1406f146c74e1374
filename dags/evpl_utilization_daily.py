"""Pull the last full UTC day of EVPL utilization every day, and the day before it once more.

The second pull of a day picks up samples that arrived late. It replaces what landed the first time.

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

# Change these two: the connection of type `evpl`, and the root of the lake. The root may name a storage
# connection, as in s3://aws_default@lake/evpl.
EVPL_CONN_ID = "evpl_default"
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "The environment variable EVPL_LAKE_ROOT is not set.\n"
        "Set it to the root of the lake where Airflow parses and runs DAGs,\n"
        "for example file:///data/evpl or s3://aws_default@lake/evpl."
    )

with DAG(
    dag_id="evpl_utilization_daily",
    schedule=CronTriggerTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=15)},
    tags=["evpl"],
    doc_md=__doc__,
):
    EvplUtilizationToObjectStorageOperator(
        task_id="pull_utilization",
        evpl_conn_id=EVPL_CONN_ID,
        object_storage_path=LAKE_ROOT,
        window_length=timedelta(days=1),
        lookback=timedelta(days=1),
        outlets=[samples_asset(LAKE_ROOT), days_asset(LAKE_ROOT)],
    )
