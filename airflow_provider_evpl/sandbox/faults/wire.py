"""Faults in how a response is sent: its length, its speed, the end of the connection."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, Literal, NamedTuple, TypeAlias

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.replies import Endpoint, Reply

__all__ = ["WIRE_FAULTS", "Delivery", "End", "deliver"]

End: TypeAlias = Literal["close", "reset", "hang"]


class Delivery(NamedTuple):
    """How a response is sent.

    Attributes:
        endpoint: The endpoint.
        status: The HTTP status.
        headers: All headers. Without headers, no status is sent either.
        body: The bytes that are sent.
        pause_seconds: Pause after each byte of the body. None: the body is sent at once.
        end: Then the connection is closed, reset, or left open until the client closes it.
    """

    endpoint: Endpoint
    status: int
    headers: Mapping[str, str]
    body: bytes
    pause_seconds: float | None = None
    end: End = "close"

    @property
    def head(self) -> bytes:
        """The bytes before the body."""
        if not self.headers:
            return b""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += (f"{name}: {value}" for name, value in self.headers.items())
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


def deliver(reply: Reply) -> Delivery:
    """Return the correct delivery of a response: whole, at once, with its length."""
    headers = {**reply.headers, "content-length": str(len(reply.body)), "connection": "close"}
    return Delivery(reply.endpoint, reply.status, headers, reply.body)


_Change: TypeAlias = Callable[[Delivery], Delivery]


def _fault(name: str, description: str, change: _Change, *, endpoint: Endpoint = "report") -> Fault[Delivery]:
    return Fault(name, description, lambda one: change(one) if one.endpoint == endpoint else one)


def _silent(end: End) -> _Change:
    return lambda one: one._replace(headers={}, body=b"", end=end)


def _halved(end: End) -> _Change:
    return lambda one: one._replace(body=one.body[: len(one.body) // 2], end=end)


def _measured(length: Callable[[int], int]) -> _Change:
    return lambda one: one._replace(
        headers={**one.headers, "content-length": str(length(len(one.body)))} if one.headers else {}
    )


def _without_length(one: Delivery, **instead: str) -> Delivery:
    kept = {name: value for name, value in one.headers.items() if name != "content-length"}
    named = {name.replace("_", "-"): value for name, value in instead.items()}
    return one._replace(headers={**kept, **named} if kept else {})


def _chunked(last: bytes) -> _Change:
    def cut(one: Delivery) -> Delivery:
        middle = len(one.body) // 2
        halves = (half for half in (one.body[:middle], one.body[middle:]) if half)
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves)
        body = chunks + last if one.headers else b""
        return _without_length(one, transfer_encoding="chunked")._replace(body=body)

    return cut


WIRE_FAULTS: Final[tuple[Fault[Delivery], ...]] = (
    _fault(
        "length-too-long",
        "Content-Length is 1 higher than the length of the body",
        _measured(lambda size: size + 1),
    ),
    _fault(
        "length-too-short",
        "Content-Length is half of the length of the body",
        _measured(lambda size: size // 2),
    ),
    _fault(
        "length-missing",
        "half the body is sent without Content-Length, then the connection is closed",
        lambda one: _without_length(_halved("close")(one)),
    ),
    _fault("chunks-right", "the body is sent in two chunks", _chunked(b"0\r\n\r\n")),
    _fault("chunks-cut", "the body is sent in two chunks, without the empty chunk at the end", _chunked(b"")),
    _fault("body-dropped", "half the body is sent, then the connection is closed", _halved("close")),
    _fault("body-reset", "half the body is sent, then the connection is reset", _halved("reset")),
    _fault("body-hangs", "half the body is sent, then nothing more", _halved("hang")),
    _fault(
        "body-trickles",
        "the body is sent byte by byte, 100 bytes per second",
        lambda one: one._replace(pause_seconds=0.01),
    ),
    _fault("answer-dropped", "the report closes the connection without an answer", _silent("close")),
    _fault("answer-reset", "the report resets the connection without an answer", _silent("reset")),
    _fault("answer-hangs", "the report does not answer, and the connection stays open", _silent("hang")),
    _fault(
        "token-dropped",
        "the token endpoint closes the connection without an answer",
        _silent("close"),
        endpoint="token",
    ),
    _fault(
        "token-hangs",
        "the token endpoint does not answer, and the connection stays open",
        _silent("hang"),
        endpoint="token",
    ),
)
