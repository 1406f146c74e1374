"""A lake's samples as assets: for the outlets of who lands them, and the schedules of who reads them."""

from airflow.providers.common.compat.sdk import Asset, ObjectStoragePath

from airflow_provider_evpl.hooks.storage import read_path

__all__ = ["days_asset", "is_by_day", "samples_asset"]

_BY_DAY = "?partition=date"


def samples_asset(root: str | ObjectStoragePath) -> Asset:
    """Name a lake's samples: one event for each pull that has landed something.

    Args:
        root: the lake's, as `object_storage_path` takes it. A connection id in it is left out: who reads
            the lake may use another one.

    Raises:
        EvplConfigError: no lake can be there.
    """
    return Asset(_samples(root))


def days_asset(root: str | ObjectStoragePath) -> Asset:
    """Name a lake's samples by day: one event for each UTC day that has landed.

    Its partition key is the day, like `2026-11-22`, from Airflow 3.3 on. Before there is one event for each
    pull, and the days are in its `extra`. It is an asset of its own because Airflow wakes no DAG that is
    scheduled by a plain asset for an event that has a partition key, and the other way round.

    Args:
        root: as of `samples_asset`.

    Raises:
        EvplConfigError: no lake can be there.
    """
    return Asset(_samples(root) + _BY_DAY)


def is_by_day(asset: Asset) -> bool:
    """Whether an asset's partitions are days."""
    return asset.uri.endswith(_BY_DAY)


def _samples(root: str | ObjectStoragePath) -> str:
    parts = read_path(root)
    bucket = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{bucket}{parts.path.rstrip('/')}/samples"
