"""One task, all of whose arguments come from the run's configuration: as rendered templates."""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

with DAG(dag_id="evpl_any", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    EvplUtilizationToObjectStorageOperator(
        task_id="pull",
        **{
            name: f"{{{{ dag_run.conf.get('{name}') }}}}"
            for name in EvplUtilizationToObjectStorageOperator.template_fields
        },
    )
