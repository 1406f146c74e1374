"""One access token for all threads: asked for once, renewed before its end, and when the API refuses it.

Client credentials grant of OAuth 2.0 (RFC 6749, 4.4). Orange documents HTTP Basic; its Postman
steps post the credentials in the form instead [O]: a setting, never both. The token lives in memory
only [O].
"""

import re
import threading
from collections.abc import Callable
from copy import copy
from math import inf

import msgspec

from airflow_provider_evpl.api.error_mapping import raise_for
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.transport import Response, Transport
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import (
    EvplError,
    EvplResponseError,
    EvplRetryableError,
    EvplUnavailableError,
)

__all__ = ["TokenSource"]

_MARGIN = 0.1
_PAUSE_SECONDS = 1.0
_LONGEST_MARGIN_SECONDS = 60.0
_DAY_SECONDS = 86_400
_WHAT = "token request"
_NEXT_STEP = "check login (client id), password (client secret), token_url and token_auth"
_NO_JSON = "if the error stays, check token_url and proxy, then show Orange's support this"
_SECONDS = re.compile(r"\s*\d+(\.\d*)?\s*", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,8000}")  # what can stand in a header: servers take lines of 8 kB


class TokenSource:
    """Gives the current token; safe to share between threads.

    A token counts as old a tenth of its life, at most a minute, before its end. A lifetime of more
    than a day counts as a day [A]. Without `expires_in` it is used until the API refuses it: Orange
    says to act on the error code, not on a fixed lifetime [2].

    Args:
        transport: sends the request; failures that may pass are the caller's to retry.
        secrets: is told every token the moment it arrives.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        secrets: Secrets,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._secrets = secrets
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._old_at = -inf
        self._error: EvplError | None = None
        self._error_until = -inf

    def token(self) -> str:
        """Return the current token; ask for one where there is none, or an old one.

        Raises:
            EvplError: as `Transport.send` and `raise_for`; EvplAuthError where the credentials are
                refused.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._old_at:
                return self._renew()
            return self._token

    def renew(self, *, refused: str) -> str:
        """Return a newer token than the one that the API refused; of several threads only one asks for it.

        Raises:
            EvplError: as `token`.
        """
        with self._lock:
            if self._token is None or self._token == refused:
                return self._renew()
            return self._token

    def _renew(self) -> str:
        """A failure holds for a moment, a permanent one for good: else every thread would repeat it."""
        if self._error is not None and self._clock() < self._error_until:
            raise copy(self._error)  # one of its own for each thread
        self._token = None
        try:
            return self._ask_anew()
        except EvplRetryableError as error:
            self._remember(error, max(_PAUSE_SECONDS, error.retry_after_seconds or 0))
            raise
        except EvplError as error:
            self._remember(error, inf)
            raise

    def _remember(self, error: EvplError, seconds: float) -> None:
        self._error, self._error_until = error, self._clock() + seconds

    def _ask_anew(self) -> str:
        asked_at = self._clock()
        answer = self._ask()
        raise_for(answer, _WHAT, self._secrets.quote, next_step=_NEXT_STEP)
        token, lifetime_seconds = self._read(answer)
        self._secrets.add(token, passes=True)
        self._old_at = asked_at + lifetime_seconds - min(_LONGEST_MARGIN_SECONDS, _MARGIN * lifetime_seconds)
        self._token = token
        return token

    def _ask(self) -> Response:
        settings = self._settings
        headers = {"Accept": "application/json"}
        form = {"grant_type": "client_credentials"}
        if settings.token_auth == "basic":  # noqa: S105 the name of a way, not a secret
            headers["Authorization"] = f"Basic {settings.basic_credentials}"
        else:
            form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        try:
            return self._transport.send("POST", settings.token_url, headers=headers, data=form)
        except EvplError as error:
            advice = "; check token_url" if isinstance(error, EvplResponseError) else ""
            raise type(error)(f"{_WHAT}: {error}{advice}") from None

    def _read(self, answer: Response) -> tuple[str, float]:
        request_id = self._secrets.redact(answer.request_id)
        try:
            return _read_token(answer.body)
        except EvplUnavailableError as cut:
            raise EvplUnavailableError(f"{_WHAT}: {cut} (request id {request_id}); {_NO_JSON}") from None
        except ValueError as odd:
            raise EvplResponseError(f"{_WHAT}: {odd} (request id {request_id}); check token_url") from None


def _read_token(text: bytes) -> tuple[str, float]:
    """Token and lifetime; an error says what is wrong with them, and shows nothing: a ValueError for good."""
    try:
        body = msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.ValidationError, RecursionError):
        raise ValueError("the answer is no JSON object") from None
    except ValueError:  # a gateway's page, or half an answer
        raise EvplUnavailableError("the answer is no whole JSON text") from None
    token = body.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ValueError("the answer has no usable access_token")
    if str(body.get("token_type")).lower() != "bearer":
        raise ValueError("the answer's token_type is not Bearer")
    return token, _read_lifetime(body.get("expires_in"))


def _read_lifetime(value: object) -> float:
    """Seconds, a day at most [A], from a number or its text [2]; absent: unknown, so for ever."""
    if value is None:
        return inf
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError("the answer's expires_in is no number of seconds above 0")
    return float(min(value, _DAY_SECONDS))
