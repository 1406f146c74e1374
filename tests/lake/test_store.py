import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from fsspec import AbstractFileSystem

from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplError,
    EvplOverlapError,
    EvplPermanentError,
    EvplRetryableError,
    EvplStoreDeniedError,
    EvplStoreError,
)
from airflow_provider_evpl.lake.store import LocalStore, ObjectStore, Store, open_store, told
from tests.lake.memory import MemoryStore
from tests.lake.stores import BUCKET, FOLDER, NAME, PATH, read


@pytest.fixture(params=["memory", "local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Give a store without an object in it: one of each kind."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "local":
        return LocalStore(str(tmp_path / "not there yet"))
    return ObjectStore("s3", f"{BUCKET}/{tmp_path.name}", request.getfixturevalue("s3"))


def test_what_is_put_isread(store: Store) -> None:
    """An object holds what was put, bytes or a view, empty or not, and can be read from its end."""
    for data in (b"", b"abc", memoryview(b"0123456789")):
        store.put(PATH, data)
        assert read(store) == bytes(data)
    with store.open(PATH) as file:
        assert file.seek(-4, os.SEEK_END) == 6
        assert file.read() == b"6789"


def test_a_listing_shows_what_was_put_before_it(store: Store) -> None:
    """Puts and deletes show in the very next listing: nothing is remembered."""
    assert store.names(FOLDER) == []
    store.put(PATH, b"1")
    assert store.names(FOLDER) == [NAME]
    store.put(f"{FOLDER}/_SUCCESS", b"")
    assert store.names(FOLDER) == sorted([NAME, "_SUCCESS"])
    store.delete(PATH)
    assert store.names(FOLDER) == ["_SUCCESS"]


def test_a_put_replaces(store: Store) -> None:
    """A second put leaves one object, with the second content, shorter or longer."""
    for data in (b"first", b"2", b"the third"):
        store.put(PATH, data)
        assert store.names(FOLDER) == [NAME]
        assert read(store) == data


def test_a_listing_is_of_one_folder(store: Store) -> None:
    """Only objects right in the folder are listed: none of folders below or beside it, nor the folders."""
    store.put(PATH, b"1")
    store.put(f"{FOLDER}/below/{NAME}", b"2")
    store.put(f"{FOLDER}-beside/{NAME}", b"3")
    store.put(f"rejected/{NAME}", b"4")
    assert store.names(FOLDER) == [NAME]
    assert store.names("samples") == []


def test_no_folder_is_an_empty_one(store: Store) -> None:
    """A folder that isn't there has no objects."""
    assert store.names("nowhere/at=all") == []


def test_delete_is_done_when_it_is_gone(store: Store) -> None:
    """After a delete the object is gone and others are not; deleting what isn't there is fine."""
    store.put(PATH, b"1")
    store.put(PATH + ".other", b"2")
    store.delete(PATH)
    store.delete(PATH)
    store.delete("nowhere/at/all")
    assert store.names(FOLDER) == [NAME + ".other"]


def test_what_is_gone_is_worth_another_try(store: Store) -> None:
    """Opening what isn't there is retried: another run superseded it after it was listed."""
    with pytest.raises(EvplStoreError, match="2026-11-22") as caught:
        read(store)
    assert isinstance(caught.value, EvplRetryableError)


@pytest.mark.parametrize("name", ["a%2Fb", "a%252Fb", "op-%C3%A4", "a b", "a+b", "ä", "a=b,c", "op-.."])
def test_odd_names_are_kept(store: Store, name: str) -> None:
    """A folder's name is taken as it is: escaped characters stay escaped, and two such folders stay two."""
    store.put(f"samples/{name}/x", b"mine")
    store.put("samples/a/b/x", b"another's")
    assert store.names(f"samples/{name}") == ["x"]
    assert read(store, f"samples/{name}/x") == b"mine"
    store.delete(f"samples/{name}/x")
    assert store.names(f"samples/{name}") == []


def test_a_url_names_the_object(store: Store) -> None:
    """What people see starts with the protocol and ends with the path."""
    assert store.url(PATH).endswith(f"/{PATH}")
    assert store.url(PATH).partition("://")[0] in ("memory", "file", "s3")


@pytest.mark.parametrize(("late", "there"), [(False, []), (True, [NAME])])
def test_memory_fails_when_told(late: bool, there: list[str]) -> None:  # noqa: FBT001 a parameter of pytest
    """The call it is told to fail at fails, before or after its effect; the ones before and after don't."""
    store = MemoryStore(fail_at=2, late=late)
    assert store.names(FOLDER) == []
    with pytest.raises(EvplStoreError, match="told to fail"):
        store.put(PATH, b"1")
    assert store.names(FOLDER) == there


class _Recorder(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A file system that notes how it is asked to put."""

    cachable = False
    options: dict[str, Any]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:  # noqa: ANN401 as fsspec has it
        """Note."""
        self.options = {"path": path, "value": value, "mode": mode, **options}


def test_only_s3_is_told_a_chunk_size() -> None:
    """Another protocol's file system gets no option that is S3's own."""
    fs = _Recorder()
    ObjectStore("gs", "/lake/x/", fs).put("y", memoryview(b"1"))
    assert fs.options == {"path": "lake/x/y", "value": b"1", "mode": "overwrite"}


def test_the_protocol_chooses_the_store(tmp_path: Path) -> None:
    """`file` is a folder and `s3` a bucket, below the root given; another one is an error that names it."""
    local = open_store("file", str(tmp_path), _Recorder())
    local.put("x", b"1")
    assert (tmp_path / "x").read_bytes() == b"1"
    assert open_store("s3", "lake/evpl", _Recorder()).url("x") == "s3://lake/evpl/x"
    with pytest.raises(EvplConfigError, match=r"object_storage_path: .*'hdfs'"):
        open_store("hdfs", "lake", _Recorder())


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (PermissionError("no"), EvplStoreDeniedError),
        (FileNotFoundError("gone"), EvplStoreError),
        (OSError(28, "No space left on device"), EvplStoreError),
        (OSError(errno.EROFS, "Read-only file system"), EvplStoreDeniedError),
        (OSError(errno.ENAMETOOLONG, "File name too long"), EvplStoreDeniedError),
        (NotADirectoryError("root"), EvplStoreDeniedError),
        (TimeoutError(), EvplStoreError),
        (ValueError("what a library may raise"), EvplStoreError),
        (EvplOverlapError("ours"), EvplOverlapError),
    ],
    ids=repr,
)
def test_every_failure_is_ours(raised: Exception, kind: type[EvplError]) -> None:
    """A refusal is permanent, all else is retried, ours goes through as it is; the cause stays with it."""
    with pytest.raises(EvplError) as caught, told("s3://lake/x"):
        raise raised
    assert type(caught.value) is kind
    assert isinstance(caught.value, EvplPermanentError) == (kind is EvplStoreDeniedError)
    if caught.value is not raised:
        assert str(caught.value).startswith("s3://lake/x: ")
        assert type(raised).__name__ in str(caught.value)
        assert caught.value.__cause__ is raised


def test_what_is_no_failure_is_left_alone() -> None:
    """A time-out or an interrupt of the whole process is not taken for a failure of the store."""
    with pytest.raises(KeyboardInterrupt), told("s3://lake/x"):
        raise KeyboardInterrupt


def _is_a_store(store: Store) -> Callable[[str], BinaryIO]:
    return store.open


def test_all_three_are_stores(tmp_path: Path) -> None:
    """The one in memory satisfies the same protocol as the others, as the type checker sees it."""
    for one in (MemoryStore(), LocalStore(str(tmp_path)), ObjectStore("s3", BUCKET, _Recorder())):
        assert _is_a_store(one) == one.open
