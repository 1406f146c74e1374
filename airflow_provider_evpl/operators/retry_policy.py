"""Retry policy: honors `Retry-After` and does not retry permanent errors. Airflow 3.3 or newer."""

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_evpl.config.plans import LONGEST_WAIT
from airflow_provider_evpl.errors import EvplPermanentError, EvplRetryableError
from airflow_provider_evpl.version_compat import HAS_RETRY_POLICY

if not HAS_RETRY_POLICY:
    raise ImportError(
        "EvplRetryPolicy needs Airflow 3.3.\n"
        "On an older version, set deferrable=True: the task then waits without a retry."
    )

from airflow.sdk import RetryDecision, RetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["EvplRetryPolicy"]


class EvplRetryPolicy(RetryPolicy):
    """Waits as long as the API asks before a retry, and does not retry permanent errors.

    If the API sent a `Retry-After` that is longer than the task's `retry_delay`, the retry waits for that
    time, a day at most. A permanent error fails the task at once. All other errors follow the settings of the
    task. The task also sets the number of retries.

    It is the default of `EvplUtilizationToObjectStorageOperator`. For another task:
    `@task(retries=3, retry_policy=EvplRetryPolicy())`.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 Airflow gives it
        max_tries: int,  # noqa: ARG002 Airflow gives it
        context: "Context | None" = None,
    ) -> RetryDecision:
        """Decide whether and when a failed task is retried."""
        if isinstance(exception, EvplPermanentError):
            return RetryDecision.fail("running again alone won't help")
        if not isinstance(exception, EvplRetryableError) or exception.retry_after_seconds is None:
            return RetryDecision.default()
        wait = min(timedelta(seconds=exception.retry_after_seconds), LONGEST_WAIT)
        if context is not None and wait <= context["task"].retry_delay:
            return RetryDecision.default()
        asked = f"{exception.retry_after_seconds:.10g} s"
        return RetryDecision.retry(wait, f"asked to wait {asked}; the next try is in {wait}")
