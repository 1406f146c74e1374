"""Turns errors of PyIceberg, of its catalogs and of their storage into errors of this package."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplError,
    EvplOverlapError,
    EvplStoreDeniedError,
    EvplStoreError,
    one_line,
)
from airflow_provider_evpl.lake.store_errors import marks

__all__ = ["LostRaceError", "translate_catalog_errors"]

_LOST = ("CommitFailedException", "ValidationException")
_DENIED: tuple[object, ...] = (
    # PyIceberg, the file system and PostgreSQL.
    *("UnauthorizedError", "ForbiddenError", "OAuthError", "PermissionError", "InsufficientPrivilege"),
    # Amazon.
    *("AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId"),
    *("InvalidSignatureException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket"),
    *(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN),
)
_DENIED_TEXT = re.compile(r"AWS Error (ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_\w+)|authentication failed")
"""What PyArrow says of S3, and PostgreSQL of a password: their classes are those of an outage."""

_WRONG = (
    # PyIceberg.
    *("NoSuchNamespaceError", "NoSuchTableError", "NotInstalledError", "BadRequestError", "ResolveError"),
    *("NoSuchPropertyException", "ValidationError"),
    # SQLAlchemy and botocore.
    *("ArgumentError", "ProgrammingError", "NoRegionError", "ParamValidationError", "ProfileNotFound"),
    # PyIceberg raises these for columns, partitions and properties that it can't use.
    *("ValueError", "TypeError", "NotImplementedError", "ImportError"),
)
_OUTAGES = ("ConnectionError", "Timeout", "TimeoutError", "InvalidJSONError", "HTTPClientError")
"""Classes of a network failure, some of which are subclasses of ValueError."""


class LostRaceError(EvplOverlapError):
    """Another writer committed first. Nothing of this commit is in the table."""


@contextmanager
def translate_catalog_errors(place: str) -> Iterator[None]:
    """Turn any error of a catalog, or of the storage of a table, into an error of this package.

    Args:
        place: for the message: `table evpl.utilization`.

    Raises:
        LostRaceError: another writer committed first.
        EvplStoreDeniedError: the catalog or the storage refuses.
        EvplConfigError: the table or the connection is wrong.
        EvplStoreError: anything else, such as an outage.
    """
    try:
        yield
    except EvplError:
        raise
    except Exception as error:
        raise _translate(error, place) from error


def _translate(error: Exception, place: str) -> EvplError:
    found = set(marks(error))
    detail = f"{type(error).__name__}: {one_line(' '.join(str(error).split()))}"
    if found & {*_LOST}:
        return LostRaceError(f"{place}: another writer committed first.", "Airflow retries.", detail)
    if found & {*_DENIED} or _DENIED_TEXT.search(str(error)):
        return EvplStoreDeniedError(
            f"{place}: the catalog or its storage refuses.",
            "Check the rights of the Iceberg connection.",
            detail,
        )
    # PyIceberg raises RESTError itself, and no subclass, if a catalog refuses a request.
    is_refused = type(error).__name__ == "RESTError"
    if is_refused or (found & {*_WRONG} and not found & {*_OUTAGES}):
        return EvplConfigError(
            f"{place}: the catalog can't be used like this.",
            "Check the table, and the fields of the Iceberg connection.",
            detail,
        )
    return EvplStoreError(
        f"{place}: the catalog failed.",
        "Airflow retries. If the error stays, check the Iceberg connection.",
        detail,
    )
