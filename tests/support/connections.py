"""Connections for tests, and their optional extras: the default of the contract, and another value."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_evpl.config.settings import Settings

__all__ = ["DEFAULTS", "EXTRAS", "OTHERS", "SECRET", "settings"]

SECRET = "s3cret/+ü"

EXTRAS: Mapping[str, tuple[Any, Any]] = {
    "code_ope": (None, "0042"),
    "token_url": ("https://api.orange.com/oauth/v3/token", "https://login.example/token"),
    "token_auth": ("basic", "post"),
    "ctxtid": (("wses", "vsn"), ("a", "b&c")),
    "pagination": ("element", "page"),
    "page_parallelism": (4, 8),
    "requests_per_second": (10, 2.5),
    "timeout_seconds": (60, 30),
    "max_retry_seconds": (300, 0),
    "verify": (True, False),
    "proxy": (None, "http://user:p%40ss@localhost:3128"),
    "naive_timestamps": ("reject", "utc"),
    "job": ("JOBV", "OTHER"),
    "offer_type": ("EVPL", "LD"),
}
DEFAULTS = {name: default for name, (default, _) in EXTRAS.items()}
OTHERS = {name: other for name, (_, other) in EXTRAS.items()}


def settings(
    login: str | None = "client",
    password: str | None = SECRET,
    host: str | None = None,
    conn_id: str | None = None,
    **extra: Any,  # noqa: ANN401 the point is to try anything
) -> Settings:
    """Read a connection that is complete but for what is given."""
    extra = {"application_id": "app", **extra}
    return Settings.from_connection(login=login, password=password, host=host, extra=extra, conn_id=conn_id)
