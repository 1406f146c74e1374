"""Pulls that tell which days landed, and who is woken by that: of each kind that Airflow has."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseOperator
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_evpl.assets import days_asset, samples_asset
from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

ROOT = os.environ["EVPL_LAKE_ROOT"]
START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = "%Y-%m-%d"


def pull(name: str, schedule: Any) -> None:  # noqa: ANN401 whatever there is
    """Make a DAG that pulls a day and the one before."""
    with DAG(name, schedule=schedule, start_date=START, end_date=START + timedelta(days=1), catchup=True):
        EvplUtilizationToObjectStorageOperator(
            task_id="pull",
            object_storage_path=ROOT,
            window_length="1d",
            lookback="1d",
            on_shrink="keep",
            allow_empty=True,
            outlets=[samples_asset(ROOT), days_asset(ROOT)],
        )


class Reader(BaseOperator):
    """Says nothing."""

    def execute(self, context: object) -> None:
        """Do nothing."""


def read(name: str, schedule: Any) -> None:  # noqa: ANN401 whatever there is
    """Make a DAG that may be woken."""
    with DAG(name, schedule=schedule, start_date=START):
        Reader(task_id="read")


pull("evpl_days", CronTriggerTimetable("0 3 * * *", timezone="UTC"))
read("evpl_on_samples", [samples_asset(ROOT)])

if AIRFLOW_V_3_2_PLUS:
    from airflow.sdk import (
        CronPartitionTimetable,
        PartitionedAssetTimetable,
        StartOfDayMapper,
        StartOfMonthMapper,
    )

    partitions = CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format=DAY)
    pull("evpl_days_partitioned", partitions)
    each_day = PartitionedAssetTimetable(
        assets=days_asset(ROOT), default_partition_mapper=StartOfDayMapper(input_format=DAY)
    )
    read("evpl_on_each_day", each_day)
    each_month = PartitionedAssetTimetable(
        assets=days_asset(ROOT), default_partition_mapper=StartOfMonthMapper(input_format=DAY)
    )
    read("evpl_on_each_month", each_month)
