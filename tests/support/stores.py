"""A store in memory that can be told to fail, and what the tests of the real stores share."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import adlfs
import gcsfs
import s3fs
from fsspec import AbstractFileSystem

from airflow_provider_evpl.errors import EvplStoreError
from airflow_provider_evpl.lake.store import Store
from tests.support.servers import azure_connection_string


class MemoryStore:
    """A dict of whole objects.

    Args:
        fail_at: the call, counted from 1, that fails; 0 for none.
        late: that call fails after it took effect: its outcome is unknown to the caller.
        before: is called before each call takes effect.

    Attributes:
        objects: what is there, by path; stores that share it are ways to one place.
        calls: what was asked for, in order: method and path.
    """

    def __init__(
        self, *, fail_at: int = 0, late: bool = False, before: Callable[[], None] = lambda: None
    ) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        self.fail_at = fail_at
        self._late = late
        self.before = before

    def listing(self, folder: str) -> dict[str, int]:
        """List the objects whose path is the folder and one name."""
        with self._called("listing", folder):
            parts = ((*path.rpartition("/"), len(data)) for path, data in sorted(self.objects.items()))
            return {name: size for parent, _, name, size in parts if parent == folder}

    def folders(self, folder: str) -> list[str]:
        """List the first parts of the paths below the folder."""
        with self._called("folders", folder):
            below = (
                path.removeprefix(f"{folder}/") for path in self.objects if path.startswith(f"{folder}/")
            )
            return sorted({path.partition("/")[0] for path in below if "/" in path})

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Set."""
        with self._called("put", path):
            self.objects[path] = bytes(data)

    def tidy(self, folder: str, is_ours: Callable[[str], bool]) -> None:
        """Nothing to do."""

    def open(self, path: str) -> BinaryIO:
        """Read; one that isn't there is a store's failure."""
        with self._called("open", path):
            if path not in self.objects:
                raise EvplStoreError(f"{self.url(path)}: there is none")
            return io.BytesIO(self.objects[path])

    def tails(self, sizes: Mapping[str, int], length: int) -> Iterator[bytes | None]:
        """Read from where the end was when it was listed."""
        for path, size in sizes.items():
            data = None
            with suppress(EvplStoreError), self._called("tail", path):
                data = self.objects.get(path)
            yield data and data[max(0, size - length) : size]

    def delete(self, path: str) -> None:
        """Remove."""
        with self._called("delete", path):
            self.objects.pop(path, None)

    def url(self, path: str) -> str:
        """As `memory://`."""
        return f"memory://{path}"

    @contextmanager
    def _called(self, method: str, path: str) -> Iterator[None]:
        self.before()
        self.calls.append((method, path))
        fails = len(self.calls) == self.fail_at
        if not (fails and not self._late):
            yield
        if fails:
            raise EvplStoreError(f"{self.url(path)}: told to fail")


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
    """Give an authorized file system that shares nothing with another."""
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
