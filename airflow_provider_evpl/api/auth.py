"""One access token for all threads: renewed before it expires, and when the API refuses it.

Client credentials grant of OAuth 2.0 (RFC 6749, 4.4). Orange documents HTTP Basic; its Postman steps send the
credentials in the form instead [O]. A setting chooses one of the two. The token stays in memory only [O].
"""

import re
import threading
from collections.abc import Callable
from copy import copy
from math import inf

import msgspec

from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.error_mapping import raise_for
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.transport import Response, Transport, detail_of
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
_SECONDS = re.compile(r"\s*\d+(\.\d*)?\s*", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,8000}")  # fits into a header: servers take lines of 8 kB


class _NoTokenError(Exception):
    """A response in JSON without a usable token: the text says what the response is or has."""


class TokenSource:
    """Gives the current token; safe to share between threads.

    A token is renewed when a tenth of its lifetime, at most a minute, is left. A lifetime of more than a day
    counts as a day [A]. A token without `expires_in` is used until the API refuses it: Orange says to act on
    the error code, not on a fixed lifetime [2].

    Attributes:
        lifetime_seconds: of the newest token, at most a day; infinite if the response named none.
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
        self._renew_at = -inf
        self.lifetime_seconds = inf
        self._error: EvplError | None = None
        self._error_until = -inf

    def token(self, cancellation: Cancellation) -> str:
        """Return the current token; request a token if there is none, or if it is about to expire.

        Raises:
            EvplError: as `Transport.send` and `raise_for`; EvplAuthError if the credentials are refused.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._renew_at:
                return self._renew(cancellation)
            return self._token

    def renew(self, cancellation: Cancellation, *, refused: str) -> str:
        """Return a newer token than the refused one. Only one of several threads requests it."""
        with self._lock:
            if self._token is None or self._token == refused:
                return self._renew(cancellation)
            return self._token

    def request(self, cancellation: Cancellation, *, token_auth: str | None = None) -> str:
        """Request a token in any case, by another way than the setting's if one is given.

        Raises:
            EvplError: as `token`.
        """
        with self._lock:
            return self._request(cancellation, token_auth or self._settings.token_auth)

    def _renew(self, cancellation: Cancellation) -> str:
        """Request a token. Keep an error for the other threads: a temporary one for a moment only."""
        if self._error is not None and self._clock() < self._error_until:
            raise copy(self._error)  # a copy for each thread
        self._token = None
        try:
            return self._request(cancellation, self._settings.token_auth)
        except EvplRetryableError as error:
            if cancellation.is_set:  # it says nothing about the next slice's request
                raise
            self._keep(error, max(_PAUSE_SECONDS, error.retry_after_seconds or 0))
            raise
        except EvplError as error:
            self._keep(error, inf)
            raise

    def _keep(self, error: EvplError, seconds: float) -> None:
        self._error, self._error_until = error, self._clock() + seconds

    def _request(self, cancellation: Cancellation, token_auth: str) -> str:
        requested_at = self._clock()
        response = self._send(cancellation, token_auth)
        raise_for(response, self._settings.connection, is_token=True)
        token, self.lifetime_seconds = self._read(response)
        self._secrets.add(token, is_token=True)
        margin_seconds = min(_LONGEST_MARGIN_SECONDS, _MARGIN * self.lifetime_seconds)
        self._renew_at = requested_at + self.lifetime_seconds - margin_seconds
        self._token = token
        return token

    def _send(self, cancellation: Cancellation, token_auth: str) -> Response:
        settings = self._settings
        headers = {"Accept": "application/json"}
        form = {"grant_type": "client_credentials"}
        if token_auth == "basic":  # noqa: S105 the name of a way, not a secret
            headers["Authorization"] = f"Basic {settings.basic_credentials}"
        else:
            form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        return self._transport.send(settings.token_url, cancellation=cancellation, headers=headers, data=form)

    def _read(self, response: Response) -> tuple[str, float]:
        connection = self._settings.connection
        try:
            return _read_token(response.body)
        except _NoTokenError as error:
            raise EvplResponseError(
                f"The token endpoint's response {error}.",
                f"Check token_url in {connection}.",
                detail_of(response),
            ) from None
        except ValueError:  # a gateway's page, or half a response
            raise EvplUnavailableError(
                "The token endpoint's response is no complete JSON text.",
                f"Run again later. If the error stays, check token_url and proxy\nin {connection}.",
                detail_of(response),
            ) from None


def _read_token(text: bytes) -> tuple[str, float]:
    """Read token and lifetime; an error shows nothing of them.

    Raises:
        _NoTokenError: the response is JSON, but has no usable token.
        ValueError: the response is no JSON.
    """
    try:
        body = msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.ValidationError, RecursionError):
        raise _NoTokenError("is no JSON object") from None
    token = body.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _NoTokenError("has no usable access_token")
    if str(body.get("token_type")).lower() != "bearer":
        raise _NoTokenError("has a token_type other than Bearer")
    return token, _read_lifetime(body.get("expires_in"))


def _read_lifetime(value: object) -> float:
    """Read seconds, at most a day [A], from a number or its text [2]; infinite if there is no value."""
    if value is None:
        return inf
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise _NoTokenError("has an expires_in that is no number of seconds above 0")
    return float(min(value, _DAY_SECONDS))
