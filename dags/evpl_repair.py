"""Find what the last 30 days of the lake lack, and pull it again, every night.

One mapped task pulls each window that is incomplete. If the API has fewer samples than before, the landed
samples stay. If the API has no samples at all, the task lands an empty object.

A window that stays incomplete is pulled again after about 1, 2, 4 and 8 days, then given up. The log of the
coverage task names the windows that were given up.

The DAG pulls no day before the first landed day. While the examined days have no object, the DAG pulls
nothing: start with the daily pull or with a backfill. The params of a manual run can name another range.

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import (
    EvplCoverageOperator,
    EvplUtilizationToObjectStorageOperator,
)

# As in evpl_utilization_daily.py: this DAG checks the lake that the other DAG fills.
EVPL_CONN_ID = "evpl_default"
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "The environment variable EVPL_LAKE_ROOT is not set.\n"
        "Set it to the root of the lake where Airflow parses and runs DAGs,\n"
        "for example file:///data/evpl or s3://aws_default@lake/evpl."
    )

with DAG(
    dag_id="evpl_repair",
    schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC"),  # after the daily pull
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=15)},
    params={
        "days": Param(30, type="integer", minimum=1, description="Days to examine, up to the last full one."),
        "window_start": Param(None, type=["null", "string"], format="date", description="First day instead."),
        "window_end": Param(None, type=["null", "string"], format="date", description="Day after the last."),
        "give_up_after": Param("7d", type=["null", "string"], description="Empty: never."),
    },
    tags=["evpl"],
    doc_md=__doc__,
):

    @task
    def choose(windows: object) -> object:
        """Return the windows to pull: none if nothing has landed, unless the run names a range."""
        context = get_current_context()
        has_landed = context["ti"].xcom_pull(task_ids="look_over", key="coverage")["objects"] > 0
        return windows if has_landed or context["params"]["window_start"] else []

    coverage = EvplCoverageOperator(
        task_id="look_over",
        evpl_conn_id=EVPL_CONN_ID,
        object_storage_path=LAKE_ROOT,
        window_start="{{ params.window_start }}",
        window_end="{{ params.window_end }}",
        window_length="{{ params.days }}d",
        min_coverage=0.99,
        give_up_after="{{ params.give_up_after }}",
    )
    EvplUtilizationToObjectStorageOperator.partial(
        task_id="pull_again",
        evpl_conn_id=EVPL_CONN_ID,
        object_storage_path=LAKE_ROOT,
        slice_length=timedelta(days=1),
        on_shrink="keep",
        allow_empty=True,
        max_active_tis_per_dag=2,
        map_index_template="{{ task.window_start }} to {{ task.window_end }}",
        outlets=[samples_asset(LAKE_ROOT), days_asset(LAKE_ROOT)],
    ).expand_kwargs(choose(coverage.output))
