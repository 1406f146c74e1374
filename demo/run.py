"""`make demo`: run the example DAG in Airflow, from the sandbox into a local folder.

It needs no account and no cloud. Each run creates a new Airflow home in `.demo/`. The lake in
`demo-lake/` stays, so a second run shows that no sample is there twice.
"""

import json
import os
import shutil
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from demo import report
from demo.output import SeparateOutput

CHECKOUT = Path(__file__).resolve().parents[1]
LAKE = CHECKOUT / "demo-lake"
WORK = CHECKOUT / ".demo"
DAG_ID = "evpl_utilization_daily"
USUAL_PORT = 8075


def main() -> int:
    """Run the demo. The exit code is 0 if it succeeded."""
    started = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    with SeparateOutput(WORK / "airflow.log", shown="EvplUtilizationToObjectStorageOperator") as output:
        try:
            is_fine = demonstrate(output)
        except Exception as error:  # noqa: BLE001 the demo shows every error
            output.say(f"\nFailed: {type(error).__name__}: {error}")
            is_fine = False
    if not is_fine:
        print(f"\nLast lines of {WORK / 'airflow.log'}:\n{output.tail()}", file=sys.stderr)
        return 1
    print(f"\nDone in {time.monotonic() - started:.0f} s. Run it again: each sample is still there once.")
    return 0


def demonstrate(output: SeparateOutput) -> bool:
    """Run the DAG once and show what landed."""
    before = report.read_lake(LAKE)
    with SandboxServer(SandboxConfig(), port=choose_port(before)) as sandbox:
        output.say(f"Sandbox: {sandbox.config.circuits} circuits at {sandbox.base_url}")
        set_environment(sandbox)
        output.say(f"Airflow: running dags/{DAG_ID}.py, full log in {WORK.name}/airflow.log")
        result = run_dag()
    if result is None:
        return False
    after = report.read_lake(LAKE)
    checked = report.check(after, sandbox.config)
    for section in (
        report.tree(after, LAKE),
        report.ledger(result),
        report.busiest(after),
        f"Checked {checked:,} of {after.rows:,} rows: each is what the sandbox serves.",
        f"The lake had {before.summary} before the run and has {after.summary} now.",
        report.how_to_open(LAKE.name),
    ):
        output.say(f"\n{section}")
    return True


def choose_port(lake: report.Lake) -> int:
    """Choose the port that the lake was filled from, because another base URL is another source.

    Raises:
        RuntimeError: another program uses that port.
    """
    port = lake.source_port or USUAL_PORT
    with socket.socket() as probe:
        is_free = probe.connect_ex(("127.0.0.1", port)) != 0
    if is_free:
        return port
    if lake.source_port is None:
        return 0
    raise RuntimeError(
        f"Port {port} is in use, and {LAKE.name}/ was filled from it. Free the port or delete {LAKE.name}/."
    )


def set_environment(sandbox: SandboxServer) -> None:
    """Set Airflow's settings. Call this before Airflow is imported, because the import reads them."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": str(WORK / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW_CONN_EVPL_DEFAULT": json.dumps(sandbox.connection()),
        "EVPL_LAKE_ROOT": LAKE.as_uri(),
        "NO_PROXY": "127.0.0.1",
    }


def run_dag() -> dict[str, Any] | None:
    """Run the DAG for 03:00 UTC today, which pulls the last two full days.

    Returns:
        The result of the operator, or None if the run failed.
    """
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 after set_environment
    from airflow.utils.db import initdb  # noqa: PLC0415 after set_environment

    initdb()
    dag = DagBag(CHECKOUT / "dags").dags[DAG_ID]
    for task in dag.tasks:
        task.retries = 0  # the example would wait 15 minutes
    today = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
    run = dag.test(logical_date=today)
    if run.state != "success":
        return None
    (task_instance,) = run.get_task_instances()
    result: dict[str, Any] = task_instance.xcom_pull(task_ids=task_instance.task_id)
    return result


if __name__ == "__main__":
    sys.exit(main())
