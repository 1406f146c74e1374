"""The state that the routes of one running sandbox share."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.faults.active import ActiveFaults
from airflow_provider_evpl.sandbox.tokens import Tokens

__all__ = ["Shared", "State"]


def _no_line(_: tuple[str, int]) -> asyncio.Transport | None:
    raise RuntimeError("Faults of the connection need a SandboxServer")


@dataclass(kw_only=True)
class State:
    """State of a running sandbox.

    Attributes:
        config: The settings.
        networks: The sources of the values, by normalized granularity.
        tokens: The tokens issued so far.
        faults: The faults that are on.
        requests: Number of requests by path, whatever the response was.
        line_of: Returns the connection of a client, for faults of the connection. None: the client closed it.
        held_lines: Connections that faults keep open until the client closes them or the server stops.
    """

    config: SandboxConfig
    networks: Mapping[str, Network]
    tokens: Tokens
    faults: ActiveFaults
    requests: Counter[str] = field(default_factory=Counter)
    line_of: Callable[[tuple[str, int]], asyncio.Transport | None] = _no_line
    held_lines: set[asyncio.Transport] = field(default_factory=set)


def _state(request: Request) -> State:
    return cast("State", request.app.state.sandbox)


Shared = Annotated[State, Depends(_state)]
