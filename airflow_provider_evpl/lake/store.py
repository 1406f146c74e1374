"""Stores of whole objects. A reader sees the old object, then the new one, never a part of one."""

import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from uuid import uuid4

from fsspec import AbstractFileSystem

from airflow_provider_evpl.lake.store_errors import is_local_file, is_refusal, translate_errors

__all__ = ["LocalStore", "ObjectStore", "Store"]


class Store(Protocol):
    """What the lake needs of its storage. Paths are relative to the lake's root, with `/`.

    Every method raises EvplStoreError if the store fails, and EvplStoreDeniedError if the store refuses.
    """

    def listing(self, folder: str) -> dict[str, int]:
        """List the objects of a folder, past any cache: sizes in bytes, in the order of the names.

        A missing folder is empty.
        """

    def folders(self, folder: str) -> list[str]:
        """List the folders in a folder, past any cache. A missing folder is empty."""

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put an object, or replace it. After an error the object is as it was, or put whole."""

    def tidy(self, folder: str, is_ours: Callable[[str], bool]) -> None:
        """Remove temporary files of killed runs from a folder, if the store needs such files.

        Args:
            folder: may be missing.
            is_ours: returns whether no other run puts an object of that name.
        """

    def open(self, path: str) -> BinaryIO:
        """Open an object to read."""

    def tails(self, sizes: Mapping[str, int], length: int) -> Iterator[bytes | None]:
        """Read the ends of many objects, some at a time.

        Args:
            sizes: by path, as listed. If an object's size has changed since, the bytes are not its end.
            length: the most bytes to read of each object.

        Yields:
            The bytes, in the order of the paths. None for an object that can't be read; `open` raises the
            reason.
        """

    def delete(self, path: str) -> None:
        """Delete an object. A missing object is no error."""

    def url(self, path: str) -> str:
        """Return the URL of an object for messages, without the connection id."""


_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]+\.tmp")
_CANT_FLUSH_FOLDERS = (errno.EBADF, errno.EINVAL, errno.ENOTSUP)


class LocalStore:
    """A local folder.

    A put writes a temporary file, flushes it, and renames it in one step. The put ends when the new name is
    flushed too. The name of a temporary file starts with `.`, contains the name of the object and ends in
    `.tmp`. `tidy` removes the temporary files of killed runs.
    """

    def __init__(self, root: str, *, fsync: Callable[[int], None] = os.fsync) -> None:
        self._root = Path(root)
        self._fsync = fsync

    def listing(self, folder: str) -> dict[str, int]:
        """List a folder."""
        with translate_errors(self.url(folder)), suppress(FileNotFoundError):
            return dict(sorted(_sizes(self._root / folder)))
        return {}

    def folders(self, folder: str) -> list[str]:
        """List a folder's folders."""
        with translate_errors(self.url(folder)), suppress(FileNotFoundError):
            return sorted(entry.name for entry in os.scandir(self._root / folder) if entry.is_dir())
        return []

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Write a temporary file, flush it, and rename it."""
        target = self._root / path
        with translate_errors(self.url(path)):
            self._make(target.parent)
            self._write(target, data)
            self._flush(target.parent)

    def tidy(self, folder: str, is_ours: Callable[[str], bool]) -> None:
        """Remove the temporary files of objects."""
        with translate_errors(self.url(folder)):
            for path in (self._root / folder).glob(".*.tmp"):
                name = _TEMPORARY.fullmatch(path.name)
                if name and is_ours(name[1]):
                    path.unlink(missing_ok=True)

    def _write(self, target: Path, data: bytes | memoryview) -> None:
        temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                self._fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            self._flush(folder.parent)

    def _flush(self, folder: Path) -> None:
        """Flush the names in a folder, if the file system can do that."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._fsync(descriptor)
        except OSError as error:
            if error.errno not in _CANT_FLUSH_FOLDERS:
                raise
        finally:
            os.close(descriptor)

    def open(self, path: str) -> BinaryIO:
        """Open a file."""
        with translate_errors(self.url(path)):
            return (self._root / path).open("rb")

    def tails(self, sizes: Mapping[str, int], length: int) -> Iterator[bytes | None]:
        """Read one file after the other, because parallel reads don't speed up a local disk."""
        for path, size in sizes.items():
            tail = None
            with suppress(OSError), (self._root / path).open("rb") as file:
                file.seek(max(0, size - length))
                tail = file.read(length)
            yield tail

    def delete(self, path: str) -> None:
        """Delete a file."""
        with translate_errors(self.url(path)):
            (self._root / path).unlink(missing_ok=True)

    def url(self, path: str) -> str:
        """Return a URL with the scheme `file`."""
        return f"file://{self._root}/{path}"


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    for entry in os.scandir(folder):
        # The file may be deleted since the folder was read.
        with suppress(FileNotFoundError):
            if entry.is_file():
                yield entry.name, entry.stat().st_size


_AT_ONCE = 16
"""How many ends of objects are read in parallel."""

_IN_MEMORY = 4 * _AT_ONCE
"""How many ends of objects are kept in memory."""

_GS_TIMEOUT_SECONDS = 120
"""The timeout of one request, which uploads 50 MiB at most."""

_PUT_OPTIONS: dict[str, dict[str, Any]] = {
    # One PutObject up to 5 GiB. By default s3fs uploads in parts from 100 MiB on.
    "s3": {"chunksize": 5 << 30},
    # gcsfs sends one request. From 50 MiB on it makes an upload that is visible at its end, or aborted.
    "gs": {},
    # adlfs sends one request. Above 64 MiB it puts blocks that are visible after the list of blocks is put.
    "abfs": {},
}


class ObjectStore:
    """A bucket, by fsspec. A put is one request, or an upload that becomes visible at its end.

    Args:
        protocol: `s3`, `gs` or `abfs`.
        root: bucket (with `abfs` the container) and prefix.
        fs: an authorized file system.

    Attributes:
        fs: the file system.
    """

    def __init__(self, protocol: str, root: str, fs: AbstractFileSystem) -> None:
        self._protocol = protocol
        self._root = root.strip("/")
        self.fs = fs
        # The default of botocore is 10 connections.
        if protocol == "s3":
            fs.config_kwargs = {"max_pool_connections": _AT_ONCE} | fs.config_kwargs
        # gcsfs alone has no timeout by default.
        if protocol == "gs":
            fs.requests_timeout = getattr(fs, "requests_timeout", None) or _GS_TIMEOUT_SECONDS

    def listing(self, folder: str) -> dict[str, int]:
        """List a prefix, past fsspec's cache."""
        return dict(sorted(self._list_kind(folder, "file")))

    def folders(self, folder: str) -> list[str]:
        """List the prefixes below a prefix, past fsspec's cache."""
        return [name for name, _ in sorted(self._list_kind(folder, "directory"))]

    def _list_kind(self, folder: str, kind: str) -> Iterator[tuple[str, int]]:
        """Yield names and sizes of the entries of one kind that are directly in a folder."""
        path = f"{self._root}/{folder}".rstrip("/")
        with translate_errors(self.url(folder)):
            listed = self._list(path)
        for entry in listed:
            name = entry["name"].rstrip("/") if kind == "directory" else entry["name"]
            if entry["type"] == kind and name.startswith(f"{path}/") and name != f"{path}/":
                yield name.removeprefix(f"{path}/"), entry["size"]

    def _list(self, path: str) -> list[dict[str, Any]]:
        self.fs.invalidate_cache()
        try:
            listed: list[dict[str, Any]] = self.fs.ls(path, detail=True)
        except FileNotFoundError as error:
            # The bucket or a token file is missing, not the folder.
            if is_refusal(error, self.url("")) or is_local_file(error):
                raise
            return []
        return listed

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put an object, or replace it."""
        with translate_errors(self.url(path)):
            self.fs.pipe_file(f"{self._root}/{path}", bytes(data), **_PUT_OPTIONS[self._protocol])

    def tidy(self, folder: str, is_ours: Callable[[str], bool]) -> None:
        """Do nothing, because an unfinished put leaves no object."""

    def open(self, path: str) -> BinaryIO:
        """Open an object past fsspec's cache. Only the bytes that are read are requested."""
        with translate_errors(self.url(path)):
            self.fs.invalidate_cache()
            file: BinaryIO = self.fs.open(f"{self._root}/{path}", "rb", cache_type="none")
            return file

    def tails(self, sizes: Mapping[str, int], length: int) -> Iterator[bytes | None]:
        """Read several objects at once, each by one request."""
        paths = list(sizes)
        for begin in range(0, len(paths), _IN_MEMORY):
            some = paths[begin : begin + _IN_MEMORY]
            with translate_errors(self.url("")):
                found = self.fs.cat_ranges(
                    [f"{self._root}/{path}" for path in some],
                    [max(0, sizes[path] - length) for path in some],
                    [sizes[path] for path in some],
                    batch_size=_AT_ONCE,
                    on_error="return",
                )
            yield from (one if isinstance(one, bytes) else None for one in found)

    def delete(self, path: str) -> None:
        """Delete an object."""
        with translate_errors(self.url(path)):
            try:
                self.fs.rm_file(f"{self._root}/{path}")
            except FileNotFoundError as error:
                # A token file is missing, not the object.
                if is_local_file(error):
                    raise

    def url(self, path: str) -> str:
        """Return a URL with the protocol, without the connection id."""
        return f"{self._protocol}://{self._root}/{path}"
