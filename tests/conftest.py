import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.support.airflow_versions import OTHERS_WARNINGS
from tests.support.servers import serving_azure, serving_ceph, serving_gs, serving_s3

# How long an example takes, or is drawn, says something of the machine, not of the law.
settings.register_profile(
    "evpl", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "mutants",  # the same on each run; that a law fails is enough, not by how little
    parent=settings.get_profile("evpl"),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("evpl")

os.environ |= {
    "AWS_EC2_METADATA_DISABLED": "true",  # nothing is asked of the machine's own cloud
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # else it asks over gRPC, which no server here speaks
}


_S3_SERVERS = {"moto": serving_s3, "ceph": serving_ceph}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make e2e` choose a real server."""
    parser.addoption("--s3-server", choices=_S3_SERVERS, default="moto", help="what serves S3")


def pytest_configure(config: pytest.Config) -> None:
    """Let an older Airflow warn of itself."""
    for one in OTHERS_WARNINGS:
        config.addinivalue_line("filterwarnings", one)


@pytest.fixture(scope="session")
def s3_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve S3 on loopback."""
    with _S3_SERVERS[request.config.getoption("--s3-server")]() as url:
        yield url


@pytest.fixture(scope="session")
def gs_url() -> Iterator[str]:
    """Serve Google Cloud Storage on loopback."""
    with serving_gs() as url:
        yield url


@pytest.fixture(scope="session")
def azure_url() -> Iterator[str]:
    """Serve Azure Blob Storage on loopback."""
    with serving_azure() as url:
        yield url
