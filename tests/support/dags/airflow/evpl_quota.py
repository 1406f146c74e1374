"""One task with retries, all of whose arguments come from the run's configuration: as rendered templates."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

NAMES = EvplUtilizationToObjectStorageOperator.template_fields

with DAG(dag_id="evpl_quota", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    EvplUtilizationToObjectStorageOperator(
        task_id="pull",
        retries=2,
        retry_delay=timedelta(0),
        **{name: f"{{{{ dag_run.conf.get('{name}') }}}}" for name in NAMES},
    )
