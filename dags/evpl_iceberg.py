"""Publish the days that landed into an Apache Iceberg table, whenever a pull lands something.

Each asset event of a pull names its operator code and its UTC days. A run publishes exactly these days, also
if several pulls triggered it, as after a catchup. It reads them from the lake as it is then. Days in a row
with the same codes are one task. The tasks of a run follow one after the other, because publications of one
table at the same time disturb each other.

If a run failed for good, clear it. To publish other days, trigger a run with the parameter `windows`:
[{"code_ope": ["0042"], "window_start": "2026-11-01", "window_end": "2026-12-01"}].
Days that the table already has are skipped.

The operator comes with the extra `iceberg`, in a checkout of airflow-provider-evpl: pip install '.[iceberg]'

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_evpl.assets import samples_asset, table_asset
from airflow_provider_evpl.operators.evpl import EvplIcebergPublishOperator

# Change these. The connection of type iceberg names the catalog.
EVPL_CONN_ID = "evpl_default"
ICEBERG_CONN_ID = "iceberg_default"
TABLE = "evpl.utilization"
# As in evpl_utilization_daily.py: the asset of that DAG triggers this one.
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "The environment variable EVPL_LAKE_ROOT is not set.\n"
        "Set it to the root of the lake where Airflow parses and runs DAGs,\n"
        "for example file:///data/evpl or s3://aws_default@lake/evpl."
    )

with DAG(
    dag_id="evpl_iceberg",
    schedule=[samples_asset(LAKE_ROOT)],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params={"windows": []},  # a manual run can name windows and codes
    tags=["evpl"],
    doc_md=__doc__,
):

    @task
    def windows(**context: Any) -> list[dict[str, Any]]:  # noqa: ANN401 Airflow's context
        """Return the days that landed, by their codes, as arguments of the publications."""
        # Airflow 2.11 has another name.
        events = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}
        codes: dict[date, set[str]] = {}
        for event in (event for some in events.values() for event in some):
            for day in event.extra["dates"]:
                codes.setdefault(date.fromisoformat(day), set()).add(event.extra["code_ope"])
        found: list[dict[str, Any]] = list(context["params"]["windows"])
        for day in sorted(codes):
            window = {
                "code_ope": sorted(codes[day]),
                "window_start": str(day),
                "window_end": str(day + timedelta(days=1)),
            }
            if found and (found[-1]["window_end"], found[-1]["code_ope"]) == (str(day), window["code_ope"]):
                window["window_start"] = found.pop()["window_start"]
            found.append(window)
        return found

    EvplIcebergPublishOperator.partial(
        task_id="publish",
        evpl_conn_id=EVPL_CONN_ID,
        iceberg_conn_id=ICEBERG_CONN_ID,
        table=TABLE,
        object_storage_path=LAKE_ROOT,
        max_active_tis_per_dagrun=1,
        outlets=[table_asset(TABLE, ICEBERG_CONN_ID)],
    ).expand_kwargs(windows())
