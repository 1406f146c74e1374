"""Hangs up on an exchange that takes too long, wherever it is, from the moment the line is connected.

A time-out of a socket is about one silence. A server that sends a byte now and then, in the status
line, a header, a trailer or a packed body, or a proxy in its answer to CONNECT, keeps a reader for
ever; only a hung-up line ends that.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, parse_headers
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["Watchdog", "WatchedAdapter", "watched"]

_MOST_INTERIM = 20


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
        """Watch a connected socket from now on, through a duplicate: TLS takes the socket itself over."""
        with self._lock:
            self._let_go()
            self._line = socket.socket(fileno=os.dup(line.fileno()))
            if self.has_bitten:
                _hang_up(self._line)

    def bite(self) -> None:
        """End the exchange: whoever reads or writes gets an end of file, or an error."""
        with self._lock:
            self.has_bitten = True
            if self._line is not None:
                _hang_up(self._line)

    def let_go(self) -> None:
        """Watch no longer."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


def _hang_up(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
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
        dog.let_go()


def _is_unwatched(_: logging.LogRecord) -> bool:
    """Of what is watched urllib3 would log headers that it can't parse, whatever secret they echo."""
    return not hasattr(_current, "dog")


logging.getLogger("urllib3.connection").addFilter(_is_unwatched)


class _Response(HTTPResponse):
    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim answers (RFC 9110, 15.2): `http.client` skips 100 alone."""
        for _ in range(_MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed has no private names
            if not _is_interim(status):
                return version, status, reason
            parse_headers(self.fp)
        raise HTTPException(f"more than {_MOST_INTERIM} interim answers")


def _is_interim(status: int) -> bool:
    return status < HTTPStatus.OK and status != HTTPStatus.SWITCHING_PROTOCOLS


class _Shown(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        """Before TLS, and before a proxy is asked for a tunnel."""
        line = super()._new_conn()
        _current.dog.take(line)
        if _current.dog.has_bitten:
            line.close()  # TLS that is begun on a hung-up line loses its socket
            raise ConnectionAbortedError("hung up")
        return line

    def _tunnel(self) -> None:
        """A hung-up line is a fine end to a proxy's headers; TLS must not be begun on it."""
        super()._tunnel()
        if _current.dog.has_bitten:
            raise ConnectionAbortedError("hung up")

    def getresponse(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 urllib3's
        """On a line that an earlier exchange connected, too."""
        _current.dog.take(self.sock)
        return super().getresponse(*args, **options)


class _SafeConnection(_Shown, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Shown


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
