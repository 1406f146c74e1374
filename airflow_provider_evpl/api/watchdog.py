"""Hangs up on an exchange that takes too long, wherever in the answer it is.

A time-out of a socket is about one silence. A server that sends a byte now and then, in the status
line, a header, a trailer or a packed body, keeps a reader for ever; only a hung-up line ends that.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["Watchdog", "WatchedAdapter", "watched"]


class Watchdog:
    """Over one exchange.

    Attributes:
        has_bitten: whether the time was over before the exchange was.
    """

    def __init__(self) -> None:
        self.has_bitten = False
        self._line: socket.socket | None = None
        self._lock = threading.Lock()

    def take(self, line: socket.socket) -> None:
        """Watch a connected socket from now on."""
        with self._lock:
            self._line = line
            if self.has_bitten:
                _hang_up(line)

    def bite(self) -> None:
        """End the exchange: whoever reads or writes gets an end of file, or an error."""
        with self._lock:
            self.has_bitten = True
            if self._line is not None:
                _hang_up(self._line)


def _hang_up(line: socket.socket) -> None:
    try:
        socket.socket.shutdown(line, socket.SHUT_RDWR)  # not TLS's own: its reader is another thread
    except OSError:
        return  # it is down already


_current = threading.local()


@contextmanager
def watched(seconds: float) -> Iterator[Watchdog]:
    """Watch what this thread exchanges through a `WatchedAdapter`."""
    dog = Watchdog()
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), dog.bite)
    timer.daemon = True
    timer.start()
    _current.dog = dog
    try:
        yield dog
    finally:
        del _current.dog
        timer.cancel()


def _is_ours_to_tell(_: logging.LogRecord) -> bool:
    """Of what is watched urllib3 would log headers that it can't parse, whatever secret they echo."""
    return not hasattr(_current, "dog")


logging.getLogger("urllib3.connection").addFilter(_is_ours_to_tell)


def _show(line: Any) -> None:  # noqa: ANN401 urllib3's TLS within a proxy's TLS is no socket, but has one
    _current.dog.take(getattr(line, "socket", line))


class _Connection(HTTPConnection):
    def getresponse(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 urllib3's
        _show(self.sock)
        return super().getresponse(*args, **options)


class _SafeConnection(HTTPSConnection):
    def getresponse(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 urllib3's
        _show(self.sock)
        return super().getresponse(*args, **options)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _SafeConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _SafePool}


class WatchedAdapter(HTTPAdapter):
    """An adapter of requests whose connections show a watchdog their sockets, through a proxy too."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 requests' own
        """Make the pools of these connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> PoolManager:  # noqa: ANN401 requests' own
        """Make them for a proxy."""
        manager: PoolManager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
