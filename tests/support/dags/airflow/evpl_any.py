"""One task, all of whose arguments come from the run's configuration, by three ways of templates."""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

NAMES = EvplUtilizationToObjectStorageOperator.template_fields
START = datetime(2026, 1, 1, tzinfo=UTC)
CONF = {name: f"{{{{ dag_run.conf.get('{name}') }}}}" for name in NAMES}
PARAMS = {name: f"{{{{ params.{name} }}}}" for name in NAMES}

with DAG(dag_id="evpl_any", schedule=None, start_date=START):
    EvplUtilizationToObjectStorageOperator(task_id="pull", **CONF)

with DAG(dag_id="evpl_any_native", schedule=None, start_date=START, render_template_as_native_obj=True):
    EvplUtilizationToObjectStorageOperator(task_id="pull", **CONF)

with DAG(
    dag_id="evpl_any_params", schedule=None, start_date=START, params={name: Param(None) for name in NAMES}
):
    EvplUtilizationToObjectStorageOperator(task_id="pull", **PARAMS)

with DAG(dag_id="evpl_any_first", schedule=None, start_date=START, render_template_as_native_obj=True):
    EvplUtilizationToObjectStorageOperator(
        task_id="pull",
        object_storage_path="{{ dag_run.conf['object_storage_path'] }}",
        window_start="{{ prev_data_interval_end_success }}",
        window_end="{{ prev_data_interval_end_success }}",
        window_length="1h",
    )
