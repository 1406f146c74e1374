"""Airflow in processes of its own, on one host or on several."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import requests
from cryptography.fernet import Fernet

from tests.support.servers import DIES_WITH_US, free_port, running


def until(what: str, is_so: Callable[[], bool], *, seconds: float) -> float:
    """Ask until it is so; gives the seconds that took.

    Raises:
        AssertionError: It wasn't so in time.
    """
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() < start + seconds, f"not within {seconds} s: {what}"
        time.sleep(0.5)
    return time.monotonic() - start


def _password() -> str:
    return token_urlsafe(64)


@dataclass(frozen=True, repr=False)
class Passwords:
    """One for each who asks for one: PostgreSQL, Redis, S3, Airflow's user, API and keys, Orange's client."""

    database: str = field(default_factory=_password)
    broker: str = field(default_factory=_password)
    store: str = field(default_factory=_password)
    user: str = field(default_factory=_password)
    client: str = field(default_factory=_password)
    jwt: str = field(default_factory=_password)
    session: str = field(default_factory=_password)
    fernet: str = field(default_factory=lambda: Fernet.generate_key().decode())

    def all(self) -> set[str]:
        """Give all of them."""
        return set(astuple(self))


_REST_PATIENCE_SECONDS = 120


class Api:
    """Airflow behind a URL, and who asks."""

    def __init__(self, url: str) -> None:
        """Nothing is asked yet."""
        self._url = url
        self._session = requests.Session()

    def login(self, user: str, password: str) -> None:
        """Have a token for all that follows."""
        answer = self._session.post(
            f"{self._url}/auth/token",
            json={"username": user, "password": password},
            timeout=_REST_PATIENCE_SECONDS,
        )
        self._session.headers["Authorization"] = f"Bearer {_body(answer)['access_token']}"

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 JSON
        """Ask for what is at a path."""
        texts = {name: str(value) for name, value in query.items()}
        return _body(self._session.get(self._at(path), params=texts, timeout=_REST_PATIENCE_SECONDS))

    def post(self, path: str, **body: object) -> Any:  # noqa: ANN401 JSON
        """Have something made."""
        return _body(self._session.post(self._at(path), json=body, timeout=_REST_PATIENCE_SECONDS))

    def all_of(self, path: str, key: str, **query: object) -> list[dict[str, Any]]:
        """Ask for a whole list, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, limit=100, offset=len(found), **query)
            found += page[key]
            if len(found) >= page["total_entries"]:
                return found

    def is_up(self) -> bool:
        """Is each part of Airflow healthy, and heard of lately."""
        try:
            health = self.get("monitor/health")
        except requests.ConnectionError:
            return False
        return all(part["status"] == "healthy" for part in health.values())

    def knows(self, dag_id: str) -> bool:
        """Has the DAG been parsed."""
        return dag_id in {dag["dag_id"] for dag in self.get("dags")["dags"]}

    def _at(self, path: str) -> str:
        return f"{self._url}/api/v2/{path}"


def _body(answer: requests.Response) -> Any:  # noqa: ANN401 JSON
    assert answer.ok, f"{answer.status_code} {answer.url}: {answer.text}"
    return answer.json()


_APART = ("unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "--uts")
_NAMED = ("sh", "-c", 'hostname "$0" && exec "$@"')


class Host:
    """A command in a namespace that ends with its first process; what it says is in `{name}.log`."""

    def __init__(self, name: str, *command: str, env: Mapping[str, str], logs: Path) -> None:
        """Start it."""
        self.name = name
        self._log = logs / f"{name}.log"
        with self._log.open("wb") as file:
            self._process = subprocess.Popen(
                (*DIES_WITH_US, *_APART, *_NAMED, name, *command),
                cwd="/",
                env=env,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End it as a power cut does; when this returns, none of its processes is left."""
        if self._process.poll() is None:
            for pid in self._first_processes() or [self._process.pid]:
                os.kill(pid, signal.SIGKILL)  # the first is reported dead when all others are
        self._process.wait()

    def wait(self, *, seconds: float) -> None:
        """Wait until the command has succeeded."""
        assert self._process.wait(seconds) == 0, self._log.read_text()[-5000:]

    def wait_for(self, text: str, *, seconds: float) -> None:
        """Wait until it has said this."""
        until(f"{self.name} says {text!r}", lambda: self._has_said(text), seconds=seconds)

    def _has_said(self, text: str) -> bool:
        said = self._log.read_text()
        assert self._process.poll() is None, f"{self.name} has ended: {said[-5000:]}"
        return text in said

    def _first_processes(self) -> list[int]:
        parent = self._process.pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@contextmanager
def host(name: str, *command: str, env: Mapping[str, str], logs: Path) -> Iterator[Host]:
    """Run a command until the end."""
    it = Host(name, *command, env=env, logs=logs)
    try:
        yield it
    finally:
        it.kill()


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
