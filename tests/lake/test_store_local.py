import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

import airflow_provider_evpl
from airflow_provider_evpl.errors import EvplStoreDeniedError, EvplStoreError
from airflow_provider_evpl.lake.store import LocalStore, Store
from tests.support.stores import FOLDER, NAME, PATH, read

PROJECT = Path(airflow_provider_evpl.__file__).parent.parent


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _kill_in_mid_put(root: Path) -> None:
    """Put in a process of its own, which the system kills when its file grows larger than it may."""
    program = (
        "import resource, signal, sys\n"
        "from airflow_provider_evpl.lake.store import LocalStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "LocalStore(sys.argv[1]).put(sys.argv[2], bytes(2 << 20))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(root), PATH], check=False, cwd=PROJECT)
    assert ended.returncode == -signal.SIGXFSZ


@pytest.mark.contract("lake.temporary-files")
def test_local_a_killed_put_leaves_what_tidying_removes(tmp_path: Path) -> None:
    """The old object stays, beside it a file with a dot and its name; tidying removes that of its name."""
    store, folder = LocalStore(str(tmp_path)), tmp_path / FOLDER
    store.put(PATH, b"old")
    _kill_in_mid_put(tmp_path)
    assert read(store) == b"old"
    [left_over] = set(_names(folder)) - {NAME}
    assert left_over.startswith(f".{NAME}.")
    assert left_over.endswith(".tmp")
    another = folder / left_over.replace("1123", "1124")
    another.write_bytes(b"of another object")
    foreign = folder / ".nfs.tmp"
    foreign.write_bytes(b"a file system's own")
    store.tidy(FOLDER, NAME.__eq__)
    store.tidy("no/such/folder", NAME.__eq__)
    assert _names(folder) == sorted([another.name, foreign.name, NAME])
    assert read(store) == b"old"


@pytest.mark.contract("lake.whole-objects")
def test_local_readers_see_whole_objects(tmp_path: Path) -> None:
    """Somebody who reads again and again while an object is replaced sees the old or the new one, whole."""
    store = LocalStore(str(tmp_path))
    versions = [bytes([number]) * 300_000 for number in (1, 2)]
    store.put(PATH, versions[0])
    done = threading.Event()

    def put() -> None:
        for number in range(30):
            store.put(PATH, versions[number % 2])
        done.set()

    writer = threading.Thread(target=put)
    writer.start()
    try:
        while not done.is_set():
            assert read(store) in versions
            assert NAME in store.listing(FOLDER)
    finally:
        writer.join()


def test_local_a_listing_has_what_stays(tmp_path: Path) -> None:
    """While others come and go, an object that stays is in every listing."""
    store = LocalStore(str(tmp_path), fsync=lambda _: None)
    store.put(PATH, b"stays")
    done = threading.Event()

    def put_and_delete() -> None:
        for number in range(2000):
            store.put(f"{FOLDER}/{number}", b"")
            store.delete(f"{FOLDER}/{number}")
        done.set()

    writer = threading.Thread(target=put_and_delete)
    writer.start()
    try:
        while not done.is_set():
            assert store.listing(FOLDER)[NAME] == len(b"stays")
    finally:
        writer.join()


def test_local_an_open_object_stays_what_it_was(tmp_path: Path) -> None:
    """Who has an object open reads it to its end, though it is replaced or deleted meanwhile."""
    store = LocalStore(str(tmp_path))
    store.put(PATH, b"old")
    with store.open(PATH) as file:
        store.put(PATH, b"new!")
        store.delete(PATH)
        assert file.read() == b"old"


def test_local_a_put_outlives_a_power_cut(tmp_path: Path) -> None:
    """A put flushes every folder in which it makes a name, then the bytes, then the name they moved to."""
    root = tmp_path / "lake"
    flushed: list[tuple[int, bool]] = []

    def fsync(descriptor: int) -> None:
        flushed.append((os.fstat(descriptor).st_ino, (root / PATH).exists()))

    store = LocalStore(str(root), fsync=fsync)
    store.put(PATH, b"old")
    target = root / PATH
    folders = [tmp_path / one for one in reversed(target.relative_to(tmp_path).parents)]
    made = [(folder.stat().st_ino, False) for folder in folders[:-1]]
    file, folder = target.stat().st_ino, target.parent.stat().st_ino
    assert flushed == [*made, (file, False), (folder, True)]
    flushed.clear()
    store.put(PATH, b"new")
    assert flushed == [(target.stat().st_ino, True), (folder, True)]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(errno.EINVAL, nullcontext()), (errno.EIO, pytest.raises(EvplStoreError, match="Input/output error"))],
)
def test_local_only_what_can_be_flushed_is(
    tmp_path: Path, code: int, outcome: AbstractContextManager[object]
) -> None:
    """A file system that can't flush folders is no failure, a disk that fails is; the object is whole."""

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))

    LocalStore(str(tmp_path)).put(PATH, b"old")
    store = LocalStore(str(tmp_path), fsync=fsync)
    with outcome:
        store.put(PATH, b"new")
    assert read(store) == b"new"
    assert _names(tmp_path / FOLDER) == [NAME]


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """Let the system refuse to write more than this into one file, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_local_a_failing_write_leaves_all_as_it_was(tmp_path: Path) -> None:
    """Where the disk takes a part only, the old object stays, nothing lies beside it, and Airflow retries."""
    store = LocalStore(str(tmp_path))
    store.put(PATH, b"old")
    with _largest_file(1 << 20), pytest.raises(EvplStoreError, match="File too large"):
        store.put(PATH, bytes(2 << 20))
    assert read(store) == b"old"
    assert _names(tmp_path / FOLDER) == [NAME]


def test_local_a_failing_move_leaves_all_as_it_was(tmp_path: Path) -> None:
    """Where a folder is in the object's place, it stays, and nothing lies beside it."""
    store = LocalStore(str(tmp_path))
    store.put(f"{PATH}/inside", b"1")
    with pytest.raises(EvplStoreDeniedError, match=NAME):
        store.put(PATH, b"2")
    assert _names(tmp_path / FOLDER) == [NAME]
    assert read(store, f"{PATH}/inside") == b"1"


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.listing("a/b"),
        lambda store: store.put("a/b/c", b""),
        lambda store: store.open("a/b/c"),
        lambda store: store.delete("a/b/c"),
    ],
    ids=["listing", "put", "open", "delete"],
)
def test_local_failures_are_ours(tmp_path: Path, call: Callable[[Store], object]) -> None:
    """A file where a folder should be is a permanent error that names the path."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(EvplStoreDeniedError, match=f"file://{tmp_path}/a/"):
        call(LocalStore(str(tmp_path)))
