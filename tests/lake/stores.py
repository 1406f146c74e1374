"""What the tests of the stores share."""

from collections.abc import Callable
from typing import Any

import adlfs
import gcsfs
import s3fs
from fsspec import AbstractFileSystem

from airflow_provider_evpl.lake.store import Store
from tests.servers import azure_connection_string

FOLDER = "samples/operator_code=op-a%2Fb%20%25/granularity=300s/date=2026-11-22"
NAME = "20261122T000000Z-20261123T000000Z.parquet"
PATH = f"{FOLDER}/{NAME}"
BUCKET = "lake"
PROTOCOLS = ("s3", "gs", "abfs")

Opener = Callable[[], Store]
"""Opens the same empty place again and again, each time as another process would."""


def read(store: Store, path: str = PATH) -> bytes:
    """Read an object, whole."""
    with store.open(path) as file:
        return file.read()


def connect(protocol: str, url: str) -> AbstractFileSystem:
    """Give an authorised file system that shares nothing with another."""
    if protocol == "s3":
        return s3fs.S3FileSystem(key="key", secret="secret", endpoint_url=url, skip_instance_cache=True)
    if protocol == "gs":
        return gcsfs.GCSFileSystem("a-project", token="anon", endpoint_url=url, skip_instance_cache=True)
    return adlfs.AzureBlobFileSystem(connection_string=azure_connection_string(url), skip_instance_cache=True)


class Recorder(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A file system that notes how it is asked to put, and lists what it is told."""

    cachable = False

    def __init__(self, *listed: str) -> None:
        super().__init__()
        self.config_kwargs: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self._listed = listed

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:  # noqa: ANN401 as fsspec has it
        """Note."""
        self.options = {"path": path, "value": value, "mode": mode, **options}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[dict[str, Any]]:  # noqa: ANN401, FBT001, FBT002 likewise
        """List."""
        assert path
        assert detail
        return [{"name": name, "type": "file", "size": 1} for name in self._listed]
