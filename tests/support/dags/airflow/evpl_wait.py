"""One sensor, all of whose arguments come from the run's configuration: as rendered templates."""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_evpl.sensors.evpl import EvplUtilizationSensor

with DAG(dag_id="evpl_wait", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    EvplUtilizationSensor(
        task_id="wait",
        poke_interval=0.001,
        **{name: f"{{{{ dag_run.conf.get('{name}') }}}}" for name in EvplUtilizationSensor.template_fields},
    )
