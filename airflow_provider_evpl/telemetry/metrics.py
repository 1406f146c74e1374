"""Sends the metrics of a pull through Airflow's `Stats`, as `[metrics]` configures."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Stats

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["send_metrics"]

_COUNTERS = {
    "samples": "rows",
    "expected": "expected",
    "values": "values",
    "rejected": "rejected",
    "requests": "requests",
    "retries": "retries",
}
"""Counters, and the key of the result that each counts."""


def send_metrics(summary: Mapping[str, Any], context: "Context") -> None:
    """Send the counters and the duration of a pull, with the tags of Airflow's own metrics of the task."""
    tags = _tags(context.get("ti"))
    for name, key in _COUNTERS.items():
        # `expected` and `values` are None if no slice is made of whole steps.
        if summary[key] is not None:
            Stats.incr(f"evpl.{name}", summary[key], tags=tags)
    Stats.timing("evpl.duration", timedelta(seconds=summary["seconds"]), tags=tags)


def _tags(task_instance: object) -> dict[str, str]:
    """Return Airflow's own tags of a task instance, or its ids before Airflow 3.3."""
    ids = {name: getattr(task_instance, name, None) for name in ("dag_id", "task_id")}
    tags: Mapping[str, Any] = getattr(task_instance, "stats_tags", None) or ids
    return {name: value for name, value in tags.items() if value is not None}
