"""Which error a response means: none, or one whose class says what its reader does.

The table is Orange's error guide [O], and what others recorded of it [2].
"""

import re
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec

from airflow_provider_evpl.api.transport import Response, detail_of
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplError,
    EvplForbiddenError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplUnavailableError,
    one_line,
)

__all__ = ["api_code", "describe_response", "name_status", "raise_for", "read_retry_after"]

_RATE_LIMIT_CODE = 53
_LONGEST_WAIT_SECONDS = 1e9
_UNAVAILABLE = {HTTPStatus.REQUEST_TIMEOUT, *(HTTPStatus(status) for status in (500, 502, 503, 504))}
_HINTED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_TEXT_FIELDS = ("message", "description", "error", "error_description")
_NEXT_STEPS = {
    400: "Codes 25 and 26 mean a header: check application_id in {connection}.\n"
    "Codes 27 and 28 mean a query parameter: code_ope, granularity or ctxtid.",
    401: "Check host and token_url in {connection}, and the app's subscription.\n"
    "Login and password are right: the token endpoint accepts them.",
    403: "Check the app's subscription to the EVPL Monitoring API with Orange.",
    404: "Check host and job in {connection}, and code_ope.",
    422: "The request breaks a rule of Orange's: send this message to their support.",
}
_OTHER_NEXT_STEP = "Check host and token_url in {connection}. Redirects are never followed."
_TOKEN_NEXT_STEP = (
    "Check login (client id), password (client secret), token_url and token_auth\n"  # noqa: S105 advice
    "in {connection}."
)
_IF_LIMITED = (
    "Run again later. If the error stays, run fewer tasks at once, ask Orange for a\n"
    "larger quota, or lower requests_per_second in {connection}."
)
_IF_UNAVAILABLE = "Run again later. If the error stays, send this message to Orange's support."


def raise_for(response: Response, connection: str, *, is_token: bool = False, hint: str = "") -> None:
    """Raise the error that a response means; return if its status is 200.

    `hint` comes before the next step if the status is 400 or 422.

    Texts of the errors may hold secrets: the client redacts them.

    Raises:
        EvplRateLimitError: 429, or 403 with code 53.
        EvplUnavailableError: 408, 500, 502, 503, 504.
        EvplAuthError: 401, or the token endpoint's `invalid_client`.
        EvplForbiddenError: 403 otherwise.
        EvplRequestError: another 4xx.
        EvplResponseError: any other status.
    """
    status = response.status
    if status == HTTPStatus.OK:
        return
    server, detail = ("The token endpoint" if is_token else "The API"), describe_response(response)
    seconds = read_retry_after(response.headers.get("Retry-After"))
    if status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.FORBIDDEN and api_code(response) == _RATE_LIMIT_CODE
    ):
        raise EvplRateLimitError(
            f"{server} limits the rate of requests ({name_status(response)}).",
            _IF_LIMITED.format(connection=connection),
            detail,
            retry_after_seconds=seconds,
        )
    if status in _UNAVAILABLE:
        what = f"{server} is unavailable ({name_status(response)})."
        raise EvplUnavailableError(what, _IF_UNAVAILABLE, detail, retry_after_seconds=seconds)
    kind, problem = _permanent(response)
    next_step = _NEXT_STEPS.get(status, _OTHER_NEXT_STEP)
    if is_token and kind is not EvplForbiddenError:
        next_step = _TOKEN_NEXT_STEP
    raise kind(
        f"{server} {problem} ({name_status(response)}).",
        (hint if status in _HINTED else "") + next_step.format(connection=connection),
        detail,
    )


def _permanent(response: Response) -> tuple[type[EvplError], str]:
    status = response.status
    if _body(response).get("error") == "invalid_client":
        return EvplAuthError, "refuses the client"
    if status == HTTPStatus.UNAUTHORIZED:
        return EvplAuthError, "refuses the credentials"
    if status == HTTPStatus.FORBIDDEN:
        return EvplForbiddenError, "refuses access"
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return EvplRequestError, "refuses the request"
    return EvplResponseError, "sent an unexpected status"


def name_status(response: Response) -> str:
    """Give the status, and the API's code if there is one: `400/25`."""
    code = api_code(response)
    return f"{response.status}" if code is None else f"{response.status}/{code}"


def describe_response(response: Response) -> str:
    """Give the text of an error response and its request id, each on a line.

    A body of another form may hold a token, so only its size is given.
    """
    body = _body(response)
    texts = " - ".join(str(body[name]) for name in _TEXT_FIELDS if body.get(name))
    said = one_line(texts, len(texts)) or f"{len(response.body):,} bytes that are not in the API's form"
    return "\n".join(filter(None, (f"Response: {said}", detail_of(response))))


def api_code(response: Response) -> int | None:
    """Read the `code` of an error body, a number or its text; None if there is none."""
    code = _body(response).get("code")
    if isinstance(code, str) and re.fullmatch(r"\d{1,9}", code):
        return int(code)
    return int(code) if isinstance(code, int) else None


def read_retry_after(text: str | None, *, now: Callable[[], float] = time.time) -> float | None:
    """Read a `Retry-After`: seconds, 30 years at most, or an HTTP date (RFC 9110); else None."""
    if text is None:
        return None
    if re.fullmatch(r"\s*\d+\s*", text, re.ASCII):
        return min(float(text), _LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now()
        return min(max(0.0, seconds), _LONGEST_WAIT_SECONDS)
    except (ValueError, OverflowError):
        return None


def _body(response: Response) -> dict[str, object]:
    try:
        body = msgspec.json.decode(response.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
