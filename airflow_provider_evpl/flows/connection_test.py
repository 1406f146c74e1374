"""Tries a connection out, as the form's button does: what is wrong with it, and what to do."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.config.arguments import DEFAULT_GRANULARITY
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
_ADVICE: dict[type[EvplError], str] = {
    EvplRateLimitError: "that is a limit of Orange's: wait a minute and test again; "
    "if the error stays, a quota is used up",
    EvplRetryableError: "check host, token_url, and proxy or HTTPS_PROXY, from the machine that tests; "
    "if they are right, the service is away: test again later",
}
_TOKEN_PLACE = "is that the right place? An empty token_url follows host, and no redirect is followed"  # noqa: S105 advice
_TOKEN_ADVICE: dict[type[EvplError], str] = {
    EvplRequestError: _TOKEN_PLACE,
    EvplResponseError: _TOKEN_PLACE,
    **_ADVICE,
}
_REPORT_ADVICE: dict[type[EvplError], str] = {EvplResponseError: "is that the right host?", **_ADVICE}


def check_connection(client: Client) -> str:
    """Ask for a token, then, where the connection has an operator code, for one small window.

    Args:
        client: one that doesn't try again: somebody waits for the answer.

    Returns:
        What was found, for people.

    Raises:
        EvplError: what was asked, what came of it, and the next step; no secret.
    """
    settings = client.settings
    _step(client.check_token, f"No token from {client.redact(settings.token_url)}", _TOKEN_ADVICE)
    if settings.code_ope is None:
        return "Got a token. The report was not tried: the connection has no code_ope"
    query = _query(settings.code_ope)
    page = _step(
        lambda: client.page(query, 1),
        f"Got a token, but no report at {query.granularity.text} from {client.redact(settings.base_url)}",
        _REPORT_ADVICE,
    )
    found = f"Got a token and a report: {page.entry_count} series on the first page of {query.window}"
    return found if page.entry_count else f"{found}. If there should be some, check code_ope"


def _query(code_ope: str) -> Query:
    """Five minutes of two days ago: small, and surely published."""
    start = floor(datetime.now(UTC), DAY) - 2 * DAY
    window = Window(start, start + timedelta(seconds=300))
    return Query(code_ope=code_ope, granularity=Granularity(DEFAULT_GRANULARITY), window=window)


def _step(ask: Callable[[], _T], failed: str, advice: Mapping[type[EvplError], str]) -> _T:
    try:
        return ask()
    except EvplError as error:
        more = next((f"; {text}" for kind, text in advice.items() if isinstance(error, kind)), "")
        raise type(error)(f"{failed}: {error}{more}") from error
