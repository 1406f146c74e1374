"""How each storage library says that running again won't help."""

import errno
from collections.abc import Iterator
from urllib.parse import urlsplit

__all__ = ["is_refusal"]

_EVERYWHERE: tuple[object, ...] = (
    *("PermissionError", "NotADirectoryError", "IsADirectoryError", "FileExistsError"),
    *(errno.EROFS, errno.ENAMETOOLONG),
)
_REFUSALS: dict[str, tuple[object, ...]] = {
    "s3": (
        *("NoSuchBucket", "InvalidBucketName", "ParamValidationError"),
        *("NoCredentialsError", "PartialCredentialsError", "InvalidToken"),
        *("PermanentRedirect", "AuthorizationHeaderMalformed"),  # another region
    ),
    "gs": (400, 401, "Forbidden", "Bad Request"),
    "abfs": (401, 403, "ClientAuthenticationError", "ContainerNotFound", "InvalidResourceName"),
}
"""By protocol: names of classes, statuses and codes of the answer, and with gcsfs how its texts begin."""
_OUT_OF_REACH = "TransportError"
"""google-auth couldn't get to the server of the tokens; gcsfs makes 401 of it."""


def is_refusal(error: Exception, url: str) -> bool:
    """Tell a refusal, which needs a change, from a failure, which may pass.

    Args:
        error: as fsspec or the library below it raised it.
        url: of the object or the folder.
    """
    parts = urlsplit(url)
    refusals = _EVERYWHERE + _REFUSALS.get(parts.scheme, ())
    marks = list(_marks(error))
    if _OUT_OF_REACH in marks:
        return False
    return _is_no_bucket_of_gs(error, parts.netloc) or any(mark in refusals for mark in marks)


def _marks(error: BaseException) -> Iterator[object]:
    """Give all by which an error can be told; what libraries hide behind one of Python's own counts too."""
    yield from (one.__name__ for one in type(error).__mro__)
    yield from (getattr(error, name, None) for name in ("errno", "status_code", "code", "error_code"))
    yield str(error).partition(":")[0]
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        yield response.get("Error", {}).get("Code")
    behind = error.__cause__ or error.__context__
    if behind is not None:
        yield from _marks(behind)


def _is_no_bucket_of_gs(error: Exception, bucket: str) -> bool:
    """Tell a missing bucket: gcsfs says only what it asked for, the bucket's objects or one of them."""
    asked = str(error).partition("?")[0]
    return isinstance(error, FileNotFoundError) and asked.endswith(f"b/{bucket}/o")
