"""Pull the last two full UTC days of many operator codes every day, with one mapped task per code.

A pool limits how many tasks run at once, because Orange's gateway limits the requests per second of all tasks
together. Create the pool once: airflow pools set evpl 2 "Limits the requests to the EVPL API"
How many slots are safe: see "Rate limits" in `docs/operations.md` of airflow-provider-evpl.
If one code fails, Airflow retries only its task. The other codes land.

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

# Change these as in evpl_utilization_daily.py, and the operator codes and the pool.
EVPL_CONN_ID = "evpl_default"
OPERATOR_CODES = ["0042", "0043"]
POOL = "evpl"
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "The environment variable EVPL_LAKE_ROOT is not set.\n"
        "Set it to the root of the lake where Airflow parses and runs DAGs,\n"
        "for example file:///data/evpl or s3://aws_default@lake/evpl."
    )

with DAG(
    dag_id="evpl_utilization_many",
    schedule=CronTriggerTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=15)},
    params={"operator_codes": OPERATOR_CODES},  # a manual run can name other codes
    tags=["evpl"],
    doc_md=__doc__,
):

    @task
    def operator_codes(*, params: dict[str, list[str]] | None = None) -> list[str]:
        """Return the codes to pull. Read them from an inventory here if you have one."""
        return (params or {})["operator_codes"]

    EvplUtilizationToObjectStorageOperator.partial(
        task_id="pull_utilization",
        evpl_conn_id=EVPL_CONN_ID,
        object_storage_path=LAKE_ROOT,
        window_length=timedelta(days=1),
        lookback=timedelta(days=1),
        pool=POOL,
        map_index_template="{{ task.code_ope }}",
        outlets=[samples_asset(LAKE_ROOT), days_asset(LAKE_ROOT)],
    ).expand(code_ope=operator_codes())
