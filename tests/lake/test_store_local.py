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
def test_tidy_removes_the_temporary_file_of_a_killed_put(tmp_path: Path) -> None:
    """The old object stays. Temporary files of other names stay too."""
    store, folder = LocalStore(str(tmp_path)), tmp_path / FOLDER
    store.put(PATH, b"old")
    _kill_in_mid_put(tmp_path)
    assert read(store) == b"old"
    [temporary] = set(_names(folder)) - {NAME}
    assert temporary.startswith(f".{NAME}.")
    assert temporary.endswith(".tmp")
    other = folder / temporary.replace("1123", "1124")
    other.write_bytes(b"of another object")
    foreign = folder / ".nfs.tmp"
    foreign.write_bytes(b"a file system's own")
    store.tidy(FOLDER, NAME.__eq__)
    store.tidy("no/such/folder", NAME.__eq__)
    assert _names(folder) == sorted([other.name, foreign.name, NAME])
    assert read(store) == b"old"


@pytest.mark.contract("lake.whole-objects")
def test_readers_see_whole_objects(tmp_path: Path) -> None:
    """A reader sees the old or the new object while it is replaced again and again."""
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


def test_listing_has_an_object_that_stays(tmp_path: Path) -> None:
    """Other objects come and go meanwhile."""
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


def test_open_object_keeps_its_content(tmp_path: Path) -> None:
    """It is replaced and deleted while it is open."""
    store = LocalStore(str(tmp_path))
    store.put(PATH, b"old")
    with store.open(PATH) as file:
        store.put(PATH, b"new!")
        store.delete(PATH)
        assert file.read() == b"old"


def test_put_flushes_folders_bytes_and_name(tmp_path: Path) -> None:
    """A put flushes each new folder, then the bytes, then the name."""
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
def test_put_ignores_file_systems_that_flush_no_folders(
    tmp_path: Path, code: int, outcome: AbstractContextManager[object]
) -> None:
    """A disk that fails raises an error. In both cases the object is whole."""

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


def test_failing_write_leaves_the_old_object(tmp_path: Path) -> None:
    """The disk is full. No temporary file stays, and Airflow retries."""
    store = LocalStore(str(tmp_path))
    store.put(PATH, b"old")
    with _largest_file(1 << 20), pytest.raises(EvplStoreError, match="File too large"):
        store.put(PATH, bytes(2 << 20))
    assert read(store) == b"old"
    assert _names(tmp_path / FOLDER) == [NAME]


def test_failing_rename_leaves_the_folder(tmp_path: Path) -> None:
    """A folder has the name of the object. It stays, and no temporary file does."""
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
def test_file_in_place_of_a_folder_raises_denied_error(
    tmp_path: Path, call: Callable[[Store], object]
) -> None:
    """The error is permanent and names the path. Its next step names no bucket: local files have none."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(EvplStoreDeniedError, match=f"file://{tmp_path}/a/") as caught:
        call(LocalStore(str(tmp_path)))
    assert "the user that runs the task" in caught.value.next_step
