"""What the routes of one running sandbox share."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.faults.active import ActiveFaults
from airflow_provider_evpl.sandbox.tokens import Tokens

__all__ = ["Shared", "State"]


@dataclass(kw_only=True)
class State:
    """Everything a route may look at.

    Attributes:
        config: The settings.
        network: Where the values come from.
        tokens: The tokens issued so far.
        faults: What goes wrong from now on.
        requests: Number of requests by path, whatever they were answered.
    """

    config: SandboxConfig
    network: Network
    tokens: Tokens
    faults: ActiveFaults
    requests: Counter[str] = field(default_factory=Counter)


def _state(request: Request) -> State:
    return cast("State", request.app.state.sandbox)


Shared = Annotated[State, Depends(_state)]
