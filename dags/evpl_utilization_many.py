"""Every day: the last full UTC day, and the day before, of many operator codes: one mapped task each.

The pool keeps them under the gateway's 25 requests a second together: 2 slots, each with the connection's
`requests_per_second` (10), are 20. Make it once: airflow pools set evpl 2 "EVPL: slots x 10 requests/s < 25".
More slots only with a lower `requests_per_second`; what else asks the API has to fit in, too. A code that
fails is tried again alone; the others land.

A task failed? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

# What is yours, besides what evpl_utilization_daily.py names: the operator codes, and the pool.
EVPL_CONN_ID = "evpl_default"
OPERATOR_CODES = ["0042", "0043"]
POOL = "evpl"
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "EVPL_LAKE_ROOT is not set: set it where Airflow parses and runs DAGs, to the root of the "
        "lake, like s3://aws_default@lake/evpl or file:///data/evpl"
    )

with DAG(
    dag_id="evpl_utilization_many",
    schedule=CronTriggerTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=15)},
    params={"operator_codes": OPERATOR_CODES},  # a run by hand may name others
    tags=["evpl"],
    doc_md=__doc__,
):

    @task
    def operator_codes(*, params: dict[str, list[str]] | None = None) -> list[str]:
        """Give the codes to pull: here is the place to ask an inventory."""
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
