"""One flag for "stop now": a client's, a slice's or a request's."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

__all__ = ["Cancellation", "Sleep"]


class Cancellation:
    """A flag that is set once, and then calls back; safe to share between threads.

    A child is set with its parent. A slice's cancellation is a child of its client's, and a request's is a
    child of its slice's.

    Don't call `set` in a signal handler: the handler may have interrupted a thread that holds the lock.
    """

    def __init__(self) -> None:
        self._is_set = threading.Event()
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def is_set(self) -> bool:
        """Whether `set` was called, here or on a parent."""
        return self._is_set.is_set()

    def set(self) -> None:
        """Set the flag, end all waits and call back; do nothing the second time."""
        with self._lock:
            if not self.is_set:
                self._is_set.set()
                for callback in self._callbacks:
                    callback()

    def wait(self, seconds: float) -> None:
        """Wait that long, or until the flag is set."""
        self._is_set.wait(min(seconds, threading.TIMEOUT_MAX))

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call back when the flag is set inside the context; at once if it is already set."""
        with self._lock:
            self._callbacks.append(callback)
            if self.is_set:
                callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)

    @contextmanager
    def child(self) -> Iterator[Self]:
        """Give a cancellation that is set with this one until the context ends."""
        child = type(self)()
        with self.calling(child.set):
            yield child


Sleep = Callable[[float, Cancellation], None]
"""Waits that many seconds, at most until the cancellation is set."""
