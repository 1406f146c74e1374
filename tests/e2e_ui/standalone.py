"""A whole Airflow, as `airflow standalone` starts it, on ports of loopback that were free."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tests.named import ROOT
from tests.servers import free_port, running

_PATIENCE_SECONDS = 600

_STANDALONE = """
import signal
signal.signal(signal.SIGTERM, signal.default_int_handler)
from airflow.__main__ import main
main()
"""
"""It ends its processes when it is interrupted, but by nothing else."""


@dataclass(frozen=True)
class Airflow:
    """One that runs: where its pages are, its home, its lake, and all that it printed."""

    url: str
    home: Path
    lake: Path
    log: Path

    def connection(self, conn_id: str) -> dict[str, object]:
        """Ask for a connection as it is stored, secrets and all: what a page never shows."""
        command = (Path(sys.prefix, "bin", "airflow"), "connections", "get", conn_id, "--output", "json")
        told = subprocess.run(command, env=_environment(self), check=True, capture_output=True, text=True)
        [connection] = json.loads(told.stdout[told.stdout.index("[") :])
        return dict(connection)


@contextmanager
def standalone(folder: Path) -> Iterator[Airflow]:
    """Run it with our DAGs and no connection; whoever opens a page is an administrator."""
    url = f"http://127.0.0.1:{free_port()}"
    it = Airflow(url, folder / "airflow", folder / "lake", folder / "standalone.log")
    command = ("setpriv", "--pdeathsig", "TERM", sys.executable, "-c", _STANDALONE, "standalone")
    ready = running(
        *command,
        ready="Airflow is ready",
        env=_environment(it),
        log=it.log,
        patience_seconds=_PATIENCE_SECONDS,
    )
    with ready:
        _wait_for_an_answer(url)
        yield it


def _environment(it: Airflow) -> dict[str, str]:
    settings = {
        "API__BASE_URL": it.url,
        "API__HOST": "127.0.0.1",
        "API__PORT": it.url.rpartition(":")[2],
        "CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "CORE__EXECUTION_API_SERVER_URL": f"{it.url}/execution/",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "2",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__TEST_CONNECTION": "Enabled",
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "WORKERS__EXECUTION_API_TIMEOUT": "60",  # it takes a task for dead sooner on a slow machine
    }
    return {f"AIRFLOW__{name}": value for name, value in settings.items()} | {
        "AIRFLOW_HOME": str(it.home),
        "EVPL_LAKE_ROOT": it.lake.as_uri(),
        "NO_COLOR": "1",
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{Path(sys.prefix, 'bin')}:/usr/bin:/bin",
    }


def _wait_for_an_answer(url: str) -> None:
    with requests.Session() as session:
        session.mount(url, HTTPAdapter(max_retries=Retry(total=None, connect=20, backoff_factor=0.1)))
        session.get(f"{url}/api/v2/monitor/health", timeout=_PATIENCE_SECONDS).raise_for_status()
