"""Which features the installed Airflow has. Only this module compares versions."""

from airflow.providers.common.compat.version_compat import (
    AIRFLOW_V_3_0_PLUS,
    AIRFLOW_V_3_3_PLUS,
    get_base_airflow_version_tuple,
)

__all__ = ["HAS_ASSET_STATE", "HAS_ASSET_WATCHERS", "HAS_PARTITIONS_AT_RUNTIME", "HAS_RETRY_POLICY"]

HAS_ASSET_WATCHERS = AIRFLOW_V_3_0_PLUS
"""Triggers can update assets: `AssetWatcher`."""

HAS_PARTITIONS_AT_RUNTIME = AIRFLOW_V_3_3_PLUS
"""A task can name the partitions of its assets that it has written."""

HAS_RETRY_POLICY = AIRFLOW_V_3_3_PLUS
"""Tasks have a `retry_policy`."""

HAS_ASSET_STATE = get_base_airflow_version_tuple() >= (3, 3, 2)
"""A watcher can store state for its asset without blocking the triggerer."""
