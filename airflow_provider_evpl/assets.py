"""A lake's samples and an Iceberg table as assets: outlets of tasks, schedules of the DAGs that read them."""

from urllib.parse import quote

from airflow.providers.common.compat.sdk import Asset, ObjectStoragePath

from airflow_provider_evpl.config.publish_plan import read_table
from airflow_provider_evpl.hooks.storage import read_path

__all__ = ["days_asset", "is_by_day", "samples_asset", "table_asset"]

_BY_DAY = "?partition=date"


def samples_asset(root: str | ObjectStoragePath) -> Asset:
    """Return the asset of a lake's samples. It has one event for each pull that landed something.

    Args:
        root: root of the lake, as `object_storage_path` takes it. The asset leaves out a connection id,
            because readers of the lake may use another one.

    Raises:
        EvplConfigError: the root is wrong.
    """
    return Asset(_samples(root))


def days_asset(root: str | ObjectStoragePath) -> Asset:
    """Return the asset of a lake's samples by day. It has one event for each UTC day that landed.

    On Airflow 3.3 and newer the partition key of an event is the day, like `2026-11-22`. On older versions
    there is one event for each pull, and its `extra` has the days. Two assets are needed because Airflow does
    not trigger a DAG scheduled on a plain asset for a partitioned event, or the reverse.

    Args:
        root: root of the lake, as in `samples_asset`.

    Raises:
        EvplConfigError: the root is wrong.
    """
    return Asset(_samples(root) + _BY_DAY)


def table_asset(table: str, iceberg_conn_id: str = "iceberg_default") -> Asset:
    """Return the asset of an Iceberg table: `iceberg://iceberg_default/evpl.utilization`.

    It has one event for each task that changed the table.

    Args:
        table: namespace and name, as the operator takes them.
        iceberg_conn_id: id of the connection of the catalog. It is only a name here: nothing is read.

    Raises:
        EvplConfigError: the table is wrong.
    """
    return Asset(f"iceberg://{quote(iceberg_conn_id, safe='')}/{quote(read_table(table), safe='.')}")


def is_by_day(asset: Asset) -> bool:
    """Return whether an asset's partitions are days."""
    return asset.uri.endswith(_BY_DAY)


def _samples(root: str | ObjectStoragePath) -> str:
    parts = read_path(root)
    bucket = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{bucket}{parts.path.rstrip('/')}/samples"
