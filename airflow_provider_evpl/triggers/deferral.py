"""Defers a task for as long as the API asks to wait."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import conf

from airflow_provider_evpl.config.plans import LONGEST_WAIT
from airflow_provider_evpl.config.readers import read_boolean

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_evpl.errors import EvplRetryableError

__all__ = ["defer_if_asked", "read_deferrable"]

# After a deferral the whole window is pulled again. That is not worth it for a shorter wait.
_SHORTEST_WAIT = timedelta(minutes=1)


def read_deferrable(given: Mapping[str, object]) -> bool:
    """Read the argument `deferrable`. If it isn't given, read Airflow's `[operators] default_deferrable`.

    Raises:
        EvplConfigError: the argument is no boolean.
    """
    if "deferrable" in given:
        return read_boolean(given["deferrable"], "deferrable")
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def defer_if_asked(
    task: "BaseOperator", error: "EvplRetryableError", context: "Context", *, method_name: str
) -> None:
    """Free the worker slot until the time that the API asked to wait for. The same try continues then.

    The wait is at least the task's `retry_delay`. The task is not deferred if the wait fits into
    `max_retry_seconds` or is shorter than a minute, or if the try would continue more than a day after its
    start. The caller then raises the error.

    Raises:
        TaskDeferred: tells Airflow to defer the task.
    """
    from airflow.providers.common.compat.standard.triggers import TimeDeltaTrigger

    asked = timedelta(seconds=error.retry_after_seconds or 0)
    if not error.wait_exceeds_limit or asked < _SHORTEST_WAIT:
        return
    wait = max(asked, task.retry_delay)
    now = datetime.now(UTC)
    until = f"{now + wait:%Y-%m-%dT%H:%M:%SZ}"
    if now + wait > (getattr(context.get("ti"), "start_date", None) or now) + LONGEST_WAIT:
        task.log.warning("Not deferred until %s, because a try is deferred for a day at most", until)
        return
    task.log.warning("Deferred until %s. %s", until, " ".join(str(error).splitlines()))
    task.defer(trigger=TimeDeltaTrigger(wait), method_name=method_name)
