"""The API as an application: the token endpoint and the report."""

import time
from collections.abc import Callable
from operator import attrgetter
from typing import Final

from fastapi import FastAPI

from airflow_provider_evpl.sandbox import oauth, reports
from airflow_provider_evpl.sandbox.answers import HANDLERS
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.exchange import Exchange
from airflow_provider_evpl.sandbox.faults.active import ActiveFaults
from airflow_provider_evpl.sandbox.state import State
from airflow_provider_evpl.sandbox.tokens import Tokens

__all__ = ["create_app"]

_DESCRIPTION: Final = """
A description of Orange's *EVPL Monitoring* API by the project airflow-provider-evpl, not by Orange.
Orange publishes a page in prose, and no such description. Nothing was tested against the live service.

Each statement names its source:

- [O] Orange's own pages
- [2] somebody else who quotes or records Orange
- [S] a standard, RFC 6749 for tokens
- [A] the project's decision, where the sources leave a gap; the sandbox takes the strict reading

Every response carries the header `X-OAPI-Request-Id` [2]. Errors have one of two shapes: the API's own
(`code`, `message`, `description`, `infoURL`) [O], and at the token endpoint the shape of RFC 6749 [S].

A sandbox without faults keeps to this description. With faults (`--fault`) responses deliberately violate it.
"""
_TAGS: Final = [
    {"name": "token", "description": "OAuth 2.0, client credentials [O]."},
    {"name": "reports", "description": "Samples of all circuits of an operator code, page by page [O]."},
]


def create_app(
    config: SandboxConfig | None = None, *, clock: Callable[[], float] = time.monotonic
) -> FastAPI:
    """Make the API. Its OpenAPI description is at `/openapi.json`, and for people at `/docs`.

    Args:
        config: The settings. None: all defaults.
        clock: Monotonic seconds, for the lifetime of tokens.

    Returns:
        The application. Its `state.sandbox` is the `State` that its routes share.
    """
    state = _state(config or SandboxConfig(), clock=clock)
    app = FastAPI(
        title="EVPL Monitoring API, local sandbox",
        version="v1",
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=_TAGS,
        generate_unique_id_function=attrgetter("name"),
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
    )
    app.state.sandbox = state
    app.add_middleware(Exchange, state=state)
    app.include_router(oauth.router)
    app.include_router(reports.router)
    return app


def _state(config: SandboxConfig, *, clock: Callable[[], float]) -> State:
    return State(
        config=config,
        tokens=Tokens(clock=clock),
        faults=ActiveFaults(config.faults, seed=config.seed),
        networks=config.networks,
    )
