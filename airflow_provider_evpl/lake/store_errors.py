"""Turns errors of storage libraries into errors of this package: refused, no credentials, or failed."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from airflow_provider_evpl.errors import (
    LONGEST_NAME,
    EvplError,
    EvplStoreDeniedError,
    EvplStoreError,
    one_line,
)

__all__ = ["is_local_file", "is_refusal", "is_temporary", "marks", "no_credentials", "translate_errors"]

_EVERYWHERE: tuple[object, ...] = (
    *("PermissionError", "NotADirectoryError", "IsADirectoryError", "FileExistsError"),
    *(errno.EROFS, errno.ENAMETOOLONG),
)
_REFUSALS: dict[str, tuple[object, ...]] = {
    "s3": (
        *("NoSuchBucket", "InvalidBucketName", "ParamValidationError"),
        *("PartialCredentialsError", "InvalidToken"),
        # The bucket is in another region.
        *("PermanentRedirect", "AuthorizationHeaderMalformed"),
    ),
    "gs": (400, 401, "Forbidden", "Bad Request"),
    "abfs": (401, 403, "ClientAuthenticationError", "ContainerNotFound", "InvalidResourceName"),
}
"""By protocol: class names, and statuses and codes of the response. The texts of gcsfs begin with a code."""

_NO_CREDENTIALS = (
    # botocore: no credentials found, or the service that issues them failed.
    *("NoCredentialsError", "CredentialRetrievalError"),
    # google-auth: the same two. gcsfs turns the second one into status 401.
    *("DefaultCredentialsError", "TransportError"),
)
_OUTAGES = ("ConnectionError", "TimeoutError", "HTTPClientError", "Throttling", "ThrottlingException")
_REFUSED_BY_ENTRA = "AADSTS"
"""The beginning of each error code of Microsoft Entra ID."""

_RETRIED = "Airflow retries. If the error stays, check the storage connection."


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Turn any error of a storage library into an error of this package.

    A missing object is a temporary error, because another run may have replaced the object since it was
    listed.
    """
    try:
        yield
    except EvplError:
        raise
    except Exception as error:
        if urlsplit(url).scheme != "file" and (missing := _find_missing_credentials(error)):
            cause = [] if missing is error else [_describe(missing)]
            raise no_credentials(url, "\n".join([_describe(error), *cause])) from error
        detail = f"{one_line(url)}\n{_describe(error)}"
        if is_refusal(error, url):
            why = ": no such bucket" if isinstance(error, FileNotFoundError) else ""
            raise EvplStoreDeniedError(
                f"{_store_of(url)}: the store refuses{why}.",
                _next_step(url),
                detail,
            ) from error
        raise EvplStoreError(f"{_store_of(url)}: the store failed.", _RETRIED, detail) from error


def no_credentials(url: str, detail: str) -> EvplStoreError:
    """Make the error of credentials that are not available now. Refused credentials are another error."""
    return EvplStoreError(
        f"{_store_of(url)}: no credentials found.",
        f"The service that issues them may be unavailable.\n{_RETRIED}",
        f"{one_line(url)}\n{detail}",
    )


def _store_of(url: str) -> str:
    """Name the bucket of a URL, or the local file system."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{one_line(parts.netloc, LONGEST_NAME)}" if parts.netloc else "local files"


def _next_step(url: str) -> str:
    if urlsplit(url).scheme == "file":
        return "Check the root, and the rights of the user that runs the task."
    return "Check the root, the bucket and the rights of the storage connection."


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(' '.join(str(error).split()))}"


def is_local_file(error: BaseException) -> bool:
    """Whether a file of this machine is missing, such as a token file; no object has an absolute path."""
    return isinstance(error, FileNotFoundError) and str(error.filename or "").startswith("/")


def is_refusal(error: Exception, url: str) -> bool:
    """Return whether the store refuses, so that a retry alone doesn't help."""
    if _find_missing_credentials(error):
        return False
    parts = urlsplit(url)
    refusals = _EVERYWHERE + _REFUSALS.get(parts.scheme, ())
    return _is_no_bucket_of_gs(error, parts.netloc) or any(mark in refusals for mark in marks(error))


def _find_missing_credentials(error: BaseException) -> BaseException | None:
    """Find the error, or its cause, that says that no credentials are available now, not refused ones."""
    return next((one for one in _chain(error) if _is_without_credentials(one)), None)


def is_temporary(error: Exception) -> bool:
    """Return whether an error while a store was opened is worth a retry: a service is unavailable."""
    if _find_missing_credentials(error):
        return True
    return any(mark in _OUTAGES or _is_temporary_status(mark) for mark in marks(error))


def _is_without_credentials(error: BaseException) -> bool:
    # The exact class: google-auth's subclasses of it mean a malformed key.
    name = type(error).__name__
    if name == "RefreshError":
        return bool(getattr(error, "retryable", False))
    if "ClientAuthenticationError" in (one.__name__ for one in type(error).__mro__):
        # azure-identity raises this class in both cases. A refusal has a status or a code of Entra ID.
        status = getattr(error, "status_code", None)
        return _REFUSED_BY_ENTRA not in str(error) if status is None else _is_temporary_status(status)
    return name in _NO_CREDENTIALS or is_local_file(error)


def _is_temporary_status(status: object) -> bool:
    """Whether a status is worth a retry: 429, or 500 and above."""
    is_error = isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_error or status == HTTPStatus.TOO_MANY_REQUESTS


def marks(error: BaseException) -> Iterator[object]:
    """Yield class names, codes and statuses of an error and of the errors that caused it."""
    for one in _chain(error):
        yield from (kind.__name__ for kind in type(one).__mro__)
        yield from (getattr(one, name, None) for name in ("errno", "status_code", "code", "error_code"))
        yield str(one).partition(":")[0]
        response = getattr(one, "response", None)
        # A dict is botocore's.
        if isinstance(response, dict):
            yield response.get("Error", {}).get("Code")
            yield response.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and the errors that caused it. Yield each one once, even if they form a ring."""
    seen = set[int]()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _is_no_bucket_of_gs(error: Exception, bucket: str) -> bool:
    """Whether a bucket is missing: gcsfs names only the URL, of the bucket's listing or of an object."""
    asked = str(error).partition("?")[0]
    return isinstance(error, FileNotFoundError) and asked.endswith(f"b/{bucket}/o")
