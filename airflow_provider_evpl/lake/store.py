"""Whole objects: put, list, read, delete. A reader sees the old object, then the new one, never a part."""

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
    """The seam between the lake and its storage; paths are relative to the lake's root, with `/`.

    Every method raises EvplStoreError where the store fails, EvplStoreDeniedError where it refuses.
    """

    def listing(self, folder: str) -> dict[str, int]:
        """List the objects of a folder, now, not from a cache: their sizes in bytes, in order of their names.

        A folder that isn't there is empty.
        """

    def folders(self, folder: str) -> list[str]:
        """List the folders in a folder, now; empty if there is no such folder."""

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put an object whole, over what is there; after an error it is as it was, or put whole."""

    def tidy(self, folder: str, is_ours: Callable[[str], bool]) -> None:
        """Remove what killed puts left in a folder, where a put needs a temporary file.

        Args:
            folder: may be missing.
            is_ours: whether an object of that name is put by this run alone.
        """

    def open(self, path: str) -> BinaryIO:
        """Open an object to read."""

    def tails(self, sizes: Mapping[str, int], length: int) -> Iterator[bytes | None]:
        """Read the ends of many objects, some at a time.

        Args:
            sizes: by path, as listed. If an object's size has changed since, the bytes are not its end.
            length: how many bytes, at most.

        Yields:
            The bytes, in the order of the paths; None for an object that can't be read: `open` raises the
            reason.
        """

    def delete(self, path: str) -> None:
        """Delete an object; fine where there is none."""

    def url(self, path: str) -> str:
        """Where an object is, for people: no connection id in it."""


_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]+\.tmp")
_CANT_FLUSH_FOLDERS = (errno.EBADF, errno.EINVAL, errno.ENOTSUP)


class LocalStore:
    """A folder.

    An object is written beside its place, flushed, then moved over it in one step; a put ends when its
    name, too, outlives a power cut. Left-overs of a killed run start with `.`, carry the name of what they
    would have become and end in `.tmp`; `tidy` removes them.

    Args:
        root: is made where there is none.
        fsync: flushes an open file or folder.
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
        """Write beside, flush, move over."""
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
        """Let the names in a folder outlive a power cut; some file systems can't, and say so."""
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
        """Read one file after the other, because a disk has no latency that others could fill."""
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
        """As `file://`."""
        return f"file://{self._root}/{path}"


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # it was deleted since the folder was read
            if entry.is_file():
                yield entry.name, entry.stat().st_size


_AT_ONCE = 16
_IN_MEMORY = 4 * _AT_ONCE
"""How many ends of objects are read at once, and how many are kept until they are taken."""
_GS_TIMEOUT_SECONDS = 120  # of one request; an upload's is at most 50 MiB

_PUT_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"chunksize": 5 << 30},  # one PutObject up to 5 GiB: s3fs would upload in parts from 100 MiB on
    "gs": {},  # gcsfs: one request; from 50 MiB on an upload that shows at its end and is aborted on failure
    "abfs": {},  # adlfs: one request; above 64 MiB blocks that show when the list of them is put, else expire
}


class ObjectStore:
    """A bucket behind fsspec; a put is one request, or an upload that becomes visible at its end.

    Args:
        protocol: of the URL: `s3`, `gs` or `abfs`.
        root: bucket (with `abfs` the container) and prefix.
        fs: an authorised file system.

    Attributes:
        fs: the same.
    """

    def __init__(self, protocol: str, root: str, fs: AbstractFileSystem) -> None:
        self._protocol = protocol
        self._root = root.strip("/")
        self.fs = fs
        if protocol == "s3":  # botocore has 10 connections, if it isn't given another number
            fs.config_kwargs = {"max_pool_connections": _AT_ONCE} | fs.config_kwargs
        if protocol == "gs":  # of the three gcsfs alone would wait for ever
            fs.requests_timeout = getattr(fs, "requests_timeout", None) or _GS_TIMEOUT_SECONDS

    def listing(self, folder: str) -> dict[str, int]:
        """List a prefix, past fsspec's cache."""
        return dict(sorted(self._list_kind(folder, "file")))

    def folders(self, folder: str) -> list[str]:
        """List the prefixes below a prefix, likewise."""
        return [name for name, _ in sorted(self._list_kind(folder, "directory"))]

    def _list_kind(self, folder: str, kind: str) -> Iterator[tuple[str, int]]:
        """Give the names and sizes of what is in a folder itself."""
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
            # There is no such bucket, or a file with a token is missing.
            if is_refusal(error, self.url("")) or is_local_file(error):
                raise
            return []
        return listed

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put over what is there."""
        with translate_errors(self.url(path)):
            self.fs.pipe_file(f"{self._root}/{path}", bytes(data), **_PUT_OPTIONS[self._protocol])

    def tidy(self, folder: str, is_ours: Callable[[str], bool]) -> None:
        """Nothing to do: an unfinished put was never there."""

    def open(self, path: str) -> BinaryIO:
        """Open an object; what is read is fetched, no more, and what was listed before isn't relied on."""
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
                if is_local_file(error):  # a file with a token
                    raise

    def url(self, path: str) -> str:
        """With the protocol, without connection id."""
        return f"{self._protocol}://{self._root}/{path}"
