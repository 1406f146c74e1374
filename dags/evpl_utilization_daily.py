"""Every day: the last full UTC day of EVPL utilisation, and the day before it once more.

Samples may arrive late: a day is pulled again a day later and replaces what has landed of it.

A task failed? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

# What is yours: the connection of type `evpl`, and the root of the lake. The root may name its own
# storage connection, as in s3://aws_default@lake/evpl.
EVPL_CONN_ID = "evpl_default"
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "EVPL_LAKE_ROOT is not set: set it where Airflow parses and runs DAGs, to the root of the "
        "lake, like s3://aws_default@lake/evpl or file:///data/evpl"
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
