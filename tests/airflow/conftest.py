import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.airflow_versions import ENVIRONMENT, forget_masks

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

# Airflow reads its environment when it is imported, so this is set before; it is imported nowhere
# at the top of a test module, so that collecting the core's tests doesn't import it.
_HOME = Path(tempfile.mkdtemp(prefix="evpl-airflow-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[_name]
os.environ |= {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(_HOME / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX": "regexp",  # both versions have it, and Airflow 3's own one warns
    # Each test's lake makes another DAG of the same file; a second version of one, after 30 s, is an error.
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "86400",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    "NO_PROXY": "127.0.0.1",
} | ENVIRONMENT


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Make an Airflow home with a database and our DAGs."""
    from airflow.utils.db import initdb

    here = Path(__file__).parent
    shutil.copytree(here.parent / "support" / "dags" / "airflow", _HOME / "dags")
    for example in (here.parents[1] / "dags").glob("*.py"):
        shutil.copy(example, _HOME / "dags")
    initdb()
    # At exit Airflow logs that it closes the database; pytest's streams are closed by then.
    logging.getLogger("airflow.settings").setLevel(logging.INFO)
    return _HOME


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the API on loopback."""
    with SandboxServer(SandboxConfig(circuits=3, page_size=5)) as server:
        yield server


@pytest.fixture
def lab(
    airflow_home: Path,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> "Lab":
    """Give an Airflow with a connection to the sandbox and an empty lake."""
    from tests.support.airflow_runs import Lab

    forget_masks()
    lab = Lab(airflow_home, sandbox, monkeypatch, tmp_path / "lake")
    lab.connect()
    monkeypatch.setenv("EVPL_LAKE_ROOT", lab.root)
    return lab


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Give all that was logged so far, in whichever of Airflow's ways."""
    caplog.set_level("DEBUG")
    return lambda: caplog.text + "".join(capfd.readouterr())
