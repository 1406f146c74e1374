"""What comes of each fault of the network, of a gateway and of the token endpoint."""

from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplError,
    EvplForbiddenError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplUnavailableError,
)
from tests.faults.pulls import Case, Fails, Lands

SAME = Lands()
SLOW = {
    "timeout_seconds": "0.2",
    "max_retry_seconds": "0",
}  # a time-out of 0.2 s, of 2 s for all, and no retry


def _down(why: str, *, answered: bool = True) -> Fails:
    return Fails(EvplUnavailableError, f"{why}.*; gave up after 10 attempts", answered)


def _silent(why: str) -> Fails:
    return _down(why, answered=False)


def _late(why: str, *, answered: bool) -> Fails:
    return Fails(EvplUnavailableError, why, answered)


def _limit(told: str, *, final: bool = False) -> Fails:
    return Fails(EvplRateLimitError, told, final=final)


def _response(why: str) -> Fails:
    return Fails(EvplResponseError, why)


def _final(error: type[EvplError], why: str) -> Fails:
    return Fails(error, why, final=True)


ENDLESSLY = "/53: Too many requests.*; gave up after 10 attempts"
WAITED_FOR = "asked to wait 30 s; gave up after (8|9|10) attempts"
CUT = _down("the response is not complete JSON")

REPLIES: dict[str, Lands | Fails] = {
    "error-400-28": Fails(EvplRequestError, "400/28: Invalid query-string"),
    "error-401-40": _final(EvplAuthError, "401/40: Missing credentials"),
    "error-401-41": Fails(EvplAuthError, "401/41: Invalid credentials"),
    "error-401-42": Fails(EvplAuthError, "401/42: Expired credentials"),
    "error-403-50": Fails(EvplForbiddenError, "403/50: Access denied.*subscription"),
    "error-403-51": Fails(EvplForbiddenError, "403/51: Forbidden requester"),
    "error-404-60": Fails(EvplRequestError, "404/60: Resource not found"),
    "error-408-63": _down("408/63: Request time-out"),
    "error-422-business": Fails(EvplRequestError, "422/422: Business error"),
    "error-500-1": _down("500/1: Internal error"),
    "error-502-1": _down("502/1: Bad gateway"),
    "error-503-5": _down("503/5: The service is temporarily unavailable"),
    "error-504-6": _down("504/6: Gateway time-out"),
    "rate-limit-403": _limit("403" + ENDLESSLY),
    "rate-limit-403-seconds": _limit(WAITED_FOR),
    "rate-limit-403-date": _limit("asked to wait [23][0-9.]* s; gave up"),
    "rate-limit-403-huge": _limit("asked to wait 1000000000 s; gave up after 1 attempts", final=True),
    "rate-limit-403-negative": _limit("403" + ENDLESSLY),
    "rate-limit-403-word": _limit("403" + ENDLESSLY),
    "rate-limit-403-code-text": _limit("403" + ENDLESSLY),
    "rate-limit-429": _limit("429" + ENDLESSLY),
    "rate-limit-429-seconds": _limit(WAITED_FOR),
    "rate-limit-429-date": _limit("asked to wait [23][0-9.]* s; gave up"),
    "rate-limit-429-huge": _limit("asked to wait 1000000000 s; gave up after 1 attempts", final=True),
    "rate-limit-429-negative": _limit("429" + ENDLESSLY),
    "rate-limit-429-word": _limit("429" + ENDLESSLY),
    "html-502": _down("502: an answer of 87 bytes, not in the API's form"),
    "html-200": CUT,
    "status-204": _response("204: an answer of 0 bytes"),
    "redirect-elsewhere": _response("302: .*no redirect is followed"),
    "body-empty": CUT,
    "body-list": _response("the response is not a report: not an object"),
    "body-bom": SAME,
    "json-cut": CUT,
    "content-type-html": SAME,
    "gzip-right": SAME,
    "gzip-missing": _down("failed to decode it"),
    "gzip-cut": CUT,
    "gzip-broken": _down("failed to decode it"),
    "gzip-bomb": _response("the answer is larger than 64 MiB.*; pull shorter slices"),
}
WIRE: dict[str, Lands | Fails] = {
    "length-too-long": _down("IncompleteRead"),
    "length-too-short": CUT,
    "length-missing": CUT,
    "chunks-right": SAME,
    "chunks-cut": _down("IncompleteRead"),
    "body-dropped": _down("IncompleteRead"),
    "body-reset": _silent("Connection reset by peer"),
    "answer-dropped": _silent("RemoteDisconnected"),
    "answer-reset": _silent("Connection reset by peer"),
}
HANGING: dict[str, Lands | Fails] = {
    "body-hangs": _late("Read timed out", answered=True),
    "body-trickles": _late("took longer than 2 s|Read timed out", answered=True),  # on a busy one
    "answer-hangs": _late("Read timed out", answered=False),
    "token-hangs": _late("token request: .*Read timed out", answered=False),
}
TOKEN_REPLIES: dict[str, Lands | Fails] = {
    "token-error-401": _final(EvplAuthError, "token request: 401: invalid_client"),
    "token-error-403-50": Fails(EvplForbiddenError, "token request: 403/50"),
    "token-error-429": _limit("token request: 429" + ENDLESSLY),
    "token-error-503": _down("token request: 503/5: Unavailable"),
    "token-html-503": _down("token request: 503: an answer of 87 bytes"),
    "token-html-200": _down("token request: the answer is no whole JSON text"),
    "token-body-empty": _down("token request: the answer is no whole JSON text"),
    "token-json-cut": _down("token request: the answer is no whole JSON text"),
    "token-gzip-right": SAME,
    "token-redirect-elsewhere": _response("token request: 307"),
    "token-dropped": _silent("token request: .*RemoteDisconnected"),
}
EXCHANGES = [
    *(Case((name,), outcome) for name, outcome in {**REPLIES, **WIRE, **TOKEN_REPLIES}.items()),
    *(Case((name,), outcome, SLOW) for name, outcome in HANGING.items()),
]
