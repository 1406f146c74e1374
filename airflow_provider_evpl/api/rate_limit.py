"""Spaces requests out, over all threads of a task."""

import threading
from collections.abc import Callable

from airflow_provider_evpl.api.cancellation import Cancellation, Sleep

__all__ = ["RateLimiter"]


class RateLimiter:
    """Lets a number of requests start each second, evenly spaced.

    There are no bursts, because the gateway limits spikes: at most 25 requests a second [2]. The clock gives
    monotonic seconds.
    """

    def __init__(self, per_second: float, *, clock: Callable[[], float], sleep: Sleep) -> None:
        self._interval_seconds = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = clock()

    def wait(self, cancellation: Cancellation) -> None:
        """Wait for this request's turn, at most until the cancellation is set."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval_seconds
        if turn > now:
            self._sleep(turn - now, cancellation)
