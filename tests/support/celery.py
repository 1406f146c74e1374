"""Airflow on several hosts: Celery workers, PostgreSQL, Redis, an S3 server and the sandbox."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from urllib.parse import urlsplit

import s3fs
from fsspec import AbstractFileSystem

from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import DAY, Window
from tests.support.airflow_processes import Api, Host, Passwords, host, until
from tests.support.airflow_runs import read_rows, truth
from tests.support.servers import DIES_WITH_US, free_port, postgres_program, running, serving_ceph

_REDIS = """
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
save ""
"""
_READY = "eady to accept connections"
_AS_POSTGRES = ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups")
"""In front of a command: PostgreSQL refuses to be run by root."""

_PATIENCE_SECONDS = 300


@contextmanager
def serving_redis(password: str, log: Path) -> Iterator[str]:
    """Serve; gives the URL, the password in it."""
    port = free_port()
    with TemporaryDirectory(prefix="redis-") as folder:
        settings = Path(folder, "redis.conf")  # anybody could read a password among the arguments
        settings.write_text(_REDIS.format(port=port, password=password, folder=folder))
        with running(*DIES_WITH_US, "redis-server", str(settings), ready=_READY, log=log):
            yield f"redis://:{password}@127.0.0.1:{port}/0"


@contextmanager
def serving_postgres(password: str, log: Path) -> Iterator[str]:
    """Serve the database `postgres` to the user `airflow`; gives the URL, the password in it."""
    port = str(free_port())
    with TemporaryDirectory(prefix="postgres-") as folder:
        data = _make_cluster(Path(folder), password)
        address = ("-h", "127.0.0.1", "-p", port, "-k", "")
        command = (*_AS_POSTGRES, *DIES_WITH_US, _program("postgres"), "-D", data, *address)
        with running(*command, ready=_READY, log=log):
            yield f"postgresql://airflow:{password}@127.0.0.1:{port}/postgres"


def dump(url: str, file: Path) -> None:
    """Write all that is in a database, as text."""
    it = urlsplit(url)
    address = ("--host", str(it.hostname), "--port", str(it.port), "--username", str(it.username))
    _run("pg_dump", *address, "--file", str(file), "postgres", env={"PGPASSWORD": str(it.password)})


def _make_cluster(folder: Path, password: str) -> str:
    secret, data = folder / "password", str(folder / "data")
    secret.write_text(password)
    for path in (folder, secret):
        shutil.chown(path, "postgres", "postgres")
    user = ("--username", "airflow", "--pwfile", str(secret), "--auth", "scram-sha-256")
    _run(*_AS_POSTGRES, _program("initdb"), "-D", data, *user)
    secret.unlink()
    return data


def _program(name: str) -> str:
    program = postgres_program(name)
    assert program, f"{name} isn't there: `make e2e-celery` installs it"
    return program


def _run(*command: str, env: Mapping[str, str] = MappingProxyType({})) -> None:
    output = subprocess.DEVNULL
    subprocess.run(
        command, cwd="/", env=os.environ | env, check=True, stdout=output, timeout=_PATIENCE_SECONDS
    )


BUCKET = "lake"
CODES = ("0042", "0043", "0044", "0045")
WORKERS = ("worker-1", "worker-2")
SLOTS = 4
"""Pulls at once: of the pool `evpl`, and of the workers together."""

_START_SECONDS = 900
_AIRFLOW = str(Path(sys.prefix, "bin", "airflow"))
_PARTS = {
    "api-server": ("api-server", "--host", "127.0.0.1", "--workers", "1"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_SETTINGS = {
    "CELERY__WORKER_CONCURRENCY": str(SLOTS // len(WORKERS)),
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags" / "celery"),
    "CORE__EXECUTOR": "CeleryExecutor",
    "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "CORE__LOAD_EXAMPLES": "False",
    # On few cores the API server's first answer takes longer than the 5 s that a task waits for it.
    "WORKERS__EXECUTION_API_TIMEOUT": "300",
    "CELERY__OPERATION_TIMEOUT": "30",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "120",
    # How soon it is known that a worker is gone: after its last heartbeat, and in the queue.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "180",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",
}


@dataclass(frozen=True, repr=False)
class Deployment:
    """All of it: where to ask, what may be killed, where rows land and what they should be."""

    api: Api
    workers: dict[str, Host]
    sandboxes: dict[str, SandboxServer]
    fs: AbstractFileSystem
    database: str
    passwords: Passwords
    logs: Path


@contextmanager
def deployment(folder: Path) -> Iterator[Deployment]:
    """Run it until the end.

    Args:
        folder: an empty one, for all that is written; `logs` in it is all that is said.
    """
    passwords, logs = Passwords(), folder / "logs"
    logs.mkdir()
    with ExitStack() as stack:
        serve = stack.enter_context
        sandboxes = {code: serve(_sandbox(code, at, passwords.client)) for at, code in enumerate(CODES)}
        store_url = serve(serving_ceph(passwords.store))
        database = serve(serving_postgres(passwords.database, logs / "postgres.log"))
        broker = serve(serving_redis(passwords.broker, logs / "redis.log"))
        url = f"http://127.0.0.1:{free_port()}"
        machines = _start(stack, folder, _environment(folder, passwords, database, broker, url))
        api, fs = Api(url), _make_bucket(store_url, passwords.store)
        _configure(api, passwords, sandboxes, store_url)
        workers = {name: machines[name] for name in WORKERS}
        yield Deployment(api, workers, sandboxes, fs, database, passwords, logs)


def _make_bucket(url: str, secret: str) -> AbstractFileSystem:
    fs = s3fs.S3FileSystem(key="key", secret=secret, endpoint_url=url, use_listings_cache=False)
    fs.mkdir(BUCKET)
    return fs


def _sandbox(code: str, seed: int, client_secret: str) -> SandboxServer:
    config = SandboxConfig(
        circuits=5, page_size=5, latency=0.1, seed=seed, code_ope=code, client_secret=client_secret
    )
    return SandboxServer(config)


def _environment(folder: Path, passwords: Passwords, database: str, broker: str, url: str) -> dict[str, str]:
    """What each machine of a deployment is told, by whatever tells it there."""
    known = folder / "passwords.json"
    known.write_text(json.dumps({"admin": passwords.user}))
    airflow = _SETTINGS | {
        "API__BASE_URL": url,
        "API__PORT": url.rpartition(":")[2],
        "API__SECRET_KEY": passwords.session,
        "API_AUTH__JWT_SECRET": passwords.jwt,
        "CELERY__BROKER_URL": broker,
        "CELERY__RESULT_BACKEND": f"db+{database}",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY": passwords.fernet,
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(known),
        "DATABASE__SQL_ALCHEMY_CONN": database,
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    more = {"EVPL_LAKE_ROOT": f"s3://lake_store@{BUCKET}", "NO_PROXY": "127.0.0.1"}
    return own | more | {f"AIRFLOW__{name}": value for name, value in airflow.items()}


def _start(stack: ExitStack, folder: Path, env: dict[str, str]) -> dict[str, Host]:
    def start(name: str, *command: str) -> Host:
        own = {"AIRFLOW_HOME": str(folder / name), "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs / name)}
        return stack.enter_context(host(name, _AIRFLOW, *command, env=env | own, logs=logs))

    logs = folder / "logs"
    start("migration", "db", "migrate").wait(seconds=_START_SECONDS)
    machines = {name: start(name, *command) for name, command in _PARTS.items()}
    for name in WORKERS:
        machines[name] = start(name, "celery", "worker", "--skip-serve-logs")
    for name in WORKERS:
        machines[name].wait_for(f"celery@{name} ready", seconds=_START_SECONDS)
    return machines


def _configure(api: Api, passwords: Passwords, sandboxes: dict[str, SandboxServer], store_url: str) -> None:
    """Do what an administrator does in the web interface."""
    until("Airflow is up", api.is_up, seconds=_START_SECONDS)
    api.login("admin", passwords.user)
    api.post("pools", name="evpl", slots=SLOTS)
    endpoint = json.dumps({"endpoint_url": store_url, "region_name": "us-east-1"})
    store = {"login": "key", "password": passwords.store, "extra": endpoint}
    api.post("connections", connection_id="lake_store", conn_type="aws", **store)
    for code, sandbox in sandboxes.items():
        connection = sandbox.connection()
        connection["extra"] = json.dumps(connection["extra"] | {"requests_per_second": 25 / SLOTS})
        api.post("connections", connection_id=f"evpl_{code}", **connection)
    for dag_id in ("evpl_codes_daily", "evpl_codes_month"):
        until(f"{dag_id} is parsed", partial(api.knows, dag_id), seconds=_START_SECONDS)


START = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30


def check_lake(it: Deployment, folder: str) -> int:
    """Hold every object and every row against the sandboxes; gives the number of rows.

    There is an object a day and code, of that name, with the rows of the API's own function, and no other.
    """
    expected = {f"{BUCKET}/{folder}/{path}": (code, day) for path, code, day in _slices(it)}
    assert set(it.fs.find(f"{BUCKET}/{folder}")) == expected.keys()
    rows = 0
    for path, (code, day) in expected.items():
        landed = read_rows(it.fs.cat_file(path))
        assert landed == truth(it.sandboxes[code], day, day + DAY), path
        rows += len(landed)
    return rows


def _slices(it: Deployment) -> Iterator[tuple[str, str, datetime]]:
    for code in it.sandboxes:
        for number in range(DAYS):
            day = START + timedelta(days=number)
            yield Dataset(code, "300s").samples_path(Window(day, day + DAY)), code, day
