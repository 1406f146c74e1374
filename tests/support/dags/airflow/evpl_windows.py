"""One task a DAG, which gets its window from the run: of each kind of schedule that Airflow has."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, task
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

START = datetime(2026, 11, 20, tzinfo=UTC)
HOURLY, HALF_PAST, MIDNIGHT = "0 * * * *", "30 * * * *", "0 0 * * *"
news, hours, done = (Asset(f"file:///evpl-{name}") for name in ("news", "hours", "done"))


def pull(name: str, schedule: Any, outlets: list[Asset] | None = None, **window: Any) -> None:  # noqa: ANN401 whatever there is
    """Make a DAG with two runs, an hour from each other, or two days."""
    length = timedelta(days=1) if name.endswith("day") else timedelta(hours=1, minutes=30)
    end = None if isinstance(schedule, list) else START + length
    with DAG(dag_id=name, schedule=schedule, start_date=START, end_date=end, catchup=True):
        EvplUtilizationToObjectStorageOperator(
            task_id="pull", object_storage_path=os.environ["EVPL_LAKE_ROOT"], outlets=outlets, **window
        )


pull("evpl_trigger", CronTriggerTimetable(HALF_PAST, timezone="UTC"), window_length="1h")
pull("evpl_trigger_alone", CronTriggerTimetable(HALF_PAST, timezone="UTC"))
pull("evpl_interval", CronDataIntervalTimetable(HOURLY, timezone="UTC"), outlets=[done])
pull("evpl_interval_length", CronDataIntervalTimetable(HALF_PAST, timezone="UTC"), window_length="1h")
pull(
    "evpl_bounds",
    CronDataIntervalTimetable(HOURLY, timezone="UTC"),
    window_start="{{ data_interval_start - macros.timedelta(hours=6) }}",
    window_end="{{ data_interval_end - macros.timedelta(hours=6) }}",
    window_length="1d",
)
events = "triggering_asset_events if triggering_asset_events is defined else triggering_dataset_events"
day = f"{{{{ (({events}).values() | first | first).extra.day }}}}"
pull("evpl_asset", [news], window_start=f"{day}T22:00:00Z", window_end=f"{day}T23:00:00Z")
pull("evpl_asset_length", [news], window_length="1h")
pull("evpl_after", [done], window_start="2026-11-20", window_end="2026-11-20T01:00:00Z")
pull("evpl_after_length", [done], window_length="1h")

if AIRFLOW_V_3_2_PLUS:
    from airflow.sdk import CronPartitionTimetable, PartitionedAssetTimetable

    partitions = CronPartitionTimetable(HOURLY, timezone="UTC", run_offset=-1)
    pull("evpl_partition", partitions, outlets=[hours], window_length=timedelta(hours=1))
    pull("evpl_partition_day", CronPartitionTimetable(MIDNIGHT, timezone="UTC", key_format="%Y-%m-%d"))
    pull("evpl_partition_asset", PartitionedAssetTimetable(assets=hours), window_length="1h")
    pull(
        "evpl_partition_key_day",
        CronPartitionTimetable(MIDNIGHT, timezone="UTC", key_format="%Y-%m-%d"),
        window_start="{{ dag_run.partition_key }}",
        window_end="{{ macros.ds_add(dag_run.partition_key, 1) }}",
    )

with DAG(dag_id="evpl_news", schedule=None, start_date=START):

    @task(outlets=[news])
    def tell(*, outlet_events: Any = None) -> None:  # noqa: ANN401 Airflow gives it
        """Say which day there is something new of."""
        outlet_events[news].extra = {"day": "2026-11-18"}

    tell()
