"""Who is woken by what landed, and a pull whose runs are partitions themselves."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq
from airflow.sdk import DAG, CronPartitionTimetable, PartitionedAssetTimetable, StartOfDayMapper, task

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

LAKE_ROOT = os.environ["EVPL_LAKE_ROOT"]
OTHER_ROOT = f"{LAKE_ROOT}-partitioned"
START = datetime(2026, 1, 1, tzinfo=UTC)

with DAG(
    "evpl_partitioned",
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    start_date=START,
    catchup=False,
):
    EvplUtilizationToObjectStorageOperator(
        task_id="pull",
        object_storage_path=OTHER_ROOT,
        window_length=timedelta(days=1),
        outlets=[days_asset(OTHER_ROOT)],
    )


def read_days(name: str, root: str) -> None:
    """Make a DAG that counts the rows of each day that landed."""
    days = PartitionedAssetTimetable(
        assets=days_asset(root), default_partition_mapper=StartOfDayMapper(input_format="%Y-%m-%d")
    )
    with DAG(name, schedule=days, start_date=START):

        @task
        def count(**context: Any) -> list[object]:  # noqa: ANN401 Airflow gives it
            """Say how many rows are there now."""
            day = f"{context['partition_date']:%Y-%m-%d}"
            paths = Path(urlsplit(root).path, "samples").glob(f"*/*/date={day}/*.parquet")
            return [day, sum(pq.read_metadata(path).num_rows for path in paths)]

        count()


read_days("read_days", LAKE_ROOT)
read_days("read_other_days", OTHER_ROOT)

with DAG("read_samples", schedule=[samples_asset(LAKE_ROOT)], start_date=START):

    @task
    def tell(*, triggering_asset_events: Any = None) -> list[str]:  # noqa: ANN401 Airflow gives it
        """Name the days that landed."""
        events = [event for found in triggering_asset_events.values() for event in found]
        return sorted({day for event in events for day in event.extra["dates"]})

    tell()
