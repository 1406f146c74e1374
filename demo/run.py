"""`make demo`: run two example DAGs in Airflow: from the sandbox into a local folder, and to the report.

It needs no account and no cloud. Each run creates a new Airflow home in `.demo/`. The lake in
`demo-lake/` stays, so a second run shows that no sample is there twice.
"""

import json
import os
import shutil
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from demo import report
from demo.output import SeparateOutput

CHECKOUT = Path(__file__).resolve().parents[1]
LAKE = CHECKOUT / "demo-lake"
INVENTORY = LAKE / "inventory.csv"
WORK = CHECKOUT / ".demo"
PULL = "evpl_utilization_daily"
REPORT = "evpl_report_monthly"
DAYS = 30
USUAL_PORT = 8075


def main() -> int:
    """Run the demo. The exit code is 0 if it succeeded."""
    started = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    page = None
    with SeparateOutput(WORK / "airflow.log", shown=r"Evpl(Utilization|Report)\w*Operator") as output:
        try:
            page = demonstrate(output)
        except Exception as error:  # noqa: BLE001 the demo shows every error
            output.say(f"\nFailed: {type(error).__name__}: {error}")
    if page is None:
        print(f"\nLast lines of {WORK / 'airflow.log'}:\n{output.tail()}", file=sys.stderr)
        return 1
    print(f"\nDone in {time.monotonic() - started:.0f} s. Run it again: each sample is still there once.")
    print(f"Open the report in a browser: {page}")
    return 0


def demonstrate(output: SeparateOutput) -> str | None:
    """Run both DAGs once and show what landed.

    Returns:
        The URL of the report, or None if a run failed.
    """
    before = report.read_lake(LAKE)
    with SandboxServer(SandboxConfig(), port=choose_port(before)) as sandbox:
        output.say(f"Sandbox: {sandbox.config.circuits} circuits at {sandbox.base_url}")
        set_environment(sandbox)
        INVENTORY.parent.mkdir(exist_ok=True)
        INVENTORY.write_text(report.inventory(sandbox.config), encoding="utf-8")
        output.say(f"Airflow: running dags/{PULL}.py, full log in {WORK.name}/airflow.log")
        result = pull_days()
    if result is None:
        return None
    after = report.read_lake(LAKE)
    checked = report.check(after, sandbox.config)
    output.say(f"\n{report.tree(after, LAKE)}")
    output.say(f"\n{report.ledger(result)}")
    output.say(f"Checked {checked:,} of {after.rows:,} rows: each is what the sandbox serves.")
    output.say(f"The lake had {before.summary} before the run and has {after.summary} now.")
    output.say(f"\n{report.how_to_open(LAKE.name)}")
    output.say(f"\nAirflow: running dags/{REPORT}.py. The committed rates in {INVENTORY.name} are invented.")
    return make_report(main_month(result))


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
    connection = sandbox.connection()
    connection["extra"]["requests_per_second"] = 100  # the default, 10, protects Orange's gateway
    os.environ |= {
        "AIRFLOW_HOME": str(WORK / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW_CONN_EVPL_DEFAULT": json.dumps(connection),
        "EVPL_LAKE_ROOT": LAKE.as_uri(),
        "EVPL_INVENTORY": INVENTORY.as_uri(),
        "NO_PROXY": "127.0.0.1",
    }


def pull_days() -> dict[str, Any] | None:
    """Run the DAG of the pull for 03:00 UTC today, with a lookback: it pulls the last 30 full days.

    Returns:
        The result of the operator, or None if the run failed.
    """
    from airflow.utils.db import initdb  # noqa: PLC0415 after set_environment

    initdb()
    today = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
    return run_dag(PULL, "pull_utilization", logical_date=today, lookback=timedelta(days=DAYS - 1))


def main_month(result: Mapping[str, Any]) -> str:
    """Return the month that has most of the pulled days: `2026-11`."""
    start = datetime.fromisoformat(result["window_start"])
    months = Counter(f"{start + timedelta(days=day):%Y-%m}" for day in range(DAYS))
    return max(months, key=lambda month: (months[month], month))


def make_report(month: str) -> str | None:
    """Run the DAG of the report for a month; return the URL of the page, or None if the run failed."""
    result = run_dag(REPORT, "report", conf={"month": month})
    return result["pages"][0]["path"] if result else None


def run_dag(
    dag_id: str,
    task_id: str,
    *,
    logical_date: datetime | None = None,
    conf: dict[str, str] | None = None,
    **arguments: object,
) -> dict[str, Any] | None:
    """Run an example DAG without its retries, and return the result of one task, or None if the run failed.

    Args:
        dag_id: of the DAG; its file has the same name.
        task_id: of the task.
        logical_date: of the run.
        conf: params of the run.
        arguments: changed arguments of the task.
    """
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 after set_environment

    dag = DagBag(CHECKOUT / "dags").dags[dag_id]
    for task in dag.tasks:
        task.retries = 0  # the example would wait 15 minutes
    for name, value in arguments.items():
        setattr(dag.get_task(task_id), name, value)
    run = dag.test(logical_date=logical_date, run_conf=conf)
    if run.state != "success":
        return None
    task_instance = next(one for one in run.get_task_instances() if one.task_id == task_id)
    result: dict[str, Any] = task_instance.xcom_pull(task_ids=task_id, map_indexes=task_instance.map_index)
    return result


if __name__ == "__main__":
    sys.exit(main())
