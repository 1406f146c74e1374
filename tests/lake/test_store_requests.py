"""The requests that object stores receive, as a proxy in front of each sees them."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import adlfs
import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas
from fsspec import AbstractFileSystem

from airflow_provider_evpl.errors import EvplStoreDeniedError
from airflow_provider_evpl.lake.store import ObjectStore
from tests.support.network import Request, proxied
from tests.support.servers import AZURE_ACCOUNT, AZURE_KEY
from tests.support.stores import BUCKET, FOLDER, NAME, PATH, PROTOCOLS, Recorder, connect, read

MIB = 1 << 20


def _is_last_s3(request: Request) -> bool:
    return request.method == "PUT"


def _is_last_gs(request: Request) -> bool:
    return request.headers.get("Content-Range", "bytes 0-").partition("-")[0] != "bytes 0"


def _is_last_azure(request: Request) -> bool:
    return "comp=blocklist" in request.target


IS_LAST = dict(zip(PROTOCOLS, (_is_last_s3, _is_last_gs, _is_last_azure), strict=True))
"""The request that makes an object of 70 MiB visible."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_put_is_one_request(protocol: str, bucket_urls: dict[str, str], tmp_path: Path) -> None:
    """An object of 20 MiB is put by one request, and no other request is sent."""
    with proxied(bucket_urls[protocol]) as proxy:
        store = ObjectStore(protocol, f"{BUCKET}/{tmp_path.name}", connect(protocol, proxy.url))
        store.put(PATH, memoryview(bytes(20 * MIB)))
    [request] = proxy.seen
    assert request.method in ("PUT", "POST")
    assert 20 * MIB <= len(request.body) < 21 * MIB


def test_s3_put_of_a_large_object_is_one_request(bucket_urls: dict[str, str], tmp_path: Path) -> None:
    """The object is above the size at which s3fs uploads in parts."""
    size = 100 * MIB  # s3fs: two chunks of 50 MiB and more are a multipart upload
    with proxied(bucket_urls["s3"]) as proxy:
        fs = connect("s3", proxy.url)
        ObjectStore("s3", f"/{BUCKET}/{tmp_path.name}/", fs).put("large", memoryview(bytes(size)))
        assert [request.method for request in proxy.seen] == ["PUT"]
        assert fs.info(f"{BUCKET}/{tmp_path.name}/large")["size"] == size


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_failing_put_leaves_the_old_object(
    protocol: str, bucket_urls: dict[str, str], tmp_path: Path
) -> None:
    """The last request of a large put is refused, and no part of it is visible."""

    def refuse_last(request: Request) -> Request | int:
        if request.method == "DELETE":
            return 499  # Google's answer to who gives up an upload
        return 403 if IS_LAST[protocol](request) else request

    root = f"{BUCKET}/{tmp_path.name}"
    store = ObjectStore(protocol, root, connect(protocol, bucket_urls[protocol]))
    store.put(PATH, b"old")
    with proxied(bucket_urls[protocol], refuse_last) as proxy:
        failing = ObjectStore(protocol, root, connect(protocol, proxy.url))
        with pytest.raises(EvplStoreDeniedError, match=PATH):
            failing.put(PATH, bytes(70 * MIB))
    assert sum(len(request.body) for request in proxy.seen) >= 70 * MIB
    assert [*store.listing(FOLDER)] == [NAME]
    assert read(store) == b"old"
    given_up = [request for request in proxy.seen if request.method == "DELETE"]
    assert len(given_up) == (1 if protocol == "gs" else 0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_reading_a_footer_fetches_only_the_footer(
    protocol: str, bucket_urls: dict[str, str], tmp_path: Path
) -> None:
    """The object has 20 MiB."""
    with proxied(bucket_urls[protocol]) as proxy:
        store = ObjectStore(protocol, f"{BUCKET}/{tmp_path.name}", connect(protocol, proxy.url))
        store.put(PATH, bytes(20 * MIB - 4) + b"PAR1")
        proxy.answered.clear()
        with store.open(PATH) as file:
            size = file.seek(0, 2)
            file.seek(size - 8)
            assert file.read() == bytes(4) + b"PAR1"
            file.seek(size - 1000)
            assert len(file.read()) == 1000
        assert 1008 <= sum(proxy.answered) < 8000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tails_are_read_sixteen_at_once(protocol: str, bucket_urls: dict[str, str], tmp_path: Path) -> None:
    """Each is read by one request, which returns only the end of the object."""
    together = threading.Barrier(16, timeout=60)
    is_reading = threading.Event()

    def wait_for_the_others(request: Request) -> Request:
        if is_reading.is_set():
            together.wait()
        return request

    with proxied(bucket_urls[protocol], wait_for_the_others) as proxy:
        store = ObjectStore(protocol, f"{BUCKET}/{tmp_path.name}", connect(protocol, proxy.url))
        for number in range(32):
            store.put(f"{FOLDER}/{number}", bytes(50_000))
        sizes = {f"{FOLDER}/{name}": size for name, size in store.listing(FOLDER).items()}
        proxy.seen.clear()
        proxy.answered.clear()
        is_reading.set()
        assert list(store.tails(sizes, 1000)) == [bytes(1000)] * 32
    assert len({request.target for request in proxy.seen}) == len(proxy.seen) == 32
    assert proxy.answered == [1000] * 32


def _small_pages(request: Request) -> Request:
    """Let a listing's page hold two objects."""
    target = request.target
    if "maxResults=1000" in target:
        target = target.replace("maxResults=1000", "maxResults=2")
    elif "list-type=2" in target:
        target += "&max-keys=2"
    elif "comp=list" in target and "maxresults" not in target:
        target += "&maxresults=2"
    return request._replace(target=target)


def _connect_azure_by_sas(url: str) -> AbstractFileSystem:
    """Authorise by a signature that leaves out what is asked for, so that a proxy may change it."""
    sas = generate_account_sas(
        AZURE_ACCOUNT,
        AZURE_KEY,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, list=True, write=True, create=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return adlfs.AzureBlobFileSystem(
        connection_string=f"BlobEndpoint={url};SharedAccessSignature={sas}", skip_instance_cache=True
    )


CONNECT: dict[str, Callable[[str], AbstractFileSystem]] = {
    "s3": lambda url: connect("s3", url),
    "gs": lambda url: connect("gs", url),
    "abfs": _connect_azure_by_sas,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_listing_has_all_its_pages(protocol: str, bucket_urls: dict[str, str], tmp_path: Path) -> None:
    """The folder has more objects than a page of the response."""
    with proxied(bucket_urls[protocol], _small_pages) as proxy:
        store = ObjectStore(protocol, f"{BUCKET}/{tmp_path.name}", CONNECT[protocol](proxy.url))
        names = [f"{number}.parquet" for number in range(5)]
        for name in names:
            store.put(f"{FOLDER}/{name}", b"1")
        store.put(f"{FOLDER}/below/x", b"1")
        proxy.seen.clear()
        assert [*store.listing(FOLDER)] == names
        assert len(proxy.seen) >= 3


def test_only_s3_gets_a_chunk_size() -> None:
    """The file systems of other protocols don't know this option."""
    put = {"path": "lake/x/y", "value": b"1", "mode": "overwrite"}
    for protocol, options in (("s3", {"chunksize": 5 << 30}), ("gs", {}), ("abfs", {})):
        fs = Recorder()
        ObjectStore(protocol, "/lake/x/", fs).put("y", memoryview(b"1"))
        assert fs.options == put | options


def test_listing_leaves_out_markers_of_the_folder() -> None:
    """A library also lists the marker of the folder, and an object of its name."""
    listed = Recorder("lake/x/a/b/", "lake/x/a/b", "lake/x/a/b/c")
    assert [*ObjectStore("s3", "lake/x", listed).listing("a/b")] == ["c"]


def test_gs_has_a_timeout() -> None:
    """Gcsfs has none by default. A timeout that is set stays."""
    for given, expected in ((None, 120), (7, 7)):
        fs = connect("gs", "http://127.0.0.1:9")
        fs.requests_timeout = given
        ObjectStore("gs", BUCKET, fs)
        assert fs.requests_timeout == expected
