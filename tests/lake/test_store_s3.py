import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
import s3fs
from fsspec import AbstractFileSystem

from airflow_provider_evpl.errors import (
    EvplStoreDeniedError,
    EvplStoreError,
)
from airflow_provider_evpl.lake.store import ObjectStore, Store
from tests.lake.stores import BUCKET, FOLDER, NAME, PATH, read


def test_s3_a_large_object_is_one_request(
    s3: AbstractFileSystem, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An object above the size where s3fs itself uploads in parts is one PUT, as the server saw it."""
    caplog.set_level(logging.INFO, "werkzeug")
    store = ObjectStore("s3", f"/{BUCKET}/{tmp_path.name}/", s3)
    size = 100 << 20  # s3fs: two chunks of 50 MiB and more are a multipart upload
    store.put("large", memoryview(bytes(size)))
    asked = [line.partition(" HTTP")[0] for line in caplog.messages if f"{tmp_path.name}/large" in line]
    assert len(asked) == 1
    assert asked[0].endswith(f'"PUT /{BUCKET}/{tmp_path.name}/large')
    assert s3.info(f"{BUCKET}/{tmp_path.name}/large")["size"] == size


def test_s3_no_bucket_is_a_denial(s3: AbstractFileSystem) -> None:
    """Putting into a bucket that isn't there is a permanent error that names it; nothing is made."""
    with pytest.raises(
        EvplStoreDeniedError, match=r"s3://no-such-bucket/lake/x: .* check the root, the bucket"
    ):
        ObjectStore("s3", "no-such-bucket/lake", s3).put("x", b"")
    assert not s3.exists("no-such-bucket")


@pytest.fixture
def refusing_s3(s3_url: str, s3: AbstractFileSystem) -> Iterator[AbstractFileSystem]:
    """Give the same file system while the server refuses its credentials."""
    s3.pipe_file(f"{BUCKET}/there", b"1")
    requests.post(f"{s3_url}/moto-api/reset-auth", data="0", timeout=60).raise_for_status()
    yield s3
    requests.post(f"{s3_url}/moto-api/reset-auth", data="inf", timeout=60).raise_for_status()


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.names("a"),
        lambda store: store.put("there", b"2"),
        lambda store: store.open("there"),
        lambda store: store.delete("there"),
    ],
    ids=["names", "put", "open", "delete"],
)
def test_s3_wrong_credentials_are_a_denial(
    refusing_s3: AbstractFileSystem, call: Callable[[Store], object]
) -> None:
    """Whatever is asked with credentials that the server refuses is a permanent error that says so."""
    refusing_s3.invalidate_cache()
    with pytest.raises(EvplStoreDeniedError, match="the connection's rights"):
        call(ObjectStore("s3", BUCKET, refusing_s3))


def test_s3_nobody_there_is_a_failure() -> None:
    """Where no server answers, Airflow retries."""
    fs = s3fs.S3FileSystem(
        key="key",
        secret="secret",
        endpoint_url="http://127.0.0.1:9",
        skip_instance_cache=True,
        config_kwargs={"retries": {"max_attempts": 0}},
    )
    fs.retries = 1
    with pytest.raises(EvplStoreError, match="s3://lake/x: the store failed"):
        ObjectStore("s3", BUCKET, fs).put("x", b"")


def test_s3_a_listing_shows_what_others_did(s3: AbstractFileSystem, s3_url: str) -> None:
    """What others put or deleted after this file system listed the folder shows in its next listing."""
    store = ObjectStore("s3", f"{BUCKET}/others", s3)
    other = s3fs.S3FileSystem(key="key", secret="secret", endpoint_url=s3_url, skip_instance_cache=True)
    store.put(PATH, b"1")
    assert store.names(FOLDER) == [NAME]
    other.pipe_file(f"{BUCKET}/others/{FOLDER}/more", b"2")
    assert store.names(FOLDER) == [NAME, "more"]
    other.rm_file(f"{BUCKET}/others/{PATH}")
    assert store.names(FOLDER) == ["more"]


def test_s3_a_replaced_object_is_not_read_as_a_mixture(s3: AbstractFileSystem, s3_url: str) -> None:
    """An object that was replaced between listing and reading gives an error, or the new one whole."""
    store = ObjectStore("s3", f"{BUCKET}/replaced", s3)
    store.put("x", b"old one")
    assert store.names("") == ["x"]
    other = s3fs.S3FileSystem(key="key", secret="secret", endpoint_url=s3_url, skip_instance_cache=True)
    other.pipe_file(f"{BUCKET}/replaced/x", b"new")
    with suppress(OSError):  # the server refuses to read on in an object that is another one by now
        assert read(store, "x") == b"new"
