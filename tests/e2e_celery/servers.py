"""PostgreSQL and Redis, as Debian packs them, on loopback and in folders of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from urllib.parse import urlsplit

from tests.e2e.machine import DIES_WITH_US
from tests.e2e_celery.machine import postgres_program
from tests.servers import free_port, running

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
