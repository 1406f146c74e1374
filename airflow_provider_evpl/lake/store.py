"""Whole objects: put, list, read, delete. A reader sees the old object, then the new one, never a part."""

import errno
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from uuid import uuid4

from fsspec import AbstractFileSystem

from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplError,
    EvplStoreDeniedError,
    EvplStoreError,
)

__all__ = ["LocalStore", "ObjectStore", "Store", "open_store", "told"]


class Store(Protocol):
    """The seam between the lake and its storage; paths are relative to the lake's root, with `/`.

    Every method raises EvplStoreError where the store fails, EvplStoreDeniedError where it refuses.
    """

    def names(self, folder: str) -> list[str]:
        """List the objects of a folder, now, not from a cache; empty where there is no such folder."""

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put an object whole, over what is there; after an error it is as it was, or put whole."""

    def tidy(self, path: str) -> None:
        """Remove what killed puts of an object left behind, where a put needs a temporary file."""

    def open(self, path: str) -> BinaryIO:
        """Open an object to read."""

    def delete(self, path: str) -> None:
        """Delete an object; fine where there is none."""

    def url(self, path: str) -> str:
        """Where an object is, for people: no connection id in it."""


class LocalStore:
    """A folder.

    An object is written beside its place, flushed, then moved over it in one step. Left-overs of a
    killed run start with `.`, carry the name of what they would have become and end in `.tmp`; `tidy` removes
    them.
    """

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def names(self, folder: str) -> list[str]:
        """List a folder."""
        with told(self.url(folder)), suppress(FileNotFoundError):
            return sorted(entry.name for entry in os.scandir(self._root / folder) if entry.is_file())
        return []

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Write beside, flush, move over."""
        target = self._root / path
        with told(self.url(path)):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._write(target, data)

    def tidy(self, path: str) -> None:
        """Remove the temporary files of an object."""
        target = self._root / path
        with told(self.url(path)):
            for left_over in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
                left_over.unlink(missing_ok=True)

    def _write(self, target: Path, data: bytes | memoryview) -> None:
        temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def open(self, path: str) -> BinaryIO:
        """Open a file."""
        with told(self.url(path)):
            return (self._root / path).open("rb")

    def delete(self, path: str) -> None:
        """Delete a file."""
        with told(self.url(path)):
            (self._root / path).unlink(missing_ok=True)

    def url(self, path: str) -> str:
        """As `file://`."""
        return f"file://{self._root}/{path}"


class ObjectStore:
    """A bucket behind fsspec; a put is one request, or a multipart upload that becomes visible at its end.

    Args:
        protocol: of the URL.
        root: bucket and prefix.
        fs: an authorised file system.
    """

    def __init__(self, protocol: str, root: str, fs: AbstractFileSystem) -> None:
        self._protocol = protocol
        self._root = root.strip("/")
        self._fs = fs

    def names(self, folder: str) -> list[str]:
        """List a prefix, past fsspec's cache."""
        with told(self.url(folder)), suppress(FileNotFoundError):
            self._fs.invalidate_cache()
            listed = self._fs.ls(f"{self._root}/{folder}", detail=True)
            return sorted(entry["name"].rpartition("/")[2] for entry in listed if entry["type"] == "file")
        return []

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put in one request up to 5 GiB: fsspec's S3 would otherwise upload in parts from 100 MB on."""
        options: dict[str, Any] = {"chunksize": 5 << 30} if self._protocol == "s3" else {}
        with told(self.url(path), (FileNotFoundError,)):  # there is no such bucket
            self._fs.pipe_file(f"{self._root}/{path}", bytes(data), **options)

    def tidy(self, path: str) -> None:
        """Nothing to do: an unfinished put was never there."""

    def open(self, path: str) -> BinaryIO:
        """Open an object; only what is read is fetched."""
        with told(self.url(path)):
            file: BinaryIO = self._fs.open(f"{self._root}/{path}", "rb")
            return file

    def delete(self, path: str) -> None:
        """Delete an object."""
        with told(self.url(path)), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")

    def url(self, path: str) -> str:
        """With the protocol, without connection id."""
        return f"{self._protocol}://{self._root}/{path}"


def open_store(protocol: str, root: str, fs: AbstractFileSystem) -> Store:
    """Choose the store for a protocol.

    Raises:
        EvplConfigError: whole puts aren't promised there.
    """
    if protocol == "file":
        return LocalStore(root)
    if protocol == "s3":
        return ObjectStore(protocol, root, fs)
    raise EvplConfigError(f"object_storage_path: scheme must be one of file, s3, is {protocol!r}")


@contextmanager
def told(url: str, denials: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn whatever a storage library raises into one of ours.

    Args:
        url: of the object.
        denials: what else means that the store refuses. That something isn't there is none by
            itself: another run may have superseded it since it was listed.
    """
    try:
        yield
    except EvplError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        if isinstance(error, denials) or _is_denial(error):
            raise EvplStoreDeniedError(
                f"{url}: the store refuses: {what}; check the root, the bucket and the connection's rights"
            ) from error
        raise EvplStoreError(f"{url}: the store failed: {what}; run again later") from error


def _is_denial(error: Exception) -> bool:
    kinds = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
    numbers = (errno.EROFS, errno.ENAMETOOLONG)
    return isinstance(error, kinds) or (isinstance(error, OSError) and error.errno in numbers)
