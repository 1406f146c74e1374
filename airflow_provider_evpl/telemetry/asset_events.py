"""Fills the asset events of a pull: what landed, and on which days."""

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
    """Add what a task landed to the events of its outlets. If nothing landed, there are no events.

    An event of one day doesn't list the days of the pull, because a pull of two years has 731.
    """
    if not dates:
        # Airflow makes an event for each outlet of a task that succeeds.
        task.outlets = []
    extra = {key: value for key, value in summary.items() if key != "slices"}
    for outlet in task.outlets:
        if not isinstance(outlet, Asset):
            _log.warning("Outlet %s is no asset: its event does not say what landed", quoted(outlet))
            continue
        event: Any = context["outlet_events"][outlet]
        event.extra.update(extra)
        if HAS_PARTITIONS_AT_RUNTIME and is_by_day(outlet):
            event.add_partitions(list(dates))
        else:
            event.extra["dates"] = list(dates)
