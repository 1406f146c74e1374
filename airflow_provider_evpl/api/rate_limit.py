"""Spaces requests out, over all threads of a task."""

import threading
from collections.abc import Callable

__all__ = ["RateLimiter"]


class RateLimiter:
    """Lets at most so many requests a second begin, evenly spaced, never in a burst.

    Evenly, because the gateway's limit is recorded as a spike arrest of 25 requests a second [2].

    Args:
        per_second: above zero.
        clock: monotonic seconds.
        sleep: waits that many seconds.
    """

    def __init__(
        self, per_second: float, *, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._interval_seconds = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = clock()

    def wait(self) -> None:
        """Wait for this request's turn."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval_seconds
        if turn > now:
            self._sleep(turn - now)
