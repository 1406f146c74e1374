"""`make demo`: the example DAG, through real Airflow, from the sandbox into a local folder.

Needs no account and no cloud. Airflow's home is made anew in `.demo/` each time; the lake in
`demo-lake/` stays, so that a second run shows that nothing doubles.
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
    """Run the demo; the exit code is 0 where all went well."""
    started = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    with SeparateOutput(WORK / "airflow.log", shown="EvplUtilizationToObjectStorageOperator") as output:
        try:
            is_fine = demonstrate(output)
        except Exception as error:  # noqa: BLE001 whatever it is, it is told
            output.say(f"\nFailed: {type(error).__name__}: {error}")
            is_fine = False
    if not is_fine:
        print(f"\nThe end of {WORK / 'airflow.log'}:\n{output.tail()}", file=sys.stderr)
        return 1
    print(f"\nDone in {time.monotonic() - started:.0f} s. Run it again: nothing doubles.")
    return 0


def demonstrate(output: SeparateOutput) -> bool:
    """Run the DAG once and show what landed."""
    before = report.read_lake(LAKE)
    with SandboxServer(SandboxConfig(), port=choose_port(before)) as sandbox:
        output.say(f"Sandbox: {sandbox.config.circuits} circuits at {sandbox.base_url}")
        set_environment(sandbox)
        output.say(f"Airflow: running dags/{DAG_ID}.py in an empty home; its own log is in {WORK.name}/")
        result = run_dag()
    if result is None:
        return False
    after = report.read_lake(LAKE)
    checked = report.check(after, sandbox.config)
    for section in (
        report.tree(after, LAKE),
        report.ledger(result),
        report.busiest(after),
        f"Checked {checked:,} of {after.rows:,} rows against the sandbox's function: all as it says.",
        f"Before {before.summary}, after {after.summary}.",
        report.how_to_open(LAKE.name),
    ):
        output.say(f"\n{section}")
    return True


def choose_port(lake: report.Lake) -> int:
    """Take the port of what has landed: another base URL would be another source to the lake."""
    port = lake.source_port or USUAL_PORT
    with socket.socket() as probe:
        is_free = probe.connect_ex(("127.0.0.1", port)) != 0
    if is_free:
        return port
    if lake.source_port is None:
        return 0
    raise RuntimeError(
        f"port {port}, the source of what is in {LAKE.name}/, is taken; free it, or remove that folder"
    )


def set_environment(sandbox: SandboxServer) -> None:
    """Tell Airflow all it needs to know, before it is imported: it reads this only then."""
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
    """Run it for today's 03:00 UTC: the last two full days.

    Returns:
        The operator's result; None where the run failed.
    """
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 needs the environment
    from airflow.utils.db import initdb  # noqa: PLC0415 likewise

    initdb()
    dag = DagBag(CHECKOUT / "dags").dags[DAG_ID]
    for task in dag.tasks:
        task.retries = 0  # the example waits 15 minutes: not here
    today = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
    run = dag.test(logical_date=today)
    if run.state != "success":
        return None
    (task_instance,) = run.get_task_instances()
    result: dict[str, Any] = task_instance.xcom_pull(task_ids=task_instance.task_id)
    return result


if __name__ == "__main__":
    sys.exit(main())
