"""An Airflow of processes of its own: scheduler, executor, API server; and the sandbox with a lake."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.e2e.machine import DIES_WITH_US
from tests.named import ROOT
from tests.servers import free_port, running

_AIRFLOW = (sys.executable, "-m", "airflow")
_PATIENCE_SECONDS = 600
_UNFINISHED = """
    SELECT (SELECT count(*) FROM backfill WHERE completed_at IS NULL)
         + (SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running'))
         + (SELECT count(*) FROM asset_partition_dag_run WHERE created_dag_run_id IS NULL)
         + (SELECT count(*) FROM asset_dag_run_queue)
"""


@dataclass(frozen=True)
class Machine:
    """Where it lives, and all that it is told."""

    home: Path
    environment: dict[str, str]

    def airflow(self, *arguments: str) -> None:
        """Run a command of Airflow's."""
        environment = os.environ | self.environment
        subprocess.run([*_AIRFLOW, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)

    def run(self) -> None:
        """Let Airflow do all there is to do, by schedules, backfills and assets, and whatever that wakes."""
        port = self.environment["AIRFLOW__API__PORT"]
        server = (*DIES_WITH_US, *_AIRFLOW, "api-server", "--apps", "execution", "--port", port)
        scheduler = (*DIES_WITH_US, *_AIRFLOW, "scheduler", "--skip-serve-logs")
        told: dict[str, Any] = {"env": self.environment, "patience_seconds": _PATIENCE_SECONDS}
        with (
            running(*server, ready="Application startup ", **told),
            running(*scheduler, ready="Starting the ", **told),
        ):
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while self.ask(_UNFINISHED) != [(0,)]:
                assert time.monotonic() < deadline, self.ask("SELECT dag_id, run_id, state FROM dag_run")
                time.sleep(0.5)

    def ask(self, question: str, *values: str) -> list[tuple[Any, ...]]:
        """Look into Airflow's database."""
        database = sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True, timeout=60)
        with closing(database):
            return database.execute(question, values).fetchall()


def machine(home: Path, sandbox: SandboxServer) -> Machine:
    """Set it up: the example, and the DAGs beside this file, none paused."""
    shutil.copytree(Path(__file__).with_name("dags"), home / "dags")
    shutil.copy(ROOT / "dags" / "evpl_utilization_daily.py", home / "dags")
    port = str(free_port())
    one = Machine(
        home,
        {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API_AUTH__JWT_SECRET": "made up, for this machine alone, and long enough for HS512: 64",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # 5 are short on a machine with other work
            "AIRFLOW_CONN_EVPL_DEFAULT": json.dumps(sandbox.connection()),
            "EVPL_LAKE_ROOT": (home / "lake").as_uri(),
            "NO_PROXY": "127.0.0.1",
        },
    )
    one.airflow("db", "migrate")
    one.airflow("dags", "reserialize")
    return one
