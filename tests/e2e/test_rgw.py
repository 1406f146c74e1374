"""What only a real S3 server shows: Ceph's, which `make e2e` has the tests of the stores run against too."""

import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import s3fs
from fsspec import AbstractFileSystem

from airflow_provider_evpl.errors import EvplStoreDeniedError
from airflow_provider_evpl.lake.store import ObjectStore, Store
from tests.support.lake import DATASET, DAY, FOLDER, hours, intervals, names_of, run
from tests.support.network import listening
from tests.support.stores import connect, read

BUCKET, VERSIONED = "e2e", "versioned"
MIB = 1 << 20


@pytest.fixture(scope="module")
def fs(s3_url: str) -> AbstractFileSystem:
    """Give an authorized file system, and two buckets; one keeps versions."""
    fs = connect("s3", s3_url)
    for bucket in (BUCKET, VERSIONED):
        fs.mkdir(bucket)
    fs.make_bucket_versioned(VERSIONED)
    return fs


@pytest.fixture
def store(fs: AbstractFileSystem, tmp_path: Path) -> Store:
    """Give a store without an object in it."""
    return ObjectStore("s3", f"{BUCKET}/{tmp_path.name}", fs)


@pytest.mark.usefixtures("fs")
def test_they_listen_on_loopback_alone() -> None:
    """Nobody but this machine reaches monitor, store and gateway."""
    hosts = listening()
    assert {"ceph-mon", "ceph-osd", "radosgw"} <= hosts.keys()
    assert set().union(*hosts.values()) == {"127.0.0.1"}


CALLS: dict[str, Callable[[Store], object]] = {
    "listing": lambda store: store.listing("a"),
    "put": lambda store: store.put("there", b"2"),
    "open": lambda store: store.open("there"),
    "delete": lambda store: store.delete("there"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("key", "secret"), [("key", "wrong"), ("nobody", "secret")])
def test_wrong_credentials_are_a_denial(
    fs: AbstractFileSystem, s3_url: str, key: str, secret: str, call: Callable[[Store], object]
) -> None:
    """A wrong secret and an unknown key are permanent errors, whatever is asked; what is there stays."""
    fs.pipe_file(f"{BUCKET}/there", b"1")
    wrong = s3fs.S3FileSystem(key=key, secret=secret, endpoint_url=s3_url, skip_instance_cache=True)
    with pytest.raises(EvplStoreDeniedError, match="rights of the storage connection"):
        call(ObjectStore("s3", BUCKET, wrong))
    assert fs.cat_file(f"{BUCKET}/there") == b"1"


def test_a_listing_goes_on_after_a_thousand(store: Store) -> None:
    """More objects than a page of the server's own listing holds are listed, each once."""
    names = [f"{number:04}.parquet" for number in range(1001)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(f"{FOLDER}/{name}", b""), names))
    assert [*store.listing(FOLDER)] == names


def test_an_object_of_many_parts_is_read(fs: AbstractFileSystem, store: Store) -> None:
    """An object that somebody copied there in parts reads like another, and one put replaces it."""
    data = os.urandom(MIB) * 12
    fs.pipe_file(store.url("x").removeprefix("s3://"), data, chunksize=5 * MIB)
    assert fs.info(store.url("x").removeprefix("s3://"))["ETag"].endswith('-3"')
    assert read(store, "x") == data
    store.put("x", b"whole")
    assert read(store, "x") == b"whole"


def test_a_put_that_is_cut_off_was_never_there(fs: AbstractFileSystem, store: Store) -> None:
    """Who dies in the middle of a put leaves the old object whole, and nothing else."""
    store.put("x", b"old")
    target = urlsplit(fs.sign(store.url("x").removeprefix("s3://"), client_method="put_object"))
    connection = HTTPConnection(target.netloc)
    connection.putrequest("PUT", f"{target.path}?{target.query}")
    connection.putheader("Content-Length", str(20 * MIB))
    connection.endheaders(bytes(10 * MIB))
    connection.sock.shutdown(socket.SHUT_WR)
    assert connection.getresponse().status >= 400
    connection.close()
    assert read(store, "x") == b"old"
    assert [*store.listing("")] == ["x"]


def test_a_lake_lives_where_versions_are_kept(fs: AbstractFileSystem, tmp_path: Path) -> None:
    """Where the bucket keeps what is replaced and deleted, readers and runs see what they would elsewhere."""
    store = ObjectStore("s3", f"{VERSIONED}/{tmp_path.name}", fs)
    early = [hours(0, 1), hours(1, 2)]
    run(store, *early)
    run(store, *early, value=2.0)
    assert intervals(store) == names_of(*early)
    [day] = run(store, DAY, value=3.0)
    assert day.replaced == 2
    assert intervals(store) == names_of(DAY)
    assert len(read(store, DATASET.samples_path(DAY))) == day.bytes
