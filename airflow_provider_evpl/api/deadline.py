"""The deadline of an exchange, from the moment its socket is connected until its body is read.

The timeout of a socket limits one silence. A server that sends a byte now and then, or a proxy that answers
CONNECT like that, keeps a reader forever. Only shutting the socket down ends that.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, parse_headers
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_evpl.api.cancellation import Cancellation

__all__ = ["DeadlineAdapter", "deadline"]

_MOST_INTERIM = 20
_ABORTED = "the request was aborted"


class _Exchange:
    """The connected socket of an exchange, which is shut down once the exchange is aborted."""

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def watch(self, connected: socket.socket) -> None:
        """Keep a duplicate of a socket, because TLS takes the socket itself over."""
        with self._lock:
            self._close()
            self._socket = socket.socket(fileno=os.dup(connected.fileno()))
        if self._cancellation.is_set:
            self.abort()

    def abort(self) -> None:
        """Shut the socket down: its reader or writer gets an end of file, or an error."""
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):  # the other side was faster
                    self._socket.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        """Raise an error if the exchange is aborted."""
        if self._cancellation.is_set:
            raise ConnectionAbortedError(_ABORTED)

    def close(self) -> None:
        """Close the duplicate; the socket itself stays open for the next exchange."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


_current: ContextVar[_Exchange] = ContextVar("exchange")


@contextmanager
def deadline(seconds: float, cancellation: Cancellation) -> Iterator[None]:
    """Limit what this thread sends and reads inside, through a `DeadlineAdapter`.

    Raises:
        requests.Timeout: the exchange took longer.
        ConnectionAbortedError: the cancellation was set, before or meanwhile.
    """
    with cancellation.child() as own, closing(_Exchange(own)) as exchange, own.calling(exchange.abort):
        exchange.check()
        timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), own.set)
        timer.daemon = True
        timer.start()
        token = _current.set(exchange)
        try:
            yield
        except Exception:
            if not own.is_set:
                raise
        finally:
            _current.reset(token)
            timer.cancel()
        # A socket that was shut down looks like a normal end of headers, or of a body of unknown length.
        if cancellation.is_set:
            raise ConnectionAbortedError(_ABORTED) from None
        if own.is_set:
            raise requests.Timeout(f"the whole response took longer than {seconds:g} s") from None


class _Response(HTTPResponse):
    def begin(self) -> None:
        """Drop headers that can't be parsed: urllib3 would log them, and they may hold a secret.

        Cookies are dropped too: requests would read them, which takes seconds if their dates are hostile.
        Lengths that differ are an error here, because urllib3 raises it without closing the response.
        """
        super().begin()
        lengths = ",".join(self.msg.get_all("Content-Length", [])).split(",")
        if len({length.strip() for length in lengths}) > 1:
            raise HTTPException("the response has several lengths")
        del self.msg["Set-Cookie"], self.msg["Set-Cookie2"]
        self.msg.defects.clear()
        self.msg.set_payload("")

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim responses (RFC 9110, 15.2): `http.client` skips status 100 only."""
        for _ in range(_MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed has no private names
            if not _is_interim(status):
                return version, status, reason
            parse_headers(self.fp)
        raise HTTPException(f"more than {_MOST_INTERIM} interim responses")


def _is_interim(status: int) -> bool:
    return status < HTTPStatus.OK and status != HTTPStatus.SWITCHING_PROTOCOLS


class _Connection(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        """Connect; TLS, or a proxy's tunnel, comes after this."""
        connected = super()._new_conn()
        exchange = _current.get()
        exchange.watch(connected)
        try:
            exchange.check()  # TLS that starts on a socket that is shut down loses the socket
        except ConnectionAbortedError:
            connected.close()
            raise
        return connected

    def _tunnel(self) -> None:
        """Open a proxy's tunnel, then check: on a socket that was shut down, headers look complete."""
        super()._tunnel()
        _current.get().check()

    def getresponse(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 urllib3's
        """Read the head of a response; an earlier exchange may have made this connection."""
        _current.get().watch(self.sock)
        return super().getresponse(*args, **options)


class _SafeConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _SafeConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _SafePool}


class DeadlineAdapter(HTTPAdapter):
    """An adapter of requests whose connections, also through a proxy, keep to the `deadline` around them."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 requests' own
        """Make pools of these connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> PoolManager:  # noqa: ANN401 requests' own
        """Make pools of these connections for a proxy."""
        manager: PoolManager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
