from pathlib import Path

import pytest
from fsspec import AbstractFileSystem

from airflow_provider_evpl.lake.store import LocalStore, ObjectStore, Store
from tests.support.stores import BUCKET, PROTOCOLS, MemoryStore, Opener, connect


@pytest.fixture(scope="session")
def bucket_urls(s3_url: str, gs_url: str, azure_url: str) -> dict[str, str]:
    """Give the servers, each with a bucket in it, by protocol."""
    urls = dict(zip(PROTOCOLS, (s3_url, gs_url, azure_url), strict=True))
    for protocol, url in urls.items():
        fs = connect(protocol, url)
        if not fs.exists(BUCKET):
            fs.mkdir(BUCKET)
    return urls


@pytest.fixture
def s3(bucket_urls: dict[str, str]) -> AbstractFileSystem:
    """Give an authorized file system."""
    return connect("s3", bucket_urls["s3"])


@pytest.fixture(params=["memory", "file", *PROTOCOLS])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Give a place without an object in it: one of each kind."""
    protocol: str = request.param
    if protocol == "memory":
        memory = MemoryStore()
        return lambda: memory
    if protocol == "file":
        return lambda: LocalStore(str(tmp_path / "not there yet"))
    url = request.getfixturevalue("bucket_urls")[protocol]
    return lambda: ObjectStore(protocol, f"{BUCKET}/{tmp_path.name}", connect(protocol, url))


@pytest.fixture
def store(opener: Opener) -> Store:
    """Give a store without an object in it: one of each kind."""
    return opener()
