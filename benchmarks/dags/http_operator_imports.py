"""Import what the DAG of HttpOperator imports, in a task that does nothing."""

import pandas as pd  # noqa: F401
import requests  # noqa: F401
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.http.operators.http import HttpOperator  # noqa: F401
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("http_operator_imports", schedule=None):
    EmptyOperator(task_id="task")
