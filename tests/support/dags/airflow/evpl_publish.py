"""One publication, all of whose arguments come from the run's configuration, by two ways of templates."""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_evpl.assets import table_asset
from airflow_provider_evpl.operators.evpl import EvplIcebergPublishOperator

START = datetime(2026, 1, 1, tzinfo=UTC)
CONF = {name: f"{{{{ dag_run.conf.get('{name}') }}}}" for name in EvplIcebergPublishOperator.template_fields}

with DAG(dag_id="evpl_publish", schedule=None, start_date=START):
    EvplIcebergPublishOperator(task_id="publish", outlets=[table_asset("evpl.utilization")], **CONF)

with DAG(dag_id="evpl_publish_native", schedule=None, start_date=START, render_template_as_native_obj=True):
    EvplIcebergPublishOperator(task_id="publish", outlets=[table_asset("evpl.utilization")], **CONF)
