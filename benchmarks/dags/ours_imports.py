"""Import what the task of the operator imports, in a task that does nothing."""

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

import airflow_provider_evpl.api.client
import airflow_provider_evpl.flows.pull  # noqa: F401

with DAG("ours_imports", schedule=None):
    EmptyOperator(task_id="task")
