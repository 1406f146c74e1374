"""What an answer means: nothing to say, or the error that tells its reader what to do.

The table is Orange's error guide [O], and what others recorded of it [2].
"""

import re
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec

from airflow_provider_evpl.api.transport import Response
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

__all__ = ["api_code", "describe_response", "raise_for", "read_retry_after"]

_RATE_LIMIT_CODE = 53
_LONGEST_WAIT_SECONDS = 1e9  # longer than anybody waits
_RETRYABLE = {HTTPStatus.REQUEST_TIMEOUT, *(HTTPStatus(status) for status in (500, 502, 503, 504))}
_HINTED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_TEXT_FIELDS = ("message", "description", "error", "error_description")
_NEXT_STEP = {
    400: "codes 25 and 26 mean a header, so application_id; 27 and 28 a query parameter",
    401: "the token endpoint took login and password, the report refuses its token: "
    "check host, token_url and the app's subscription; Orange's support can look the request id up",
    403: "check the app's subscription to the EVPL Monitoring API with Orange",
    404: "check host, job and code_ope",
    422: "a rule of Orange's business side: show them this",
}
_IF_LIMITED = (
    "if the error stays, lower requests_per_second, run fewer tasks at once, or ask Orange for a larger quota"
)
_IF_UNAVAILABLE = "if the error stays, show Orange's support this"
_ANY_NEXT_STEP = "check host and token_url, no redirect is followed; if they are right, show Orange this"


def raise_for(
    answer: Response, what: str, redact: Callable[[str], str], *, next_step: str | None = None, hint: str = ""
) -> None:
    """Raise the error that an answer means; return where its status is 200.

    Args:
        answer: of the API or of the token endpoint.
        what: which request it answers, for the message.
        redact: takes secrets out of what the server says; `Secrets.quote`, as a rule.
        next_step: advice for a permanent error, instead of the report's.
        hint: put before the advice where the status is 400 or 422.

    Raises:
        EvplRateLimitError: 429, or 403 with code 53.
        EvplUnavailableError: 408, 500, 502, 503, 504.
        EvplAuthError: 401, or the token endpoint's `invalid_client`.
        EvplForbiddenError: 403 otherwise.
        EvplRequestError: another 4xx.
        EvplResponseError: any other status; a redirect is never followed.
    """
    if answer.status == HTTPStatus.OK:
        return
    msg = f"{what}: {describe_response(answer, redact)}"
    wait = read_retry_after(answer.headers.get("Retry-After"))
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or _is_rate_limit(answer):
        raise EvplRateLimitError(f"{msg}; {_IF_LIMITED}", retry_after_seconds=wait)
    if answer.status in _RETRYABLE:
        raise EvplUnavailableError(f"{msg}; {_IF_UNAVAILABLE}", retry_after_seconds=wait)
    kind = _permanent(answer)
    if kind is EvplForbiddenError:
        next_step = _NEXT_STEP[HTTPStatus.FORBIDDEN]  # the token endpoint's too
    hint = hint if answer.status in _HINTED else ""
    raise kind(f"{msg}; {hint}{next_step or _NEXT_STEP.get(answer.status, _ANY_NEXT_STEP)}")


def api_code(answer: Response) -> int | None:
    """Read the `code` of an error body; a number, or its text; None where there is none."""
    code = _body(answer).get("code")
    return (
        int(code)
        if isinstance(code, int) or (isinstance(code, str) and re.fullmatch(r"\d{1,9}", code))
        else None
    )


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


def _is_rate_limit(answer: Response) -> bool:
    return answer.status == HTTPStatus.FORBIDDEN and api_code(answer) == _RATE_LIMIT_CODE


def _permanent(answer: Response) -> type[EvplError]:
    status = answer.status
    if status == HTTPStatus.UNAUTHORIZED or _body(answer).get("error") == "invalid_client":
        return EvplAuthError
    if status == HTTPStatus.FORBIDDEN:
        return EvplForbiddenError
    is_request = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return EvplRequestError if is_request else EvplResponseError


def describe_response(answer: Response, redact: Callable[[str], str]) -> str:
    """Show what an error says, and its request id; of any other body, which may hold a token, its size."""
    body = _body(answer)
    number = api_code(answer)
    code = "" if number is None else f"/{redact(str(number))}"
    said = [str(body[name]) for name in _TEXT_FIELDS if body.get(name)]
    told = redact(" - ".join(said)) or f"an answer of {len(answer.body)} bytes, not in the API's form"
    return f"{one_line(f'{answer.status}{code}: {told}')} (request id {redact(answer.request_id)})"


def _body(answer: Response) -> dict[str, object]:
    try:
        body = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
