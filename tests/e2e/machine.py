"""What `make e2e` needs of the machine, by Debian's packages: installed where it may be, else said."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

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


def _missing() -> list[str]:
    packages = lacking(CEPH | {"ss": "iproute2"})
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


if __name__ == "__main__":
    sys.exit(install("make e2e", _missing))
