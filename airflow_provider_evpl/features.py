"""What the installed Airflow has, of what is used where it is there: asked here, and nowhere else."""

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

__all__ = ["HAS_RETRY_POLICY"]

HAS_RETRY_POLICY = AIRFLOW_V_3_3_PLUS
"""Tasks take a `retry_policy`."""
