"""What an operator's arguments stand for when its task runs: the same for each operator."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from airflow_provider_evpl.fields import guarded, read_argument
from airflow_provider_evpl.hooks.evpl import EvplHook
from airflow_provider_evpl.hooks.storage import open_object_storage

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.lake.store import Store
    from airflow_provider_evpl.plan import PullPlan
    from airflow_provider_evpl.settings import Settings

__all__ = ["LakeTask", "hook_of", "plan_of", "store_of"]


class LakeTask(Protocol):
    """A task between the API and a lake: its arguments, rendered."""

    evpl_conn_id: str
    object_storage_path: str
    object_storage_conn_id: str | None
    template_fields: Sequence[str]


def hook_of(task: LakeTask) -> EvplHook:
    """Make the hook of its connection; blank: the default one."""
    return EvplHook(read_argument(task.evpl_conn_id, "evpl_conn_id") or EvplHook.default_conn_name)


def store_of(task: LakeTask) -> "Store":
    """Open its lake.

    Raises:
        EvplConfigError: no such place, or none that whole objects can be put to.
    """
    conn_id = read_argument(task.object_storage_conn_id, "object_storage_conn_id")
    return open_object_storage(task.object_storage_path, conn_id)


def plan_of(task: LakeTask, context: "Context", settings: "Settings", now: datetime) -> "PullPlan":
    """Read its arguments, and find the run's window.

    Raises:
        EvplConfigError: an argument is wrong, or the run has no window.
    """
    from airflow_provider_evpl.plan import PullPlan
    from airflow_provider_evpl.window import RunTimes

    return guarded(
        lambda: PullPlan.from_arguments(
            {name: getattr(task, name) for name in task.template_fields},
            run=RunTimes.from_context(context),
            default_code_ope=settings.code_ope,
            now=now,
        ),
        settings.client_secret,
    )
