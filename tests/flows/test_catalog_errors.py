"""Errors of catalogs become errors of this package."""

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from pyiceberg import exceptions as iceberg
from sqlalchemy.exc import OperationalError, ProgrammingError

from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplError,
    EvplStoreDeniedError,
    EvplStoreError,
)
from airflow_provider_evpl.flows.publish.catalog_errors import LostRaceError, translate_catalog_errors


def _client_error(code: str, status: int) -> Exception:
    error: Exception = ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetTable"
    )
    return error


def _refusal(error: Exception) -> Exception:
    """Give an error of a REST catalog, which HTTPError causes."""
    error.__cause__ = requests.HTTPError("400 Client Error")
    return error


@pytest.mark.contract("iceberg.errors")
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (iceberg.UnauthorizedError("no"), EvplStoreDeniedError),
        (iceberg.ForbiddenError("no"), EvplStoreDeniedError),
        (iceberg.OAuthError("no"), EvplStoreDeniedError),
        (PermissionError(13, "denied"), EvplStoreDeniedError),
        (_client_error("AccessDeniedException", 400), EvplStoreDeniedError),
        (OSError("When writing: AWS Error ACCESS_DENIED during PutObject"), EvplStoreDeniedError),
        (
            OperationalError("connect", {}, Exception("password authentication failed for user")),
            EvplStoreDeniedError,
        ),
        (iceberg.NoSuchNamespaceError("no"), EvplConfigError),
        (iceberg.NoSuchTableError("no"), EvplConfigError),
        (_refusal(iceberg.BadRequestError("no")), EvplConfigError),
        (_refusal(iceberg.RESTError("NotFoundError: no environment")), EvplConfigError),
        (requests.exceptions.MissingSchema("no scheme"), EvplConfigError),
        (ProgrammingError("SELECT", {}, Exception("no such table")), EvplConfigError),
        (ValueError("unknown type"), EvplConfigError),
        (ImportError("no module"), EvplConfigError),
        (iceberg.ServiceUnavailableError("busy"), EvplStoreError),
        (_refusal(iceberg.ServerError("500")), EvplStoreError),
        (requests.exceptions.Timeout("slow"), EvplStoreError),
        (requests.exceptions.JSONDecodeError("no JSON", "", 0), EvplStoreError),
        (requests.ConnectionError("reset"), EvplStoreError),
        (_client_error("ThrottlingException", 400), EvplStoreError),
        (EndpointConnectionError(endpoint_url="https://glue.invalid"), EvplStoreError),
        (OperationalError("connect", {}, Exception("connection refused")), EvplStoreError),
        (OSError("When reading: AWS Error NETWORK_CONNECTION"), EvplStoreError),
        (iceberg.ValidationException("conflict"), LostRaceError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_error_of_a_catalog_gets_its_class_and_a_next_step(error: Exception, kind: type[EvplError]) -> None:
    """Permanent if something must be changed, temporary if not."""
    with pytest.raises(EvplError) as caught, translate_catalog_errors("table evpl.utilization"):
        raise error
    assert type(caught.value) is kind
    assert caught.value.what.startswith("table evpl.utilization: ")
    assert caught.value.next_step
    assert type(error).__name__ in caught.value.detail
