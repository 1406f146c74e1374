"""Compute the figures of each month whenever samples land, and build the report that a planner opens.

The figures are tables in `figures/`, beside the samples: 95th percentiles, coverage, busy hours and trends of
each series and each end of a circuit. The reports are HTML files in `reports/`, one for each of the last two
months, because samples of the previous month may arrive late. Both are indicative, not an invoice.

Each pull that lands samples triggers this DAG, on Airflow 2.11 and on 3. The asset of single days would not:
since Airflow 3.3, events with a partition trigger only DAGs with a partitioned schedule. To run once a month
instead, set a schedule like CronTriggerTimetable("0 5 2 * *", timezone="UTC").

The tasks need the extra `report`. Install it in a checkout of airflow-provider-evpl: pip install '.[report]'

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task

from airflow_provider_evpl.assets import samples_asset
from airflow_provider_evpl.operators.evpl import EvplFiguresOperator, EvplReportOperator

# As in evpl_utilization_daily.py: the asset of that DAG triggers this one.
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

# Change this: the time zone of months and hours.
TIME_ZONE = "UTC"
# Optional: a file with the committed rate of each circuit, like s3://aws_default@lake/inventory.csv. Without
# this file the figures have no Mbit/s and no groups.
INVENTORY = os.environ.get("EVPL_INVENTORY")

if not LAKE_ROOT:
    raise RuntimeError(
        "The environment variable EVPL_LAKE_ROOT is not set.\n"
        "Set it to the root of the lake where Airflow parses and runs DAGs,\n"
        "for example file:///data/evpl or s3://aws_default@lake/evpl."
    )

with DAG(
    dag_id="evpl_report_monthly",
    schedule=[samples_asset(LAKE_ROOT)],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=15)},
    params={"month": Param(None, type=["null", "string"], description="Only this month: 2026-11.")},
    tags=["evpl"],
    doc_md=__doc__,
):
    figures = EvplFiguresOperator(
        task_id="figures",
        object_storage_path=LAKE_ROOT,
        first_month="{{ params.month }}",
        last_month="{{ params.month }}",
        time_zone=TIME_ZONE,
        inventory=INVENTORY,
    )

    @task
    def choose() -> list[str]:
        """Return the months to report: the last two, because samples may arrive late."""
        months: list[str] = get_current_context()["ti"].xcom_pull(task_ids="figures")["months"]
        return months[-2:]

    months = choose()
    figures >> months
    EvplReportOperator.partial(
        task_id="report",
        object_storage_path=LAKE_ROOT,
        time_zone=TIME_ZONE,
        inventory=INVENTORY,
        map_index_template="{{ task.month }}",
    ).expand(month=months)
