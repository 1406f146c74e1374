"""Errors of storage libraries, as ours: refused, without credentials for now, or failed."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from airflow_provider_evpl.errors import EvplError, EvplStoreDeniedError, EvplStoreError, one_line

__all__ = ["is_local_file", "is_refusal", "is_temporary", "no_credentials", "translate_errors"]

_EVERYWHERE: tuple[object, ...] = (
    *("PermissionError", "NotADirectoryError", "IsADirectoryError", "FileExistsError"),
    *(errno.EROFS, errno.ENAMETOOLONG),
)
_REFUSALS: dict[str, tuple[object, ...]] = {
    "s3": (
        *("NoSuchBucket", "InvalidBucketName", "ParamValidationError"),
        *("PartialCredentialsError", "InvalidToken"),
        *("PermanentRedirect", "AuthorizationHeaderMalformed"),  # another region
    ),
    "gs": (400, 401, "Forbidden", "Bad Request"),
    "abfs": (401, 403, "ClientAuthenticationError", "ContainerNotFound", "InvalidResourceName"),
}
"""By protocol: names of classes, statuses and codes of the answer, and with gcsfs how its texts begin."""

_NO_CREDENTIALS = (
    *("NoCredentialsError", "CredentialRetrievalError"),  # botocore: none found, or their service failed
    *("DefaultCredentialsError", "TransportError"),  # google-auth: likewise; gcsfs makes 401 of the latter
)
_OUTAGES = ("ConnectionError", "TimeoutError", "HTTPClientError", "Throttling", "ThrottlingException")
_REFUSED_BY_ENTRA = "AADSTS"
"""How the codes of Microsoft Entra ID's errors begin."""


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Turn whatever a storage library raises into one of ours.

    That an object isn't there is no refusal: another run may have superseded it since it was listed.

    Args:
        url: of the object.
    """
    try:
        yield
    except EvplError:
        raise
    except Exception as error:
        place, what = one_line(url), _describe(error)
        is_remote = urlsplit(url).scheme != "file"
        if is_remote and (missing := _find_missing_credentials(error)):
            what += "" if missing is error else f", because of {_describe(missing)}"
            raise no_credentials(url, what) from error
        if is_refusal(error, url):
            why = f"no such bucket ({what})" if isinstance(error, FileNotFoundError) else what
            raise EvplStoreDeniedError(
                f"{place}: the store refuses: {why}; check the root, the bucket and the connection's rights"
            ) from error
        raise EvplStoreError(
            f"{place}: the store failed: {what}; run again later. "
            "If the error stays, check the storage connection"
        ) from error


def no_credentials(url: str, what: str) -> EvplStoreError:
    """Make the error of a store whose credentials aren't available now, as opposed to refused."""
    return EvplStoreError(
        f"{one_line(url)}: no credentials found: {what}; the service that gives them may be unavailable for "
        "a moment: run again later. If the error stays, check the storage connection"
    )


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(' '.join(str(error).split()))}"


def is_local_file(error: BaseException) -> bool:
    """Whether a file of this machine is missing, such as one with a token; no object has an absolute path."""
    return isinstance(error, FileNotFoundError) and str(error.filename or "").startswith("/")


def is_refusal(error: Exception, url: str) -> bool:
    """Tell a refusal, which needs a change, from a failure, which may pass.

    Args:
        error: as fsspec or the library below it raised it.
        url: of the object or the folder.
    """
    if _find_missing_credentials(error):
        return False
    parts = urlsplit(url)
    refusals = _EVERYWHERE + _REFUSALS.get(parts.scheme, ())
    return _is_no_bucket_of_gs(error, parts.netloc) or any(mark in refusals for mark in _marks(error))


def _find_missing_credentials(error: BaseException) -> BaseException | None:
    """Find the error that says that there are no credentials now, as opposed to refused ones.

    Returns:
        The error, or one of those that caused it; None if credentials aren't the problem, or are refused.
    """
    return next((one for one in _chain(error) if _is_without_credentials(one)), None)


def is_temporary(error: Exception) -> bool:
    """Whether a store could not be opened because a service is unavailable for the moment."""
    if _find_missing_credentials(error):
        return True
    return any(mark in _OUTAGES or _is_temporary_status(mark) for mark in _marks(error))


def _is_without_credentials(error: BaseException) -> bool:
    # The exact class: google-auth's subclasses of it mean a malformed key.
    name = type(error).__name__
    if name == "RefreshError":
        return bool(getattr(error, "retryable", False))
    if "ClientAuthenticationError" in (one.__name__ for one in type(error).__mro__):
        # azure-identity raises it in both cases: a refusal has an answer's status, or Entra's code.
        status = getattr(error, "status_code", None)
        return _REFUSED_BY_ENTRA not in str(error) if status is None else _is_temporary_status(status)
    return name in _NO_CREDENTIALS or is_local_file(error)


def _is_temporary_status(status: object) -> bool:
    """Whether a status is worth another try: 429, or 500 and above."""
    is_error = isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_error or status == HTTPStatus.TOO_MANY_REQUESTS


def _marks(error: BaseException) -> Iterator[object]:
    """Yield class names, codes and statuses of an error and of the errors that caused it."""
    for one in _chain(error):
        yield from (kind.__name__ for kind in type(one).__mro__)
        yield from (getattr(one, name, None) for name in ("errno", "status_code", "code", "error_code"))
        yield str(one).partition(":")[0]
        response = getattr(one, "response", None)
        if isinstance(response, dict):  # botocore's
            yield response.get("Error", {}).get("Code")
            yield response.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error, and what caused it."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def _is_no_bucket_of_gs(error: Exception, bucket: str) -> bool:
    """Tell a missing bucket: gcsfs says only what it asked for, the bucket's objects or one of them."""
    asked = str(error).partition("?")[0]
    return isinstance(error, FileNotFoundError) and asked.endswith(f"b/{bucket}/o")
