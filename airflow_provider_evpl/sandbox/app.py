"""The API as an application: the token endpoint and the report."""

import time
from collections.abc import Callable
from typing import Final

from fastapi import FastAPI

from airflow_provider_evpl.sandbox import oauth, reports
from airflow_provider_evpl.sandbox.answers import HANDLERS
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.exchange import Exchange
from airflow_provider_evpl.sandbox.faults.active import ActiveFaults
from airflow_provider_evpl.sandbox.state import State
from airflow_provider_evpl.sandbox.tokens import Tokens

__all__ = ["create_app"]

_DESCRIPTION: Final = """
A local server of Orange's *EVPL Monitoring* API. Orange publishes a page about the API, but no OpenAPI
description; this is one. Where Orange's page leaves a gap, the sandbox is strict.

Every response has the header `X-OAPI-Request-Id`. Errors have one of two formats: the API's own
(`code`, `message`, `description`, `infoURL`), and the format of RFC 6749 at the token endpoint.

This describes a sandbox without faults. With faults (`--fault`), responses differ from it on purpose.
"""


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
        network=Network(
            circuits=config.circuits,
            granularity_seconds=config.granularity_seconds,
            seed=config.seed,
        ),
    )
