"""A real S3 server, Ceph's: a monitor, a store in memory and a gateway, all of them on loopback."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tests.e2e.machine import DIES_WITH_US
from tests.servers import free_port, running

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
_PATIENCE_SECONDS = 60


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
    subprocess.run(command, env=os.environ | env, check=True, stdout=quiet, timeout=_PATIENCE_SECONDS)


def _wait_for_an_answer(url: str) -> None:
    with requests.Session() as session:
        session.mount(url, HTTPAdapter(max_retries=Retry(connect=8, backoff_factor=0.1)))
        session.get(url, timeout=_PATIENCE_SECONDS).raise_for_status()
