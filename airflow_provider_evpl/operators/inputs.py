"""What an operator's arguments stand for when its task runs: the same for each operator."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_evpl.config.arguments import read_name
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.escapes import Reading
from airflow_provider_evpl.hooks.evpl import EvplHook
from airflow_provider_evpl.hooks.storage import open_object_storage

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.config.plans import PullPlan
    from airflow_provider_evpl.config.settings import Settings
    from airflow_provider_evpl.lake.store import Store

__all__ = ["hook_of", "plan_of", "store_of"]

_SHORTEST_IN_PATHS = 6  # a shorter secret may well be part of a bucket's name


def hook_of(given: Mapping[str, object]) -> EvplHook:
    """Make the hook of the connection; where none is given, of the default one.

    Raises:
        EvplConfigError: its id is no text.
    """
    return EvplHook(read_name(given, "evpl_conn_id") or EvplHook.default_conn_name)


def store_of(given: Mapping[str, object], secret: str) -> "Store":
    """Open the lake.

    Args:
        given: the arguments.
        secret: the client's. Logs and errors name the root of the lake, so it must not hold the secret.

    Raises:
        EvplConfigError: no such place, or none that whole objects can be put to.
    """
    path = given.get("object_storage_path")
    if len(secret) >= _SHORTEST_IN_PATHS and any(Reading(str(path)).find(secret)):
        raise EvplConfigError("object_storage_path: holds the client secret")
    return guarded(lambda: open_object_storage(path, read_name(given, "object_storage_conn_id")), secret)


def plan_of(
    given: Mapping[str, object], context: "Context", settings: "Settings", now: datetime
) -> "PullPlan":
    """Read the arguments, and find the run's window.

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
