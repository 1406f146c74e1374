"""What the Airflow that runs this has: each feature of a newer one by its name, decided here alone."""

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

__all__ = ["HAS_PARTITIONS_AT_RUNTIME", "HAS_RETRY_POLICY"]

HAS_PARTITIONS_AT_RUNTIME = AIRFLOW_V_3_3_PLUS
"""May a task say which partitions of its assets it has written."""
HAS_RETRY_POLICY = AIRFLOW_V_3_3_PLUS
"""Tasks take a `retry_policy`."""
