"""Describe the machine and the versions, without host names or paths."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.participants import ROOT, WORK

__all__ = ["describe"]

_SCRIPT = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""
_OF = {
    "ours": ("airflow-provider-evpl", "apache-airflow", "duckdb", "msgspec", "numpy", "pyarrow", "urllib3"),
    "plain": ("pandas", "pyarrow", "requests"),
    "delta": ("deltalake", "pyarrow", "requests"),
    "dlt": ("dlt", "pyarrow", "requests"),
    "http_operator": ("apache-airflow", "apache-airflow-providers-http", "pandas", "pyarrow"),
}


def describe() -> dict[str, str]:
    """Return the machine and the versions, as rows of a table."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": platform.python_version(),
        **{f"environment `{name}`": _versions(_python(name), names) for name, names in _OF.items()},
    }


def _python(environment: str) -> Path:
    return (ROOT / ".venv" if environment == "ours" else WORK / environment) / "bin" / "python"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _versions(python: Path, names: Sequence[str]) -> str:
    command = [str(python), "-c", _SCRIPT, *names]
    found: dict[str, str] = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    )
    return ", ".join(f"{name} {version}" for name, version in found.items())
