"""What the assets of a pull's outlets are told: that it landed something, and which days."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_evpl.assets import is_by_day
from airflow_provider_evpl.errors import quoted
from airflow_provider_evpl.version_compat import HAS_PARTITIONS_AT_RUNTIME

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["add_asset_events"]


_log = logging.getLogger(__name__)


class _Task(Protocol):
    outlets: list[Any]


def add_asset_events(
    task: _Task, context: "Context", summary: Mapping[str, object], dates: Sequence[str]
) -> None:
    """Give the events of a task's outlets what it landed; where that is nothing there is no event.

    An event of one day has no list of days in its extra: of a pull of two years there are 731.

    Args:
        task: as it runs.
        context: the task's.
        summary: its result.
        dates: the UTC days that landed, like `2026-11-22`, in order.
    """
    if not dates:
        task.outlets = []  # each has an event when the task succeeds
    extra = {key: value for key, value in summary.items() if key != "slices"}
    for outlet in task.outlets:
        if not isinstance(outlet, Asset):
            _log.warning("Outlet %s is no asset: no event of it says what landed", quoted(outlet))
            continue
        event: Any = context["outlet_events"][outlet]
        event.extra.update(extra)
        if HAS_PARTITIONS_AT_RUNTIME and is_by_day(outlet):
            event.add_partitions(list(dates))
        else:
            event.extra["dates"] = list(dates)
