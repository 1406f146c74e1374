"""How a task that failed is tried again: as late as it was told, and never in vain; Airflow 3.3 or newer."""

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_evpl.config.plans import LONGEST_WAIT
from airflow_provider_evpl.errors import EvplPermanentError, EvplRetryableError
from airflow_provider_evpl.version_compat import HAS_RETRY_POLICY

if not HAS_RETRY_POLICY:
    raise ImportError(
        "EvplRetryPolicy needs Airflow 3.3. Below it, give the operator deferrable=True: it waits as "
        "long as it is told, without a retry"
    )

from airflow.sdk import RetryDecision, RetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["EvplRetryPolicy"]


class EvplRetryPolicy(RetryPolicy):
    """Waits as long as the API asks before a retry, and never retries what can't pass by itself.

    A rate limit or an unavailable service that came with a `Retry-After` is tried again after that time,
    where it is longer than the task's `retry_delay`; after a day at the latest. An error that running
    again won't mend fails the task. All else is as the task's own settings say. The number of retries
    stays the task's.

    `EvplUtilizationToObjectStorageOperator` has it unless told otherwise; for other tasks:
    `@task(retries=3, retry_policy=EvplRetryPolicy())`.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 Airflow gives it
        max_tries: int,  # noqa: ARG002 Airflow gives it
        context: "Context | None" = None,
    ) -> RetryDecision:
        """Decide whether and when a task that failed is tried again."""
        if isinstance(exception, EvplPermanentError):
            return RetryDecision.fail("running again alone won't help")
        if not isinstance(exception, EvplRetryableError) or exception.retry_after_seconds is None:
            return RetryDecision.default()
        wait = min(timedelta(seconds=exception.retry_after_seconds), LONGEST_WAIT)
        if context is not None and wait <= context["task"].retry_delay:
            return RetryDecision.default()
        asked = f"{exception.retry_after_seconds:.10g} s"
        return RetryDecision.retry(wait, f"asked to wait {asked}; the next try is in {wait}")
