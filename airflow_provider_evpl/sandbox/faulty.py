"""Changes a whole response by the faults that are on, then sends it."""

import asyncio
import socket
import struct
import time
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from airflow_provider_evpl.sandbox.faults.fault import change
from airflow_provider_evpl.sandbox.faults.replies import REPLY_FAULTS, TOKEN_REPLY_FAULTS, Endpoint, Reply
from airflow_provider_evpl.sandbox.faults.wire import WIRE_FAULTS, Delivery, deliver
from airflow_provider_evpl.sandbox.state import State

__all__ = ["HeldAnswer", "endpoint_of"]

_REPLY_FAULTS: Final = (*TOKEN_REPLY_FAULTS, *REPLY_FAULTS)
_NO_CONTENT: Final = 204
# SO_LINGER: on, 0 seconds.
_RESET: Final = struct.pack("ii", 1, 0)


def endpoint_of(path: str) -> Endpoint | None:
    """Return the endpoint of a path. None: no fault changes its responses."""
    if path == "/oauth/v3/token":
        return "token"
    return "report" if path.startswith("/api-monitoring-live/") else None


class HeldAnswer:
    """Collects the messages of one response in place of ASGI's `send`, then sends the changed response."""

    def __init__(self, scope: Scope, *, state: State, endpoint: Endpoint) -> None:
        """Collect the response to the request of `scope`."""
        self._scope = scope
        self._state = state
        self._endpoint: Endpoint = endpoint
        self._messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        """Collect a message."""
        self._messages.append(message)

    async def send(self, receive: Receive, send: Send) -> None:
        """Send the response with its faults."""
        right = self._reply()
        faults = self._state.faults
        reply = faults.answer(lambda names: change(right, seam=_REPLY_FAULTS, names=names))
        whole = deliver(reply)
        delivery = faults.answer(lambda names: change(whole, seam=WIRE_FAULTS, names=names))
        if delivery == whole:
            await _send(reply, send)
        else:
            await self._deliver(delivery, receive)

    def _reply(self) -> Reply:
        start, *parts = self._messages
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        headers.pop("content-length", None)
        body = b"".join(part.get("body", b"") for part in parts)
        return Reply(self._endpoint, start["status"], headers, body, time.time(), self._elsewhere)

    @property
    def _elsewhere(self) -> str:
        """Return this server under another host name, so that `requests` counts a followed redirect."""
        host, port = self._scope["server"]
        return f"http://{'127.0.0.1' if host != '127.0.0.1' else 'localhost'}:{port}/elsewhere"

    async def _deliver(self, delivery: Delivery, receive: Receive) -> None:
        """Write to the socket, because the server sends only correct responses. Wait for the disconnect."""
        line = self._state.line_of(self._scope["client"])
        if line is None:
            return
        self._state.held_lines.add(line)
        try:
            await _write(line, delivery)
            while (await receive())["type"] != "http.disconnect":
                continue
        finally:
            self._state.held_lines.discard(line)


async def _send(reply: Reply, send: Send) -> None:
    headers = dict(reply.headers)
    if reply.status != _NO_CONTENT:
        headers["content-length"] = str(len(reply.body))
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "http.response.body", "body": reply.body})


async def _write(line: asyncio.Transport, delivery: Delivery) -> None:
    line.write(delivery.head)
    size = 1 if delivery.pause_seconds else max(1, len(delivery.body))
    for at in range(0, len(delivery.body), size):
        if line.is_closing():
            return
        line.write(delivery.body[at : at + size])
        await asyncio.sleep(delivery.pause_seconds or 0)
    if delivery.end == "reset":
        line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        line.abort()
    elif delivery.end == "close":
        line.close()
