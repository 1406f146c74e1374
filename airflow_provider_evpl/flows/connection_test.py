"""Tests a connection, as the button of the connection form does."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY
from airflow_provider_evpl.errors import (
    EvplError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplRetryableError,
)
from airflow_provider_evpl.window import DAY, Granularity, Window, floor

__all__ = ["check_connection"]

_T = TypeVar("_T")
_NEXT_STEPS: dict[type[EvplError], str] = {
    EvplRateLimitError: "This is a limit of Orange's. Test again in a minute. "
    "If the error stays, a quota is used up.",
    EvplRetryableError: "Check host, token_url, and proxy or HTTPS_PROXY, from the machine that tests. "
    "If they are right, the service is down: test again later.",
}
_CHECK_TOKEN_URL = "Check token_url. If it is empty, it follows host. Redirects are not followed."  # noqa: S105 advice
_NEXT_STEPS_OF_TOKEN: dict[type[EvplError], str] = {
    EvplRequestError: _CHECK_TOKEN_URL,
    EvplResponseError: _CHECK_TOKEN_URL,
    **_NEXT_STEPS,
}
_NEXT_STEPS_OF_REPORT: dict[type[EvplError], str] = {
    EvplResponseError: "Check host. Redirects are never followed. If it is right, show Orange this message.",
    **_NEXT_STEPS,
}


def check_connection(client: Client) -> str:
    """Request a token and, if the connection has an operator code, one small window of the report.

    The client should not retry, because a person waits for the result.

    Returns:
        What worked, for people.

    Raises:
        EvplError: what was requested, why it failed, and the next step; no secret.
    """
    settings = client.settings
    _try(client.check_token, f"No token from {client.redact(settings.token_url)}", _NEXT_STEPS_OF_TOKEN)
    if settings.code_ope is None:
        return "Got a token. The report was not tried, because the connection has no code_ope."
    query = _query(settings.code_ope)
    page = _try(
        lambda: client.page(query, 1),
        f"Got a token, but no report at {query.granularity.text} from {client.redact(settings.base_url)}",
        _NEXT_STEPS_OF_REPORT,
    )
    found = f"Got a token and a report: {page.entry_count} series on the first page of {query.window.label}."
    return found if page.entry_count else f"{found} If there should be some, check code_ope."


def _query(code_ope: str) -> Query:
    """Return a query of five minutes of two days ago: it is small, and published by now."""
    start = floor(datetime.now(UTC), DAY) - 2 * DAY
    window = Window(start, start + timedelta(seconds=300))
    return Query(code_ope=code_ope, granularity=Granularity(DEFAULT_GRANULARITY), window=window)


def _try(request: Callable[[], _T], failed: str, next_steps: Mapping[type[EvplError], str]) -> _T:
    """Return the result of a request; its error says what failed, and what to do here."""
    try:
        return request()
    except EvplError as error:
        next_step = next((text for kind, text in next_steps.items() if isinstance(error, kind)), None)
        raise type(error)(f"{failed}: {error.what}", next_step or error.next_step, error.detail) from error
