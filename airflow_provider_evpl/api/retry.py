"""The one retry policy: what, how often, how long."""

import logging
import random
from collections.abc import Callable
from typing import TypeVar

import tenacity

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
_LOOK_EVERY_SECONDS = 1.0
_NEXT_STEP = "run again later"


class RetryPolicy:
    """Calls again after a rate limit or an unavailable service; everything else is final.

    Bounded twice: 10 attempts, and `max_wait_seconds` of waiting in all. A wait that the server
    asks for (`Retry-After`) is kept to, and where it goes beyond what is left the call fails at
    once.

    Args:
        max_wait_seconds: zero for no retry at all.
        sleep: waits that many seconds.
        jitter: a random number from 0 to 1.
    """

    def __init__(
        self,
        max_wait_seconds: float,
        *,
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._jitter = jitter
        self._sleep = sleep
        self._retrying = tenacity.Retrying(
            sleep=sleep,
            stop=self._stop,
            wait=self._wait,
            retry=tenacity.retry_if_exception_type((EvplRateLimitError, EvplUnavailableError)),
            before_sleep=_tell,
            retry_error_callback=self._give_up,
            reraise=True,
        )

    def call(self, attempt: Callable[[], _T], *, cancelled: Callable[[], bool] | None = None) -> _T:
        """Return what an attempt returns.

        Args:
            attempt: is called until it returns, or raises what is final.
            cancelled: where it says so, the next failure is final, and a wait ends within a second.

        Raises:
            EvplError: what the last attempt raised; it says how often and how long it was tried.
        """
        if cancelled is None:
            return self._retrying.copy()(attempt)
        return self._retrying.copy(
            sleep=lambda seconds: self._wait_out(seconds, cancelled),
            stop=lambda state: cancelled() or self._stop(state),
        )(attempt)

    def _wait_out(self, seconds: float, cancelled: Callable[[], bool]) -> None:
        while seconds > 0 and not cancelled():
            self._sleep(min(seconds, _LOOK_EVERY_SECONDS))
            seconds -= _LOOK_EVERY_SECONDS

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """`min(60, 2**(n-1)) * (0.5 .. 1)` seconds after the n-th attempt, or as long as the server asks."""
        backoff = min(_LONGEST_BACKOFF_SECONDS, 2.0 ** (state.attempt_number - 1)) * (1 + self._jitter()) / 2
        return max(backoff, _failure(state).retry_after_seconds or 0.0)

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        waited_in_all = state.idle_for + state.upcoming_sleep
        return state.attempt_number >= _ATTEMPTS or waited_in_all > self._max_wait_seconds

    def _give_up(self, state: tenacity.RetryCallState) -> None:
        error = _failure(state)
        asked = (
            "" if error.retry_after_seconds is None else f"; asked to wait {error.retry_after_seconds:.10g} s"
        )
        tried = (
            f"; gave up after {state.attempt_number} attempts and {state.idle_for:.0f} s "
            f"of waiting (max_retry_seconds is {self._max_wait_seconds:g})"
        )
        msg = f"{error}{asked}{tried if self._max_wait_seconds else ''}; {_NEXT_STEP}"
        told = error.retry_after_seconds
        exceeds = told is not None and state.idle_for + told > self._max_wait_seconds
        raise type(error)(msg, retry_after_seconds=told, wait_exceeds_limit=exceeds) from error


def _tell(state: tenacity.RetryCallState) -> None:
    _log.warning(
        "%s; attempt %d of %d, the next in %.0f s",
        _failure(state),
        state.attempt_number,
        _ATTEMPTS,
        state.upcoming_sleep,
    )


def _failure(state: tenacity.RetryCallState) -> EvplRetryableError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, EvplRetryableError)  # noqa: S101 tenacity asks only after one of the two above
    return error
