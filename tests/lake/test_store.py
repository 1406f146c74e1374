"""What every store does, in memory, in a local folder and in each kind of bucket."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from airflow_provider_evpl.errors import EvplRetryableError, EvplStoreError
from airflow_provider_evpl.lake.store import LocalStore, ObjectStore, Store
from tests.support.lake import DATASET, DAY, hours, names_of, run
from tests.support.stores import BUCKET, FOLDER, NAME, PATH, PROTOCOLS, MemoryStore, Opener, Recorder, read


@pytest.mark.parametrize(
    "data",
    [b"", b"abc", memoryview(b"0123456789"), memoryview(os.urandom(1 << 20) * 20)],
    ids=["empty", "bytes", "view", "20 MB"],
)
def test_object_reads_back_as_put(store: Store, data: bytes | memoryview) -> None:
    """The data may be bytes or a view, empty or large."""
    store.put(PATH, data)
    assert read(store) == bytes(data)


def test_open_object_can_seek(store: Store) -> None:
    """A reader finds the size, and reads from any position."""
    store.put(PATH, b"0123456789")
    with store.open(PATH) as file:
        assert file.seek(-4, os.SEEK_END) == 6
        assert file.read() == b"6789"
        assert file.seek(2) == 2
        assert file.read(3) == b"234"


def test_tails_are_the_ends_of_many_objects(store: Store) -> None:
    """They are in order. The tail of a missing object is None."""
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


def test_listing_shows_puts_and_deletes_at_once(store: Store) -> None:
    """No listing is cached."""
    assert [*store.listing(FOLDER)] == []
    store.put(PATH, b"1")
    assert [*store.listing(FOLDER)] == [NAME]
    store.put(f"{FOLDER}/_SUCCESS", b"")
    assert [*store.listing(FOLDER)] == sorted([NAME, "_SUCCESS"])
    store.delete(PATH)
    assert [*store.listing(FOLDER)] == ["_SUCCESS"]


def test_changes_by_another_process_show_at_once(opener: Opener) -> None:
    """Listings and reads show what another process has put, replaced or deleted."""
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
def test_put_replaces_an_object(store: Store) -> None:
    """One object is left, with the new content, shorter or longer."""
    for data in (b"first", b"2", b"the third"):
        store.put(PATH, data)
        assert [*store.listing(FOLDER)] == [NAME]
        assert read(store) == data


def test_listing_has_objects_of_one_folder(store: Store) -> None:
    """Objects in folders below or beside it are not listed, and folders are not."""
    store.put(PATH, b"1")
    store.put(f"{FOLDER}/below/{NAME}", b"2")
    store.put(f"{FOLDER}-beside/{NAME}", b"3")
    store.put(f"{FOLDER}.parquet", b"4")
    store.put(f"rejected/{NAME}", b"5")
    assert [*store.listing(FOLDER)] == [NAME]
    assert [*store.listing("samples")] == []
    assert [*store.listing(PATH.removesuffix(f"/{NAME}").rpartition("/")[0])] == ["date=2026-11-22.parquet"]


def test_folders_lists_the_folders_of_a_folder(store: Store) -> None:
    """Folders with objects at any depth are listed by name. Objects are not."""
    root = FOLDER.rpartition("/")[0]
    assert store.folders(root) == []
    for path in ("b=1/x", "b=1/y", "a=1/deeper/z", "object"):
        store.put(f"{root}/{path}", b"1")
    assert store.folders(root) == ["a=1", "b=1"]
    assert store.folders(f"{root}/a=1") == ["deeper"]


def test_missing_folder_is_empty(store: Store) -> None:
    """A folder that isn't there has no objects."""
    assert [*store.listing("nowhere/at=all")] == []


def test_delete_of_a_missing_object_is_no_error(store: Store) -> None:
    """A deleted object is gone, and other objects stay."""
    store.put(PATH, b"1")
    store.put(PATH + ".other", b"2")
    store.delete(PATH)
    store.delete(PATH)
    store.delete("nowhere/at/all")
    assert [*store.listing(FOLDER)] == [NAME + ".other"]


def test_missing_object_raises_retryable_error(store: Store) -> None:
    """Another run may have superseded the object after it was listed."""
    with pytest.raises(EvplStoreError, match="2026-11-22") as caught:
        read(store)
    assert isinstance(caught.value, EvplRetryableError)


@pytest.mark.parametrize(
    "name", ["a%2Fb", "a%252Fb", "op-%C3%A4", "a b", "a%20b", "a+b", "ä", "日本", "a=b,c", "op-..", "a@b:c&d"]
)
def test_odd_names_are_kept(store: Store, name: str) -> None:
    """Escaped characters in the name of a folder stay escaped, so two folders stay two."""
    store.put(f"samples/{name}/x", b"mine")
    store.put("samples/a/b/x", b"another's")
    assert [*store.listing(f"samples/{name}")] == ["x"]
    assert read(store, f"samples/{name}/x") == b"mine"
    store.delete(f"samples/{name}/x")
    assert [*store.listing(f"samples/{name}")] == []
    assert read(store, "samples/a/b/x") == b"another's"


def test_url_has_protocol_and_path(store: Store) -> None:
    """It starts with the protocol and ends with the path."""
    assert store.url(PATH).endswith(f"/{PATH}")
    assert store.url(PATH).partition("://")[0] in ("memory", "file", *PROTOCOLS)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_slashes_around_the_root_are_ignored(protocol: str) -> None:
    """A root is taken with slashes around it or without."""
    assert ObjectStore(protocol, "/lake/evpl/", Recorder()).url("x") == f"{protocol}://lake/evpl/x"


@pytest.mark.parametrize(("late", "there"), [(False, []), (True, [NAME])])
def test_memory_store_fails_at_one_call(late: bool, there: list[str]) -> None:  # noqa: FBT001 a parameter of pytest
    """The call fails before or after its effect. Calls before and after it succeed."""
    store = MemoryStore(fail_at=2, late=late)
    assert [*store.listing(FOLDER)] == []
    with pytest.raises(EvplStoreError, match="told to fail"):
        store.put(PATH, b"1")
    assert [*store.listing(FOLDER)] == there


def _is_a_store(store: Store) -> Callable[[str], BinaryIO]:
    return store.open


def test_all_stores_satisfy_the_protocol(tmp_path: Path) -> None:
    """The type checker checks the protocol here."""
    for one in (MemoryStore(), LocalStore(str(tmp_path)), ObjectStore("s3", BUCKET, Recorder())):
        assert _is_a_store(one) == one.open


SAMPLES = DATASET.folder(DAY.start)
REJECTED = DATASET.rejected_folder(DAY.start)


def _objects(store: Store) -> dict[str, bytes]:
    return {
        f"{folder}/{name}": read(store, f"{folder}/{name}")
        for folder in (SAMPLES, REJECTED)
        for name in store.listing(folder)
    }


def test_lake_is_the_same_on_each_store(store: Store) -> None:
    """Hours land, their day supersedes them, and another run changes nothing."""
    first = run(store, *(hours(hour, hour + 1) for hour in range(4)), rejections=1)
    assert [landing.replaced for landing in first] == [0] * 4
    assert [*store.listing(SAMPLES)] == names_of(*(landing.window for landing in first))
    assert len(store.listing(REJECTED)) == 4
    [day] = run(store, DAY, value=2.0)
    assert (day.replaced, day.rows, day.path) == (4, 48, store.url(DATASET.samples_path(DAY)))
    before = _objects(store)
    assert list(before) == [DATASET.samples_path(DAY)]
    assert day.bytes == len(before[DATASET.samples_path(DAY)])
    [again] = run(store, hours(5, 6), value=2.0)
    assert (again.window, again.replaced) == (DAY, 1)
    assert _objects(store) == before
