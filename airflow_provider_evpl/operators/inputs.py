"""Turns the arguments of an operator into a plan and a store."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_evpl.config.arguments import read_name
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.escapes import Reading
from airflow_provider_evpl.hooks.storage import open_object_storage

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.config.plans import PullPlan
    from airflow_provider_evpl.config.settings import Settings
    from airflow_provider_evpl.lake.store import Store

__all__ = ["open_store", "read_plan"]

# A shorter secret may be a part of a bucket's name by chance.
_SHORTEST_IN_PATHS = 6


def open_store(given: Mapping[str, object], secret: str) -> "Store":
    """Open the lake.

    Args:
        given: the arguments.
        secret: the client secret. It must not be in the root of the lake, because logs and errors name the
            root.

    Raises:
        EvplConfigError: the root or the storage connection is wrong.
        EvplStoreError: the store's credentials are not available now.
    """
    path = given.get("object_storage_path")
    if len(secret) >= _SHORTEST_IN_PATHS and any(Reading(str(path)).find(secret)):
        raise EvplConfigError("object_storage_path: holds the client secret.", "Choose another path.")
    return guarded(lambda: open_object_storage(path, read_name(given, "object_storage_conn_id")), secret)


def read_plan(
    given: Mapping[str, object], context: "Context", settings: "Settings", now: datetime
) -> "PullPlan":
    """Read the arguments and find the window of the run.

    Raises:
        EvplConfigError: an argument is wrong, or the run has no window.
    """
    from airflow_provider_evpl.config.plans import PullPlan
    from airflow_provider_evpl.config.run_window import RunTimes

    return guarded(
        lambda: PullPlan.from_arguments(
            given,
            run=RunTimes.from_context(context),
            default_code_ope=settings.code_ope,
            now=now,
        ),
        settings.client_secret,
    )
