"""What the routes of one running sandbox share."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.faults.active import ActiveFaults
from airflow_provider_evpl.sandbox.tokens import Tokens

__all__ = ["Shared", "State"]


def _no_line(_: tuple[str, int]) -> asyncio.Transport | None:
    raise RuntimeError("faults of the wire need a connection, so the SandboxServer")


@dataclass(kw_only=True)
class State:
    """Everything a route may look at.

    Attributes:
        config: The settings.
        network: Where the values come from.
        tokens: The tokens issued so far.
        faults: What goes wrong from now on.
        requests: Number of requests by path, whatever they were answered.
        line_of: The connection of a client, as ASGI names it, for faults of the wire; none: it hung up.
        held_lines: Connections that such faults keep open, until the client hangs up or the server stops.
    """

    config: SandboxConfig
    network: Network
    tokens: Tokens
    faults: ActiveFaults
    requests: Counter[str] = field(default_factory=Counter)
    line_of: Callable[[tuple[str, int]], asyncio.Transport | None] = _no_line
    held_lines: set[asyncio.Transport] = field(default_factory=set)


def _state(request: Request) -> State:
    return cast("State", request.app.state.sandbox)


Shared = Annotated[State, Depends(_state)]
