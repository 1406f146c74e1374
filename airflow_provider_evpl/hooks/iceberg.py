"""Opens the catalog of an Airflow connection of type `iceberg`, and keeps its secrets out of errors."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, mask_secret

from airflow_provider_evpl.config.readers import shows
from airflow_provider_evpl.errors import LONGEST_NAME, EvplConfigError, EvplError, one_line

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection
    from pyiceberg.catalog import Catalog

__all__ = ["DEFAULT_CONN_ID", "check_extra", "with_catalog"]

DEFAULT_CONN_ID = "iceberg_default"

_T = TypeVar("_T")
_SECRET_NAMES = re.compile("secret|token|credential|passw|key|authorization$|signature|sig$", re.IGNORECASE)
# The query of a URL, and a connection string.
_PAIRS = re.compile(r"([^?&;\s=]+)=([^&;\s]+)")
# A shorter text may be a part of a message by chance.
_SHORTEST_SECRET = 4
_NO_SECRETS = ("basic", "bearer", "false", "http", "https", "none", "true")


def check_extra() -> None:
    """Check that the extra `iceberg` is installed, without importing it.

    Raises:
        EvplConfigError: the extra is not installed.
    """
    if not all(map(_is_installed, ("pyiceberg", "pyiceberg_core", "airflow.providers.apache.iceberg"))):
        raise EvplConfigError(
            "EvplIcebergPublishOperator: the extra `iceberg` is not installed.",
            "Install it, in a checkout of airflow-provider-evpl:\npip install '.[iceberg]'",
        )


def _is_installed(name: str) -> bool:
    # If a parent package is missing, `find_spec` raises.
    with suppress(ModuleNotFoundError):
        return find_spec(name) is not None
    return False


def with_catalog(conn_id: str, use: "Callable[[Catalog], _T]") -> _T:
    """Open a catalog and use it. An error never shows a secret of the connection.

    Raises:
        EvplConfigError: the connection is missing or wrong, or the catalog needs another package.
        EvplError: as `use` raises. If its text, or that of an error that caused it, shows a secret, it has
            neither detail nor cause, because Airflow logs both.
    """
    connection = _find(conn_id)
    secrets = [*_secrets(connection)]
    for secret in secrets:
        mask_secret(secret)
    try:
        return use(_open(conn_id))
    except EvplError as error:
        if not _show(error, secrets):
            raise
        hidden = error.without_detail("The detail is hidden, because it shows a secret of the connection.")
    raise hidden


def _find(conn_id: str) -> "Connection":
    name = one_line(conn_id, LONGEST_NAME)
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise EvplConfigError(
            f"No Iceberg connection `{name}`.",
            "Create it, or set `iceberg_conn_id`.",
            "If it exists, Airflow can't read it: check the secrets backend.",
            shown=[name],
        ) from None
    if connection.conn_type != "iceberg":
        kind = one_line(connection.conn_type, LONGEST_NAME)
        raise EvplConfigError(
            f"iceberg_conn_id: the connection `{name}` has the type {kind}, not iceberg.",
            "Create a connection of the type iceberg.",
            shown=[name, kind],
        )
    return connection


def _open(conn_id: str) -> "Catalog":
    from airflow.providers.apache.iceberg.hooks.iceberg import IcebergHook
    from pyiceberg.exceptions import NotInstalledError

    from airflow_provider_evpl.flows.publish.catalog_errors import translate_catalog_errors

    place = f"Iceberg connection `{one_line(conn_id, LONGEST_NAME)}`"
    try:
        with translate_catalog_errors(place):
            return IcebergHook(conn_id).catalog
    except EvplConfigError as error:
        if not isinstance(error.__cause__, NotInstalledError):
            raise
        raise EvplConfigError(
            f"{place}: a package for this kind of catalog is missing.",
            "Install it. On Airflow 2.11 and 3.0 a SQL catalog can't be used, because it needs SQLAlchemy 2.",
            one_line(error.__cause__),
        ) from error.__cause__


def _secrets(connection: "Connection") -> Iterator[str]:
    fields = [("password", connection.password), ("host", connection.host), *_fields(connection.extra_dejson)]
    for name, text in ((name, str(value)) for name, value in fields if value):
        found = [text, *re.split(r"[:\s]", text)] if _SECRET_NAMES.search(name) else []
        found += [unquote(value) for key, value in _PAIRS.findall(text) if _SECRET_NAMES.search(key)]
        found += [_password(text)]
        yield from (
            one for one in found if len(one) >= _SHORTEST_SECRET and one.casefold() not in _NO_SECRETS
        )


def _fields(extra: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield names and values, also of objects in objects, as in the extra `auth` of a REST catalog."""
    for name, value in extra.items():
        yield from _fields(value) if isinstance(value, dict) else [(name, value)]


def _password(text: str) -> str:
    """Return the password in a URL."""
    with suppress(ValueError):
        return unquote(urlsplit(text).password or "")
    return ""


def _show(error: BaseException, secrets: list[str]) -> bool:
    """Return whether the text of an error, or of one that caused it, shows a secret."""
    one: BaseException | None = error
    while one is not None:
        if any(shows(str(one), secret) for secret in secrets):
            return True
        one = one.__cause__ or one.__context__
    return False
