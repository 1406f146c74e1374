from collections.abc import Iterator

import pytest

from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.faults_pulls import make_server


@pytest.fixture(scope="session")
def running() -> Iterator[SandboxServer]:
    """One sandbox for all."""
    with make_server() as server:
        yield server


@pytest.fixture
def server(running: SandboxServer) -> SandboxServer:
    """The sandbox, healthy."""
    running.set_faults()
    return running
