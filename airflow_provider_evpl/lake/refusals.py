"""How each storage library says that running again won't help, and that it has no credentials now."""

import errno
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

__all__ = ["find_missing_credentials", "is_refusal", "is_temporary"]

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


def is_refusal(error: Exception, url: str) -> bool:
    """Tell a refusal, which needs a change, from a failure, which may pass.

    Args:
        error: as fsspec or the library below it raised it.
        url: of the object or the folder.
    """
    if find_missing_credentials(error):
        return False
    parts = urlsplit(url)
    refusals = _EVERYWHERE + _REFUSALS.get(parts.scheme, ())
    return _is_no_bucket_of_gs(error, parts.netloc) or any(mark in refusals for mark in _marks(error))


def find_missing_credentials(error: BaseException) -> BaseException | None:
    """Find the error that says that there are no credentials now, as opposed to refused ones.

    Returns:
        The error, or one of those that caused it; None if credentials aren't the problem, or are refused.
    """
    return next((one for one in _chain(error) if _is_without_credentials(one)), None)


def is_temporary(error: Exception) -> bool:
    """Whether a store could not be opened because a service is unavailable for the moment."""
    if find_missing_credentials(error):
        return True
    return any(mark in _OUTAGES or _is_busy(mark) for mark in _marks(error))


def _is_without_credentials(error: BaseException) -> bool:
    name = type(error).__name__  # derived classes of google-auth's say that a key is malformed
    if name == "RefreshError":
        return bool(getattr(error, "retryable", False))
    if "ClientAuthenticationError" in (one.__name__ for one in type(error).__mro__):
        # azure-identity raises it in both cases: a refusal has an answer's status, or Entra's code.
        status = getattr(error, "status_code", None)
        return _REFUSED_BY_ENTRA not in str(error) if status is None else _is_busy(status)
    return name in _NO_CREDENTIALS


def _is_busy(status: object) -> bool:
    """Whether it is the status of an answer that another request may not get."""
    is_error = isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_error or status == HTTPStatus.TOO_MANY_REQUESTS


def _marks(error: BaseException) -> Iterator[object]:
    """Give all by which an error can be told; what libraries hide behind one of Python's own counts too."""
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
