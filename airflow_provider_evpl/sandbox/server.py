"""Runs the sandbox on a port, in a background thread: for tests, the demo and the command line."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from fastapi import FastAPI

from airflow_provider_evpl.sandbox.app import create_app
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.active import ActiveFaults
from airflow_provider_evpl.sandbox.state import State

__all__ = ["SandboxServer"]

_REACHED_BY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 nothing is bound here


class SandboxServer:
    """Serves the API from `__enter__` to `__exit__`. An instance can be used once.

    Attributes:
        config: The settings, with the public credentials.
    """

    def __init__(
        self,
        config: SandboxConfig | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set settings, address and clock. Port 0 takes a free port. Nothing is opened yet."""
        self.config = config or SandboxConfig()
        self._address = (host, port)
        self._app = create_app(self.config, clock=clock)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evpl-sandbox", daemon=True)

    def __enter__(self) -> Self:
        """Open the port and wait until the server has started.

        Raises:
            OSError: The address cannot be bound.
            RuntimeError: The server did not start.
        """
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.create_server(self._address, family=family, backlog=2048)
        self._server = _Server(self._app, state=self._state, ready=self._ready)
        self._state.line_of = self._server.line_of
        self._thread.start()
        self._ready.wait()
        if not self._server.started:
            self._stop()
            raise RuntimeError("The sandbox did not start; see its log")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving, wait for the thread and close the port."""
        self._stop()

    @property
    def base_url(self) -> str:
        """Scheme, host and real port. For a wildcard host the URL has the loopback address."""
        host, port = self._socket.getsockname()[:2]
        reached = _REACHED_BY.get(host, host)
        return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"

    @property
    def token_url(self) -> str:
        """The address of the token endpoint."""
        return f"{self.base_url}/oauth/v3/token"

    @property
    def requests(self) -> Mapping[str, int]:
        """Number of requests so far by path, whatever the response was; 0 for an unknown path."""
        return self._state.requests

    @property
    def tokens_issued(self) -> int:
        """Tokens issued so far."""
        return self._state.tokens.issued

    def connection(self) -> dict[str, Any]:
        """Return the Airflow connection to this server as a dict; its JSON fits `AIRFLOW_CONN_...`."""
        return {
            "conn_type": "evpl",
            "login": self.config.client_id,
            "password": self.config.client_secret,
            "host": self.base_url,
            "extra": {
                "application_id": self.config.application_id,
                "code_ope": self.config.code_ope,
            },
        }

    def revoke_tokens(self) -> None:
        """Revoke every token issued so far. May be called during a run."""
        self._state.tokens.revoke_all()

    def set_faults(self, *faults: str) -> None:
        """Replace all faults, in any form of `SandboxConfig.faults`. Their counts start at zero.

        Raises:
            ValueError: As for `SandboxConfig.faults`.
        """
        self._state.faults = ActiveFaults(faults, seed=self.config.seed)

    def wait(self) -> None:
        """Wait until the server has stopped. Signals interrupt the wait."""
        self._thread.join()

    @property
    def _state(self) -> State:
        state: State = self._app.state.sandbox
        return state

    def _stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ready.set()


class _Server(uvicorn.Server):
    """Sets an event when it has started, and knows its connections."""

    def __init__(self, app: FastAPI, *, state: State, ready: threading.Event) -> None:
        config = uvicorn.Config(
            app,
            ws="none",  # older versions of uvicorn import deprecated names of websockets
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._state = state
        self._ready = ready

    def line_of(self, client: tuple[str, int]) -> asyncio.Transport | None:
        lines = (connection.transport for connection in self.server_state.connections)
        return next((line for line in lines if line.get_extra_info("peername")[:2] == client), None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for line in self._state.held_lines:
            line.abort()
        await super().shutdown(sockets)
