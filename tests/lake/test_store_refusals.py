"""Errors of the stores: refusals are permanent, failures are temporary."""

import errno
from collections.abc import Callable, Iterator
from typing import ClassVar

import adlfs
import aiohttp
import azure.core.exceptions as azure_errors
import botocore.exceptions as s3_errors
import google.auth.exceptions as google_errors
import pytest
import requests
import s3fs
from azure.identity import ChainedTokenCredential, EnvironmentCredential
from fsspec import AbstractFileSystem
from gcsfs.retry import HttpError

from airflow_provider_evpl.errors import (
    EvplError,
    EvplOverlapError,
    EvplPermanentError,
    EvplStoreDeniedError,
    EvplStoreError,
)
from airflow_provider_evpl.lake.store import ObjectStore, Store
from airflow_provider_evpl.lake.store_errors import is_temporary, translate_errors
from tests.support.network import proxied
from tests.support.servers import azure_connection_string
from tests.support.stores import BUCKET, PROTOCOLS, connect

CALLS = pytest.mark.parametrize(
    "call",
    [
        lambda store: store.listing("a"),
        lambda store: store.put("there", b"2"),
        lambda store: store.open("there"),
        lambda store: store.delete("there"),
    ],
    ids=["listing", "put", "open", "delete"],
)
Call = Callable[[Store], object]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_missing_bucket_raises_denied_error(protocol: str, bucket_urls: dict[str, str]) -> None:
    """A listing and a put raise a permanent error. No bucket is made."""
    fs = connect(protocol, bucket_urls[protocol])
    store = ObjectStore(protocol, "no-such-bucket/lake", fs)
    with pytest.raises(EvplStoreDeniedError, match="no such bucket"):
        store.listing("x")
    for size in (0, 70 << 20):
        with pytest.raises(EvplStoreDeniedError) as caught:
            store.put("x", bytes(size))
        assert caught.value.what.startswith(f"{protocol}://no-such-bucket: the store refuses")
        assert "the bucket" in caught.value.next_step
        assert caught.value.detail.startswith(f"{protocol}://no-such-bucket/lake/x\n")
    assert not fs.exists("no-such-bucket")


@CALLS
@pytest.mark.parametrize(("protocol", "status"), [("s3", 403), ("gs", 403), ("gs", 401), ("abfs", 403)])
def test_missing_rights_raise_denied_error(
    protocol: str, status: int, bucket_urls: dict[str, str], call: Call
) -> None:
    """Each call raises a permanent error that says what to check."""
    with proxied(bucket_urls[protocol], lambda _: status) as proxy:
        store = ObjectStore(protocol, f"{BUCKET}/lake", connect(protocol, proxy.url))
        with pytest.raises(EvplStoreDeniedError, match="rights of the storage connection"):
            call(store)
    assert proxy.seen


@pytest.fixture
def refusing_s3(bucket_urls: dict[str, str], s3: AbstractFileSystem) -> Iterator[AbstractFileSystem]:
    """Give an S3 file system while the server refuses its credentials."""
    s3.pipe_file(f"{BUCKET}/there", b"1")
    reset = f"{bucket_urls['s3']}/moto-api/reset-auth"
    requests.post(reset, data="0", timeout=60).raise_for_status()
    yield s3
    requests.post(reset, data="inf", timeout=60).raise_for_status()


@CALLS
def test_s3_wrong_credentials_raise_denied_error(refusing_s3: AbstractFileSystem, call: Call) -> None:
    """Each call raises a permanent error."""
    with pytest.raises(EvplStoreDeniedError, match="rights of the storage connection"):
        call(ObjectStore("s3", BUCKET, refusing_s3))


@CALLS
def test_abfs_wrong_key_raises_denied_error(bucket_urls: dict[str, str], call: Call) -> None:
    """Each call raises a permanent error without the key."""
    wrong = "d3Jvbmc="
    fs = adlfs.AzureBlobFileSystem(
        connection_string=azure_connection_string(bucket_urls["abfs"], wrong), skip_instance_cache=True
    )
    with pytest.raises(EvplStoreDeniedError, match="rights of the storage connection") as caught:
        call(ObjectStore("abfs", BUCKET, fs))
    assert wrong not in str(caught.value)


def test_s3_without_a_server_raises_store_error() -> None:
    """Airflow retries."""
    fs = s3fs.S3FileSystem(
        key="key",
        secret="secret",
        endpoint_url="http://127.0.0.1:9",
        skip_instance_cache=True,
        config_kwargs={"retries": {"max_attempts": 0}},
    )
    fs.retries = 1
    with pytest.raises(EvplStoreError, match="s3://lake: the store failed"):
        ObjectStore("s3", BUCKET, fs).put("x", b"")


def _s3_answer(code: str, status: int = 400) -> Exception:
    """What botocore makes of an error document."""
    answer = {"Error": {"Code": code, "Message": "told"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error: Exception = s3_errors.ClientError(answer, "PutObject")
    return error


def _azure_answer(status: int, code: str | None = None) -> Exception:
    """What Azure's client makes of an answer."""
    error = azure_errors.HttpResponseError("told")
    vars(error).update(status_code=status, error_code=code)
    return error


def _no_azure_token(message: str, status: int | None = None) -> Exception:
    """What Azure's client makes of a token that it doesn't get; the status is that of an answer."""
    error = azure_errors.ClientAuthenticationError(message)
    error.status_code = status
    return error


def _raised_by(call: Callable[[], object]) -> Exception:
    """Give the error of a call that fails."""
    try:
        call()
    except azure_errors.ClientAuthenticationError as error:
        return error
    raise AssertionError("it didn't fail")


def _behind(outer: Exception, inner: Exception) -> Exception:
    """Raise one of another."""
    outer.__cause__ = inner
    return outer


NO_TOKEN = google_errors.RefreshError("invalid_grant")  # type: ignore[no-untyped-call]  # google-auth's
AWAY = google_errors.TransportError("cut")  # type: ignore[no-untyped-call]  # likewise
AWAY_FOR_A_MOMENT = google_errors.RefreshError("503", retryable=True)  # type: ignore[no-untyped-call]  # likewise

REFUSALS = [
    ("file", PermissionError("no")),
    ("file", OSError(errno.EROFS, "Read-only file system")),
    ("file", OSError(errno.ENAMETOOLONG, "File name too long")),
    ("file", NotADirectoryError("root")),
    ("s3", s3_errors.PartialCredentialsError(provider="env", cred_var="secret")),
    ("s3", _behind(PermissionError("told"), _s3_answer("InvalidAccessKeyId"))),
    ("s3", s3_errors.ParamValidationError(report="Invalid bucket name")),
    ("s3", _behind(OSError(errno.EINVAL, "told"), _s3_answer("InvalidToken"))),
    ("s3", _behind(OSError(errno.EREMCHG, "told"), _s3_answer("PermanentRedirect"))),
    ("gs", OSError("Forbidden: https://gs/b/lake/o\nno storage.objects.list access")),
    ("gs", ValueError("Bad Request: https://gs/b/lake/o\nUser project is invalid")),
    ("gs", _behind(HttpError({"code": 401}), NO_TOKEN)),
    ("abfs", _no_azure_token("told", 401)),
    ("abfs", _no_azure_token("DefaultAzureCredential failed: AADSTS7000215: Invalid client secret")),
    ("abfs", _azure_answer(400, "InvalidResourceName")),
]
NO_CREDENTIALS = [
    ("s3", s3_errors.NoCredentialsError()),
    ("s3", s3_errors.CredentialRetrievalError(provider="container-role", error_msg="told")),
    ("gs", google_errors.DefaultCredentialsError("told")),  # type: ignore[no-untyped-call]  # google-auth's
    ("gs", _behind(HttpError({"code": 401}), _behind(ValueError(), AWAY))),
    ("gs", _behind(HttpError({"code": 401}), AWAY_FOR_A_MOMENT)),
    ("abfs", _raised_by(lambda: ChainedTokenCredential(EnvironmentCredential()).get_token("told"))),
    ("abfs", _no_azure_token("told", 503)),
]
FAILURES = [
    *NO_CREDENTIALS,
    ("file", FileNotFoundError("gone")),
    ("file", OSError(errno.ENOSPC, "No space left on device")),
    ("file", TimeoutError()),
    ("file", ValueError("what a library may raise")),
    ("s3", s3_errors.EndpointConnectionError(endpoint_url="https://s3")),
    ("s3", _behind(FileNotFoundError("gone"), _s3_answer("NoSuchKey"))),
    ("s3", _behind(OSError(errno.EBUSY, "told"), _s3_answer("SlowDown"))),
    ("gs", FileNotFoundError("b/lake/o/x%2Fb%2Flake%2Fo")),
    ("gs", HttpError({"code": 503, "message": "told"})),
    ("gs", HttpError({"code": 429, "message": "told"})),
    ("gs", aiohttp.ClientConnectionError("cut")),
    ("abfs", azure_errors.ServiceRequestError("no route")),
    ("abfs", azure_errors.IncompleteReadError("cut")),
    ("abfs", _azure_answer(503, "ServerBusy")),
    ("abfs", _azure_answer(409, "ContainerBeingDeleted")),
    ("abfs", _behind(FileNotFoundError(errno.ENOENT, "told"), _azure_answer(404, "BlobNotFound"))),
]


@pytest.mark.contract("errors.store-credentials")
@pytest.mark.parametrize(
    ("protocol", "raised", "kind"),
    [
        *((protocol, error, EvplStoreDeniedError) for protocol, error in REFUSALS),
        *((protocol, error, EvplStoreError) for protocol, error in FAILURES),
        ("s3", EvplOverlapError("ours"), EvplOverlapError),
    ],
    ids=repr,
)
def test_each_error_of_a_library_is_translated(
    protocol: str, raised: Exception, kind: type[EvplError]
) -> None:
    """A refusal is permanent, any other error is temporary, and errors of this package pass unchanged."""
    with pytest.raises(EvplError) as caught, translate_errors(f"{protocol}://lake/x"):
        raise raised
    assert type(caught.value) is kind
    assert isinstance(caught.value, EvplPermanentError) == (kind is EvplStoreDeniedError)
    if caught.value is not raised:
        place, *causes = caught.value.detail.split("\n")
        assert place == f"{protocol}://lake/x"
        assert causes[0].startswith(type(raised).__name__)
        assert caught.value.__cause__ is raised


@pytest.mark.parametrize(("protocol", "raised"), NO_CREDENTIALS, ids=repr)
def test_missing_credentials_are_named(protocol: str, raised: Exception) -> None:
    """The message differs from that of refused credentials."""
    url = f"{protocol}://lake/x"
    with pytest.raises(EvplStoreError) as caught, translate_errors(url):
        raise raised
    assert caught.value.what == f"{protocol}://lake: no credentials found."
    assert "Airflow retries" in caught.value.next_step
    assert "check the storage connection" in caught.value.next_step


def test_ring_of_causes_ends() -> None:
    """Two errors may name each other as their cause."""
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first
    assert not is_temporary(first)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        *((error, True) for _, error in NO_CREDENTIALS),
        (_behind(ValueError("told"), ConnectionResetError()), True),
        (s3_errors.EndpointConnectionError(endpoint_url="https://sts"), True),
        (s3_errors.ReadTimeoutError(endpoint_url="https://sts"), True),
        (_s3_answer("503", 503), True),
        (_s3_answer("Throttling"), True),
        (_s3_answer("TooManyRequestsException", 429), True),
        (_s3_answer("AccessDenied", 403), False),
        (s3_errors.ProfileNotFound(profile="told"), False),
        (google_errors.MalformedError("told"), False),  # type: ignore[no-untyped-call]  # google-auth's
        (KeyError("private_key"), False),
        (FileNotFoundError("key.json"), False),
    ],
    ids=repr,
)
def test_unavailable_service_while_opening_is_temporary(raised: Exception, *, expected: bool) -> None:
    """A wrong connection is not."""
    assert is_temporary(raised) is expected


def test_interrupt_is_not_translated() -> None:
    """A time-out or an interrupt of the process is no failure of the store."""
    with pytest.raises(KeyboardInterrupt), translate_errors("s3://lake/x"):
        raise KeyboardInterrupt


class _WithoutToken(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system of S3 whose credentials need a local file that is missing."""

    config_kwargs: ClassVar[dict[str, object]] = {}

    def ls(self, *_: object, **__: object) -> list[str]:
        """Fail."""
        raise FileNotFoundError(errno.ENOENT, "no such file", "/token")

    rm_file = ls


def test_missing_token_file_raises_store_error() -> None:
    """No listing is empty because of it, and no delete succeeds."""
    store = ObjectStore("s3", "lake", _WithoutToken())
    for call in (store.listing, store.folders, store.delete):
        with pytest.raises(EvplStoreError, match=r"(?s)no credentials found.*FileNotFoundError"):
            call("samples")
