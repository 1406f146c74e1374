"""A store whose credentials are away for a moment: a temporary error, and never an anonymous file system."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from airflow_provider_evpl.errors import EvplConfigError, EvplStoreError
from tests.support.api import replying, serving
from tests.support.stores import BUCKET, connect

if TYPE_CHECKING:
    from airflow_provider_evpl.lake.store import ObjectStore
    from tests.support.airflow_runs import Lab

ROLE = json.dumps(
    {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": "key",
        "SecretAccessKey": "secret",
        "Token": "token",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Expiration": "2036-01-01T00:00:00Z",
    }
)
DENIED = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>told</Message></Error></ErrorResponse>"

Answer = Callable[[str], tuple[int, str]]
"""Answers a request for a path with a status and a body."""


def answering(answer: Answer) -> Callable[[BaseHTTPRequestHandler], None]:
    """Make a reply that depends on the path alone."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        status, body = answer(handler.path)
        replying(body.encode(), status=status)(handler)

    return reply


@pytest.fixture
def open_s3(lab: "Lab", s3_url: str, tmp_path: Path) -> "Callable[..., ObjectStore]":
    """Open a bucket by a connection that has no credentials but what a test gives it."""
    from airflow_provider_evpl.hooks.storage import open_object_storage

    if not (fs := connect("s3", s3_url)).exists(BUCKET):
        fs.mkdir(BUCKET)

    def open_it(extra: dict[str, Any] | None = None, **fields: str) -> "ObjectStore":
        extras = {"endpoint_url": s3_url, "region_name": "us-east-1"} | (extra or {})
        connection = {"conn_type": "aws", "extra": extras} | fields
        lab.monkeypatch.setenv("AIRFLOW_CONN_LAKE_STORE", json.dumps(connection))
        return cast("ObjectStore", open_object_storage(f"s3://lake_store@{BUCKET}/{tmp_path.name}", None))

    return open_it


@pytest.mark.contract("errors.store-credentials")
def test_unavailable_metadata_service_is_a_temporary_error(
    lab: "Lab", open_s3: "Callable[..., ObjectStore]"
) -> None:
    """The service fails six times: the store opens when it has credentials again."""
    asked: list[str] = []

    def answer(path: str) -> tuple[int, str]:
        asked.append(path)
        bodies = {"token": "token", "security-credentials": "role", "role": ROLE}
        return (503, "") if len(asked) <= 6 else (200, bodies[path.rstrip("/").rpartition("/")[2]])

    lab.monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with serving(answering(answer)) as server:
        lab.monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        while len(asked) < 6:
            with pytest.raises(EvplStoreError, match=f"s3://{BUCKET}: no credentials found"):
                open_s3()
        store = open_s3()
    assert not store.fs.anon
    assert [*store.listing("samples")] == []


def test_missing_container_credentials_are_a_temporary_error(
    lab: "Lab", open_s3: "Callable[..., ObjectStore]"
) -> None:
    """The error of botocore comes while the store is opened."""
    with serving(replying(b"", status=404)) as server:
        lab.monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/credentials")
        with pytest.raises(EvplStoreError, match=r"(?s)no credentials found.*CredentialRetrievalError"):
            open_s3()


def test_missing_token_file_does_not_make_the_lake_empty(
    lab: "Lab", open_s3: "Callable[..., ObjectStore]", tmp_path: Path
) -> None:
    """A missing local file is no missing object: listing and deletion fail."""
    lab.monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/lake")
    lab.monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    store = open_s3()
    for call in (store.listing, store.folders, store.delete, store.open):
        with pytest.raises(EvplStoreError, match=r"(?s)no credentials found.*FileNotFoundError"):
            call("samples")


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_signature_version_is_no_request_for_anonymous_access(
    lab: "Lab", open_s3: "Callable[..., ObjectStore]", version: str
) -> None:
    """A connection that names a signer, as for Ceph, needs credentials."""
    lab.monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with serving(replying(b"", status=503)) as server:
        lab.monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        with pytest.raises(EvplStoreError, match="no credentials found"):
            open_s3({"config_kwargs": {"signature_version": version}})


@pytest.mark.contract("errors.store-credentials")
@pytest.mark.parametrize(
    ("status", "body", "kind"), [(503, "", EvplStoreError), (403, DENIED, EvplConfigError)]
)
def test_refused_role_is_permanent_and_unavailable_service_temporary(
    lab: "Lab", open_s3: "Callable[..., ObjectStore]", status: int, body: str, kind: type[Exception]
) -> None:
    """Assuming a role."""
    lab.monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with serving(replying(body.encode(), status=status)) as server:
        sts = {"sts": {"endpoint_url": server.url}}
        extra = {"role_arn": "arn:aws:iam::123456789012:role/lake", "service_config": sts}
        with pytest.raises(kind, match="ClientError"):
            open_s3(extra, login="key", password="secret")


@pytest.mark.contract("errors.store-credentials")
@pytest.mark.parametrize(
    "extra",
    [
        {"config_kwargs": {"signature_version": "unsigned"}},
        {
            "service_config": {
                "s3": {"signer": "S3V4RestSigner", "signer_uri": "http://127.0.0.1:9", "signer_token": "x"}
            }
        },
    ],
    ids=["unsigned", "signer"],
)
def test_connection_can_ask_for_anonymous_access(
    open_s3: "Callable[..., ObjectStore]", extra: dict[str, Any]
) -> None:
    """Then no credentials are needed."""
    assert open_s3(extra).fs.anon


@pytest.mark.contract("errors.store-credentials")
@pytest.mark.parametrize("path", [f"gs://{BUCKET}/evpl", f"gs://lake_store@{BUCKET}/evpl"])
def test_google_without_credentials_is_a_temporary_error(lab: "Lab", path: str, tmp_path: Path) -> None:
    """When credentials are found, the store uses them."""
    from airflow_provider_evpl.hooks.storage import open_object_storage

    lab.monkeypatch.setenv("AIRFLOW_CONN_LAKE_STORE", json.dumps({"conn_type": "google_cloud_platform"}))
    lab.monkeypatch.setenv("NO_GCE_CHECK", "true")
    lab.monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    for _ in range(2):
        with pytest.raises(EvplStoreError, match=f"gs://{BUCKET}: no credentials found"):
            open_object_storage(path, None)
    key = tmp_path / "key.json"
    key.write_text(json.dumps(_service_account()))
    lab.monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    store = cast("ObjectStore", open_object_storage(path, None))
    assert store.fs.credentials.credentials.service_account_email == "lake@a-project.iam"


def _service_account() -> dict[str, str]:
    private = rsa.generate_private_key(65_537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    names = {"type": "service_account", "client_email": "lake@a-project.iam", "project_id": "a-project"}
    return names | {"private_key": private.decode(), "token_uri": "http://127.0.0.1:9/token"}
