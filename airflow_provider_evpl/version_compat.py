"""What the Airflow that runs this has: each feature of a newer one by its name, decided here alone."""

from airflow.providers.common.compat.version_compat import (
    AIRFLOW_V_3_0_PLUS,
    AIRFLOW_V_3_3_PLUS,
    get_base_airflow_version_tuple,
)

__all__ = ["HAS_ASSET_STATE", "HAS_ASSET_WATCHERS", "HAS_PARTITIONS_AT_RUNTIME", "HAS_RETRY_POLICY"]

HAS_ASSET_WATCHERS = AIRFLOW_V_3_0_PLUS
"""An event may update an asset: `AssetWatcher`."""

HAS_PARTITIONS_AT_RUNTIME = AIRFLOW_V_3_3_PLUS
"""A task may say which partitions of its assets it has written."""

HAS_RETRY_POLICY = AIRFLOW_V_3_3_PLUS
"""Tasks take a `retry_policy`."""

HAS_ASSET_STATE = get_base_airflow_version_tuple() >= (3, 3, 2)
"""An asset's watcher may remember something beside the asset, without blocking the triggerer."""
