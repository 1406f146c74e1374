"""The one retry policy: which errors are retried, how often, for how long."""

import logging
import random
from collections.abc import Callable
from typing import TypeVar

import tenacity

from airflow_provider_evpl.api.cancellation import Cancellation, Sleep
from airflow_provider_evpl.errors import (
    EvplRateLimitError,
    EvplRetryableError,
    EvplUnavailableError,
)

__all__ = ["RetryPolicy"]

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_ATTEMPTS = 10
_LONGEST_BACKOFF_SECONDS = 60.0


class RetryPolicy:
    """Retries after a rate limit or an unavailable service; every other error is final.

    The policy is bounded twice: 10 attempts, and `max_wait_seconds` of waiting in all. A wait that the
    server asks for (`Retry-After`) is kept. If that wait is longer than what is left, the call fails at once.

    Args:
        max_wait_seconds: zero for no retry at all.
        sleep: waits between two attempts.
        jitter: a random number from 0 to 1.
    """

    def __init__(
        self,
        max_wait_seconds: float,
        *,
        sleep: Sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._jitter = jitter
        self._sleep = sleep

    def call(self, attempt: Callable[[], _T], cancellation: Cancellation) -> _T:
        """Call until there is a result or a final error: the first one once the cancellation is set."""
        return tenacity.Retrying(
            sleep=lambda seconds: self._sleep(seconds, cancellation),
            stop=lambda state: cancellation.is_set or self._is_last(state),
            wait=self._wait_seconds,
            retry=tenacity.retry_if_exception_type((EvplRateLimitError, EvplUnavailableError)),
            before_sleep=_log_retry,
            retry_error_callback=self._give_up,
        )(attempt)

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        """Give `min(60, 2**(n-1)) * (0.5 .. 1)` seconds after attempt n, or what the server asks for."""
        backoff = min(_LONGEST_BACKOFF_SECONDS, 2.0 ** (state.attempt_number - 1)) * (1 + self._jitter()) / 2
        return max(backoff, _error_of(state).retry_after_seconds or 0.0)

    def _is_last(self, state: tenacity.RetryCallState) -> bool:
        waited_in_all = state.idle_for + state.upcoming_sleep
        return state.attempt_number >= _ATTEMPTS or waited_in_all > self._max_wait_seconds

    def _give_up(self, state: tenacity.RetryCallState) -> None:
        error = _error_of(state)
        asked_seconds = error.retry_after_seconds
        asked = "" if asked_seconds is None else f"The server asks to wait {asked_seconds:.10g} s."
        tried = (
            f"Gave up after {state.attempt_number} attempts and {state.idle_for:.0f} s of waiting "
            f"(max_retry_seconds is {self._max_wait_seconds:g})."
        )
        exceeds = asked_seconds is not None and state.idle_for + asked_seconds > self._max_wait_seconds
        raise type(error)(
            error.what,
            error.next_step,
            "\n".join(filter(None, (error.detail, asked, tried if self._max_wait_seconds else ""))),
            retry_after_seconds=asked_seconds,
            wait_exceeds_limit=exceeds,
        ) from error


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = _error_of(state)
    _log.warning(
        "%s Attempt %d of %d, the next in %.0f s.",
        " ".join(f"{error.what}\n{error.detail}".split()),
        state.attempt_number,
        _ATTEMPTS,
        state.upcoming_sleep,
    )


def _error_of(state: tenacity.RetryCallState) -> EvplRetryableError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, EvplRetryableError)  # noqa: S101 tenacity asks only after one of the two above
    return error
