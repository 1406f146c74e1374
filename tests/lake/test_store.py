"""What every store keeps to, whatever is behind it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from airflow_provider_evpl.errors import EvplRetryableError, EvplStoreError
from airflow_provider_evpl.lake.store import LocalStore, ObjectStore, Store
from tests.support.stores import BUCKET, FOLDER, NAME, PATH, PROTOCOLS, MemoryStore, Opener, Recorder, read


@pytest.mark.parametrize(
    "data",
    [b"", b"abc", memoryview(b"0123456789"), memoryview(os.urandom(1 << 20) * 20)],
    ids=["empty", "bytes", "view", "20 MB"],
)
def test_what_is_put_is_read(store: Store, data: bytes | memoryview) -> None:
    """An object holds what was put: bytes or a view, none or many."""
    store.put(PATH, data)
    assert read(store) == bytes(data)


def test_an_object_is_read_from_anywhere(store: Store) -> None:
    """Who opens an object knows its size, and reads on from where they like."""
    store.put(PATH, b"0123456789")
    with store.open(PATH) as file:
        assert file.seek(-4, os.SEEK_END) == 6
        assert file.read() == b"6789"
        assert file.seek(2) == 2
        assert file.read(3) == b"234"


def test_the_ends_of_many_objects_are_read(store: Store) -> None:
    """Each by its size, in order; of one that is gone there is none, and another's size says nothing."""
    whole = {f"{FOLDER}/{number:03}": os.urandom(number) for number in range(0, 150, 2)}
    for path, data in whole.items():
        store.put(path, data)
    sizes = {f"{FOLDER}/{name}": size for name, size in store.listing(FOLDER).items()}
    assert sizes == {path: len(data) for path, data in whole.items()}
    gone = f"{FOLDER}/100"
    store.delete(gone)
    tails = dict(zip(sizes, store.tails(sizes, 20), strict=True))
    assert tails.pop(gone) is None
    assert tails.pop(f"{FOLDER}/000") in (b"", None)  # of nothing S3 has no range
    assert tails == {path: whole[path][-20:] for path in tails}
    assert list(store.tails({}, 20)) == []


def test_a_listing_shows_what_was_put_before_it(store: Store) -> None:
    """Puts and deletes show in the very next listing: nothing is remembered."""
    assert [*store.listing(FOLDER)] == []
    store.put(PATH, b"1")
    assert [*store.listing(FOLDER)] == [NAME]
    store.put(f"{FOLDER}/_SUCCESS", b"")
    assert [*store.listing(FOLDER)] == sorted([NAME, "_SUCCESS"])
    store.delete(PATH)
    assert [*store.listing(FOLDER)] == ["_SUCCESS"]


def test_what_others_do_is_seen_at_once(opener: Opener) -> None:
    """What another process puts, replaces or deletes shows in the next listing and the next reading."""
    store, other = opener(), opener()
    store.put(PATH, b"old one")
    assert [*store.listing(FOLDER)] == [NAME]
    other.put(f"{FOLDER}/more", b"2")
    assert [*store.listing(FOLDER)] == sorted([NAME, "more"])
    other.put(PATH, b"new")
    assert read(store) == b"new"
    other.put(PATH, b"newer, longer")
    assert read(store) == b"newer, longer"
    other.delete(PATH)
    assert [*store.listing(FOLDER)] == ["more"]


@pytest.mark.contract("lake.whole-objects", "lake.temporary-files")
def test_a_put_replaces(store: Store) -> None:
    """A second put leaves one object, with the second content, shorter or longer."""
    for data in (b"first", b"2", b"the third"):
        store.put(PATH, data)
        assert [*store.listing(FOLDER)] == [NAME]
        assert read(store) == data


def test_a_listing_is_of_one_folder(store: Store) -> None:
    """Only objects right in the folder are listed: none of folders below or beside it, nor the folders."""
    store.put(PATH, b"1")
    store.put(f"{FOLDER}/below/{NAME}", b"2")
    store.put(f"{FOLDER}-beside/{NAME}", b"3")
    store.put(f"{FOLDER}.parquet", b"4")
    store.put(f"rejected/{NAME}", b"5")
    assert [*store.listing(FOLDER)] == [NAME]
    assert [*store.listing("samples")] == []
    assert [*store.listing(PATH.removesuffix(f"/{NAME}").rpartition("/")[0])] == ["date=2026-11-22.parquet"]


def test_the_folders_of_a_folder_are_listed(store: Store) -> None:
    """Those that objects are in, at any depth, by name; no object is among them."""
    root = FOLDER.rpartition("/")[0]
    assert store.folders(root) == []
    for path in ("b=1/x", "b=1/y", "a=1/deeper/z", "object"):
        store.put(f"{root}/{path}", b"1")
    assert store.folders(root) == ["a=1", "b=1"]
    assert store.folders(f"{root}/a=1") == ["deeper"]


def test_no_folder_is_an_empty_one(store: Store) -> None:
    """A folder that isn't there has no objects."""
    assert [*store.listing("nowhere/at=all")] == []


def test_delete_is_done_when_it_is_gone(store: Store) -> None:
    """After a delete the object is gone and others are not; deleting what isn't there is fine."""
    store.put(PATH, b"1")
    store.put(PATH + ".other", b"2")
    store.delete(PATH)
    store.delete(PATH)
    store.delete("nowhere/at/all")
    assert [*store.listing(FOLDER)] == [NAME + ".other"]


def test_what_is_gone_is_worth_another_try(store: Store) -> None:
    """Opening what isn't there is retried: another run superseded it after it was listed."""
    with pytest.raises(EvplStoreError, match="2026-11-22") as caught:
        read(store)
    assert isinstance(caught.value, EvplRetryableError)


@pytest.mark.parametrize(
    "name", ["a%2Fb", "a%252Fb", "op-%C3%A4", "a b", "a%20b", "a+b", "ä", "日本", "a=b,c", "op-..", "a@b:c&d"]
)
def test_odd_names_are_kept(store: Store, name: str) -> None:
    """A folder's name is taken as it is: escaped characters stay escaped, and two such folders stay two."""
    store.put(f"samples/{name}/x", b"mine")
    store.put("samples/a/b/x", b"another's")
    assert [*store.listing(f"samples/{name}")] == ["x"]
    assert read(store, f"samples/{name}/x") == b"mine"
    store.delete(f"samples/{name}/x")
    assert [*store.listing(f"samples/{name}")] == []
    assert read(store, "samples/a/b/x") == b"another's"


def test_a_url_names_the_object(store: Store) -> None:
    """What people see starts with the protocol and ends with the path."""
    assert store.url(PATH).endswith(f"/{PATH}")
    assert store.url(PATH).partition("://")[0] in ("memory", "file", *PROTOCOLS)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_bucket_and_a_prefix(protocol: str) -> None:
    """A root is taken with slashes around it or without."""
    assert ObjectStore(protocol, "/lake/evpl/", Recorder()).url("x") == f"{protocol}://lake/evpl/x"


@pytest.mark.parametrize(("late", "there"), [(False, []), (True, [NAME])])
def test_memory_fails_when_told(late: bool, there: list[str]) -> None:  # noqa: FBT001 a parameter of pytest
    """The call it is told to fail at fails, before or after its effect; the ones before and after don't."""
    store = MemoryStore(fail_at=2, late=late)
    assert [*store.listing(FOLDER)] == []
    with pytest.raises(EvplStoreError, match="told to fail"):
        store.put(PATH, b"1")
    assert [*store.listing(FOLDER)] == there


def _is_a_store(store: Store) -> Callable[[str], BinaryIO]:
    return store.open


def test_all_three_are_stores(tmp_path: Path) -> None:
    """The one in memory satisfies the same protocol as the others, as the type checker sees it."""
    for one in (MemoryStore(), LocalStore(str(tmp_path)), ObjectStore("s3", BUCKET, Recorder())):
        assert _is_a_store(one) == one.open
