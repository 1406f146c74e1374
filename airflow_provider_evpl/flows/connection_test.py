"""Tests a connection, as the button of the connection form does, and reports the status of the API."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY
from airflow_provider_evpl.errors import (
    EvplError,
    EvplForbiddenError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplRetryableError,
)
from airflow_provider_evpl.models import NO_ZONE, Page
from airflow_provider_evpl.window import DAY, EPOCH, Granularity, Window, floor, iso, microseconds

__all__ = ["check_connection"]

_T = TypeVar("_T")
_GRANULARITY = Granularity(DEFAULT_GRANULARITY)
_STEP = timedelta(minutes=5)
_DAY_SECONDS = DAY.total_seconds()
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
    EvplForbiddenError: "Check application_id, code_ope, and the app's subscription with Orange. "
    "The response does not say which of them is refused.",
    EvplResponseError: "Check host. Redirects are never followed. If it is right, show Orange this message.",
    **_NEXT_STEPS,
}


def check_connection(client: Client, *, now: datetime) -> str:
    """Request a token and, if the connection has an operator code, the last two hours of the report.

    If these have no sample, request five minutes of two days ago too. So there are at most three requests.

    The client should not retry, because a person waits for the result.

    Returns:
        What the responses show. Airflow's form shows all lines as one, so each is a sentence.

    Raises:
        EvplError: what was requested, why it failed, and the next step; no secret.
    """
    settings = client.settings
    lifetime_seconds = _try(
        client.check_token, f"Token: none from {client.redact(settings.token_url)}: ", _NEXT_STEPS_OF_TOKEN
    )
    token = f"Token: accepted, {_lifetime(lifetime_seconds)}."
    if settings.code_ope is None:
        return _lines(
            token,
            "Report: not requested, because the connection has no code_ope.",
            "Next: set code_ope to test the report too.",
        )
    return f"{token}\n{_check_report(client, settings.code_ope, token, now)}"


def _check_report(client: Client, code_ope: str, token: str, now: datetime) -> str:
    """Return all lines after the token's."""
    place = f"{_GRANULARITY.text} from {client.redact(client.settings.base_url)}"

    def fetch(window: Window, failed: str) -> Page:
        query = Query(code_ope=code_ope, granularity=_GRANULARITY, window=window)
        return _try(
            lambda: client.first_page(query), f"{token}\n{failed} at {place}: ", _NEXT_STEPS_OF_REPORT
        )

    end = floor(now, _STEP)
    window = Window(end - timedelta(hours=2), end)
    page = fetch(window, "Report: none")
    newest = _newest(page, window)
    return _lines(
        f"Report: reached at {place}.",
        f"Series: {page.entry_count:,} on the first page of {window.label}.",
        f"Newest sample: {_age(newest, now)}.",
        f"Response time: {page.seconds:.2f} seconds.",
        f"Next: {_next_step(page, newest, fetch, now)}",
    )


def _next_step(
    page: Page, newest: datetime | None, fetch: Callable[[Window, str], Page], now: datetime
) -> str:
    """Return which setting to look at; without a new sample, an older window says which."""
    if page.rejections:
        reason = page.rejections[0].reason
        advice = "check naive_timestamps" if reason == NO_ZONE else "show Orange this message"
        return f"{advice}, because a sample is rejected: {reason}."
    if newest:
        return "no setting needs a change."
    start = floor(now, DAY) - 2 * DAY
    window = Window(start, start + _STEP)
    if _newest(fetch(window, "Report: reached without a new sample, then none"), window):
        return f"schedule pulls later, because {window.label} has samples."
    return f"check code_ope, because {window.label} has no sample either."


def _newest(page: Page, window: Window) -> datetime | None:
    """Return the newest timestamp on the page inside the window."""
    start, end = (microseconds(bound - EPOCH) for bound in (window.start, window.end))
    inside = [at for entry in page.entries for at in entry.timestamps if start <= at < end]
    return EPOCH + timedelta(microseconds=max(inside)) if inside else None


def _age(newest: datetime | None, now: datetime) -> str:
    if newest is None:
        return "none of the last two hours on the first page"
    return f"{iso(newest)}, {(now - newest) // timedelta(minutes=1)} minutes old"


def _lifetime(seconds: float) -> str:
    if seconds < _DAY_SECONDS:
        return f"valid for {seconds:,.0f} seconds"
    return "valid for a day or longer" if seconds == _DAY_SECONDS else "the response names no lifetime"


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _try(request: Callable[[], _T], failed: str, next_steps: Mapping[type[EvplError], str]) -> _T:
    """Return the result of a request; its error says what failed, and what to do here."""
    try:
        return request()
    except EvplError as error:
        next_step = next((text for kind, text in next_steps.items() if isinstance(error, kind)), None)
        raise type(error)(f"{failed}{error.what}", next_step or error.next_step, error.detail) from error
