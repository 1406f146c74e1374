"""Middleware of the sandbox: counts each request, waits for the latency, adds the request id."""

import asyncio
import logging
import uuid
from typing import Final

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_evpl.sandbox.answers import answer_api_error
from airflow_provider_evpl.sandbox.faulty import HeldAnswer, endpoint_of
from airflow_provider_evpl.sandbox.problems import ApiError, Problem
from airflow_provider_evpl.sandbox.state import State

__all__ = ["Exchange"]

_LOG: Final = logging.getLogger(__name__)


class Exchange:
    """ASGI middleware around all routes.

    It adds `X-OAPI-Request-Id` to every response [2]. An unexpected exception becomes a 500 in the API's
    format; the log has the traceback with the same id.
    """

    def __init__(self, app: ASGIApp, *, state: State) -> None:
        """Wrap `app`."""
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Pass on what is not HTTP."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._state.requests[scope["path"]] += 1
        await asyncio.sleep(self._state.config.latency)
        request_id = str(uuid.uuid4())
        endpoint = endpoint_of(scope["path"])
        if endpoint is None or not self._state.faults:
            await self._answer(scope, receive, _Tagged(send, request_id=request_id))
            return
        held = HeldAnswer(scope, state=self._state, endpoint=endpoint)
        await self._answer(scope, receive, _Tagged(held, request_id=request_id))
        await held.send(receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: "_Tagged") -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            _LOG.exception("request %s failed", send.request_id)
            if send.started:
                raise
            description = "Unexpected: the log of the sandbox has the traceback with the request id"
            error = ApiError(Problem.INTERNAL_ERROR, description=description)
            await answer_api_error(Request(scope), error)(scope, receive, send)


class _Tagged:
    def __init__(self, send: Send, *, request_id: str) -> None:
        self.request_id = request_id
        self.started = False
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            MutableHeaders(scope=message)["X-OAPI-Request-Id"] = self.request_id
        await self._send(message)
