"""What a pull landed, as metrics: Airflow sends them where `[metrics]` says, or nowhere."""

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
"""Metrics, and the keys of the result that they are."""


def send_metrics(summary: Mapping[str, Any], context: "Context") -> None:
    """Count what a pull landed, and say how long it took.

    Args:
        summary: the operator's result.
        context: of the run, whose task gives the tags that Airflow's own metrics of it have.
    """
    tags = _tags(context.get("ti"))
    for name, key in _COUNTERS.items():
        if summary[key] is not None:  # expected and values, where slices aren't made of whole steps
            Stats.incr(f"evpl.{name}", summary[key], tags=tags)
    Stats.timing("evpl.duration", timedelta(seconds=summary["seconds"]), tags=tags)


def _tags(task_instance: object) -> dict[str, str]:
    """Return Airflow's own tags of a task instance; before Airflow 3.3 it has none, and its ids are taken."""
    ids = {name: getattr(task_instance, name, None) for name in ("dag_id", "task_id")}
    tags: Mapping[str, Any] = getattr(task_instance, "stats_tags", None) or ids
    return {name: value for name, value in tags.items() if value is not None}
