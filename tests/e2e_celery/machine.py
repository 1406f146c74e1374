"""What `make e2e-celery` needs of the machine."""

import os
import shutil
import sys
from pathlib import Path

from tests.e2e.machine import CEPH, install, lacking

_PACKAGES = CEPH | {"redis-server": "redis-server", "pg_dump": "postgresql-client", "unshare": "util-linux"}


def postgres_program(name: str) -> str | None:
    """Find one of PostgreSQL's server, which Debian keeps off PATH; of several versions the newest."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    path = os.pathsep.join(
        map(str, sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True))
    )
    return shutil.which(name, path=path)


def _missing() -> list[str]:
    packages = lacking(_PACKAGES)
    return packages if postgres_program("initdb") else [*packages, "postgresql"]


def main() -> str | None:
    """Install what is missing; gives what is to be done by hand."""
    if os.geteuid() != 0:
        return "make e2e-celery needs root: it gives each of Airflow's processes a host name of its own"
    return install("make e2e-celery", _missing)


if __name__ == "__main__":
    sys.exit(main())
