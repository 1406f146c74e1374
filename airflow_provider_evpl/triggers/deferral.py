"""Waits as long as the API asks, in the triggerer instead of a worker."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import conf

from airflow_provider_evpl.config.plans import LONGEST_WAIT
from airflow_provider_evpl.config.readers import read_boolean

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_evpl.errors import EvplRetryableError

__all__ = ["defer_if_told", "read_deferrable"]

_SHORTEST_WAIT = timedelta(minutes=1)  # for less a window isn't pulled anew


def read_deferrable(given: Mapping[str, object]) -> bool:
    """Read the argument `deferrable`; where it isn't given, Airflow's `[operators] default_deferrable`.

    Raises:
        EvplConfigError: it is no boolean.
    """
    if "deferrable" in given:
        return read_boolean(given["deferrable"], "deferrable")
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def defer_if_told(
    task: "BaseOperator", error: "EvplRetryableError", context: "Context", *, method_name: str
) -> None:
    """Give the worker slot back until the time that an error asks to wait for; the try goes on then.

    The wait is the task's `retry_delay` at least, as before a retry. It returns where the error asks for
    no wait that is longer than `max_retry_seconds` left, for less than a minute, or where a try would go
    on a day after its start.

    Raises:
        TaskDeferred: Airflow's own way to say it.
    """
    from airflow.providers.common.compat.standard.triggers import TimeDeltaTrigger

    told = timedelta(seconds=error.retry_after_seconds or 0)
    if not error.wait_exceeds_limit or told < _SHORTEST_WAIT:
        return
    wait = max(told, task.retry_delay)
    now = datetime.now(UTC)
    until = now + wait
    if until > (getattr(context.get("ti"), "start_date", None) or now) + LONGEST_WAIT:
        task.log.warning("Asked to wait until %s: a try isn't deferred for more than a day in all", until)
        return
    task.log.warning("%s. The worker slot is given back, until %s", error, f"{until:%Y-%m-%dT%H:%M:%SZ}")
    task.defer(trigger=TimeDeltaTrigger(wait), method_name=method_name)
