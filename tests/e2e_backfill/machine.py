"""An Airflow of processes of its own: scheduler, executor, API server, triggerer."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.machine import DIES_WITH_US
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
        with self.servers():
            self.wait(_UNFINISHED)

    @contextmanager
    def servers(self, *more: str) -> Iterator[None]:
        """Run Airflow's API server and scheduler, and more of its servers; each logs into `<name>.log`."""
        port = self.environment["AIRFLOW__API__PORT"]
        commands = {
            "api-server": ("--apps", "execution", "--port", port),
            **dict.fromkeys(("scheduler", *more), ("--skip-serve-logs",)),
        }
        with ExitStack() as stack:
            for name, arguments in commands.items():
                server = running(
                    *DIES_WITH_US,
                    *_AIRFLOW,
                    name,
                    *arguments,
                    ready="Application startup |Starting the ",
                    env=self.environment,
                    patience_seconds=_PATIENCE_SECONDS,
                    log=self.home / f"{name}.log",
                )
                stack.enter_context(server)
            yield

    def wait(self, question: str) -> None:
        """Wait until the answer is 0, while all servers live."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.ask(question) != [(0,)]:
            assert not [path for path in self.home.glob("*.log") if "process has died" in path.read_text()]
            assert time.monotonic() < deadline, self.ask("SELECT dag_id, run_id, state FROM dag_run")
            time.sleep(0.5)

    def ask(self, question: str, *values: str) -> list[tuple[Any, ...]]:
        """Look into Airflow's database."""
        database = sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True, timeout=60)
        with closing(database):
            return database.execute(question, values).fetchall()


def machine(home: Path, connection: Mapping[str, Any], *dag_files: Path) -> Machine:
    """Set it up: these DAG files, no DAG paused, and a connection to the API."""
    (home / "dags").mkdir()
    for path in dag_files:
        shutil.copy(path, home / "dags")
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
            "AIRFLOW_CONN_EVPL_DEFAULT": json.dumps(connection),
            "EVPL_LAKE_ROOT": (home / "lake").as_uri(),
            "NO_PROXY": "127.0.0.1",
        },
    )
    one.airflow("db", "migrate")
    one.airflow("dags", "reserialize")
    return one
