from collections.abc import Iterator

import pytest
import s3fs
from fsspec import AbstractFileSystem
from moto.server import ThreadedMotoServer

from tests.lake.stores import BUCKET


@pytest.fixture(scope="package")
def s3_url() -> Iterator[str]:
    """Serve S3 on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="package")
def s3(s3_url: str) -> AbstractFileSystem:
    """Give an authorised file system with a bucket."""
    fs = s3fs.S3FileSystem(key="key", secret="secret", endpoint_url=s3_url, skip_instance_cache=True)
    fs.mkdir(BUCKET)
    return fs
