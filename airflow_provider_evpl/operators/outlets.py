"""What the assets of a pull's outlets are told: that it landed something, and which days."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_evpl.assets import is_by_day
from airflow_provider_evpl.features import HAS_PARTITIONS_AT_RUNTIME

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["tell_outlets"]


class _Task(Protocol):
    outlets: list[Any]


def tell_outlets(
    task: _Task, context: "Context", summary: Mapping[str, object], dates: Sequence[str]
) -> None:
    """Give the events of a task's outlets what it landed; where that is nothing there is no event.

    Args:
        task: as it runs.
        context: the task's.
        summary: its result.
        dates: the UTC days that landed, like `2026-11-22`, in order.
    """
    if not dates:
        task.outlets = []  # each has an event when the task succeeds
    extra = {key: value for key, value in summary.items() if key != "slices"} | {"dates": list(dates)}
    for asset in task.outlets:
        if isinstance(asset, Asset):
            event: Any = context["outlet_events"][asset]
            event.extra.update(extra)
            if HAS_PARTITIONS_AT_RUNTIME and is_by_day(asset):
                event.add_partitions(list(dates))
