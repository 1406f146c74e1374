"""Waiting for what another process does."""

import time
from collections.abc import Callable


def until(what: str, is_so: Callable[[], bool], *, seconds: float) -> float:
    """Ask until it is so; gives the seconds that took.

    Raises:
        AssertionError: It wasn't so in time.
    """
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() < start + seconds, f"not within {seconds} s: {what}"
        time.sleep(0.5)
    return time.monotonic() - start
