"""One report request: a page, or an error that says what to do."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import chain
from types import TracebackType
from typing import Self
from urllib.parse import quote

import requests
from msgspec import structs

from airflow_provider_evpl.api.auth import TokenSource
from airflow_provider_evpl.api.error_mapping import api_code, describe_response, raise_for
from airflow_provider_evpl.api.rate_limit import RateLimiter
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.retry import RetryPolicy
from airflow_provider_evpl.api.transport import Response, Transport, make_session
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.decode.decoder import PageDecoder
from airflow_provider_evpl.errors import (
    EvplError,
    EvplResponseError,
    EvplRetryableError,
    EvplUnavailableError,
)
from airflow_provider_evpl.models import Entry, Page, Rejection, Series
from airflow_provider_evpl.window import Granularity, Window

__all__ = ["Client", "Query"]

_MISSING_CREDENTIALS = 40
_SHORTEST_IN_NAMES = 6  # a shorter secret may well be part of a circuit's name, which has to land as it came
_TAKEN_BACK = (
    "a new token is refused, though others were good in this run; give each task that runs at once "
    "an app of its own if the token endpoint ends older tokens"
)
_STOPPED = "stopped, the task is being ended from outside"
_NO_REPORT = "check host; if it is right, show Orange this"
_NO_JSON = "if the error stays, check host and proxy, then show Orange's support this"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to ask the report for."""

    code_ope: str
    granularity: Granularity
    window: Window


class Client:
    """An authorised client of the EVPL Monitoring API; a context manager, safe to share between threads.

    Every seam to the outside is an argument, so that tests need no patch.

    Args:
        on_secret: is told the client secret and every token the moment it arrives, so that logs can
            hide them.
        session: of `make_session`, or a test's; closed with the client.
        clock: monotonic seconds.
        sleep: waits that many seconds; by default until the client is stopped, at most.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_secret: Callable[[str], None] = lambda _: None,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.settings = settings
        self._stopped = threading.Event()
        sleep = sleep or self._wait
        self._secrets = Secrets(on_secret)
        for secret in settings.secrets:
            self._secrets.add(secret)
        self._session = session or make_session(settings.page_parallelism)
        self._transport = Transport(
            settings,
            session=self._session,
            rate_limiter=RateLimiter(settings.requests_per_second, clock=clock, sleep=sleep),
            secrets=self._secrets,
        )
        self._tokens = TokenSource(settings, self._transport, self._secrets, clock=clock)
        self._retry = RetryPolicy(settings.max_retry_seconds, sleep=sleep)
        self._decoder = PageDecoder(naive_timestamps=settings.naive_timestamps)
        self._decoding = threading.Lock()
        job = quote(settings.job, safe="")
        self._report_url = f"{settings.base_url}/api-monitoring-live/v1/pm_jobs/{job}/reports/UTILIZATION"
        self._count_lock = threading.Lock()
        self._requests_sent = 0
        self._was_let_in = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        self._session.close()

    @property
    def requests_sent(self) -> int:
        """How many report requests were sent so far, those that failed included."""
        return self._requests_sent

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def redact(self, text: str) -> str:
        """Take every secret that the client knows out of a text, for messages that quote the API."""
        return self._secrets.redact(text)

    def check_token(self) -> None:
        """Ask for a token, where none is there yet.

        Raises:
            EvplError: as `page`.
        """
        self._retry.call(self._tokens.token)

    def page(self, query: Query, index: int, *, cancelled: Callable[[], bool] | None = None) -> Page:
        """Fetch one page.

        Args:
            query: what to ask for.
            index: of the first element on it, or of the page; from 1 [O].
            cancelled: where it says so, nothing is asked again.

        Raises:
            EvplRetryableError: a rate limit or an unavailable service outlasted the retry policy.
            EvplPermanentError: the request or the credentials are refused, or the answer is no
                report.
        """
        try:
            return self._retry.call(lambda: self._attempt(query, index), cancelled=cancelled)
        except EvplRetryableError as error:
            if self._stopped.is_set():
                raise EvplUnavailableError(f"{_tell(query, index)}: {_STOPPED}") from error
            raise

    def stop(self) -> None:
        """End all requests and waits, and ask no more: whoever asks gets EvplUnavailableError.

        Not to be called in a signal's handler: that may have interrupted one of the locks' holders.
        """
        self._stopped.set()
        self._transport.hang_up(for_good=True)

    def hang_up(self) -> None:
        """End every request that is under way, in whichever thread: nobody wants its page any more."""
        self._transport.hang_up()

    def _wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _attempt(self, query: Query, index: int) -> Page:
        what = _tell(query, index)
        if self.is_stopped:
            raise EvplUnavailableError(_STOPPED)
        token = self._tokens.token()
        answer = self._send(query, index, token)
        if _refuses_token(answer):
            answer = self._send(query, index, self._tokens.renew(refused=token))
            if self._was_let_in and _refuses_token(answer):
                raise EvplUnavailableError(
                    f"{what}: {describe_response(answer, self._secrets.quote)}; {_TAKEN_BACK}"
                )
        raise_for(answer, what, self._secrets.quote, hint=_hint_of_months(query.granularity))
        self._was_let_in = True
        return self._decode(answer, what)

    def _send(self, query: Query, index: int, token: str) -> Response:
        with self._count_lock:
            self._requests_sent += 1
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "ApplicationID": self.settings.application_id,
            "pagination": str(index),
        }
        params = self._parameters(query)
        try:
            return self._transport.send("GET", self._report_url, headers=headers, params=params)
        except EvplError as error:
            advice = "; pull shorter slices" if isinstance(error, EvplResponseError) else ""
            raise type(error)(f"{_tell(query, index)}: {error}{advice}") from None

    def _parameters(self, query: Query) -> list[tuple[str, str]]:
        """Orange lists `ctxtid` twice [O]: one repeated key, in the setting's order [A]."""
        return [
            ("codeOpe", query.code_ope),
            ("startTime", f"{query.window.start:%Y-%m-%dT%H:%M:%S}.000Z"),
            ("endTime", f"{query.window.end:%Y-%m-%dT%H:%M:%S}.000Z"),
            ("offer_type", self.settings.offer_type),
            ("granularity", query.granularity.text),
            *(("ctxtid", value) for value in self.settings.ctxtid),
        ]

    def _decode(self, answer: Response, what: str) -> Page:
        redact = self._secrets.redact
        request_id = redact(answer.request_id)
        try:
            with self._decoding:  # the interpreter does one at a time anyway; halves of several cost memory
                page = self._decoder.decode(answer.body)
        except (EvplResponseError, EvplUnavailableError) as error:
            advice = _NO_REPORT if isinstance(error, EvplResponseError) else _NO_JSON
            raise type(error)(f"{redact(f'{what}: {error}')} (request id {request_id}); {advice}") from None
        return structs.replace(
            page,
            request_id=request_id,
            entries=self._redact_names(page.entries),
            rejections=[_redact(one, redact) for one in page.rejections],
            unknown_fields=frozenset(map(self._secrets.quote, page.unknown_fields)),
        )

    def _redact_names(self, entries: list[Entry]) -> list[Entry]:
        """Names are the API's to choose, and go into the lake; values are numbers."""
        redact = partial(self._secrets.redact, shortest=_SHORTEST_IN_NAMES)
        names = "\n".join(filter(None, chain.from_iterable(entry.series for entry in entries)))
        if redact(names) == names:  # as a rule: searched together
            return entries
        return [
            structs.replace(entry, series=Series._make(text and redact(text) for text in entry.series))
            for entry in entries
        ]


def _refuses_token(answer: Response) -> bool:
    return answer.status == HTTPStatus.UNAUTHORIZED and api_code(answer) != _MISSING_CREDENTIALS


def _hint_of_months(granularity: Granularity) -> str:
    """Return a hint for a granularity in `m`, which means months [O]; empty for any other."""
    text = granularity.text
    if not text.endswith("m"):
        return ""
    seconds = 60 * int(text.removesuffix("m"))
    return f"granularity {text}: m means months, for minutes write {seconds}s; if you mean months: "


def _tell(query: Query, index: int) -> str:
    return f"report of {query.window} from index {index}"


def _redact(rejection: Rejection, redact: Callable[[str], str]) -> Rejection:
    return structs.replace(rejection, reason=redact(rejection.reason), raw=redact(rejection.raw))
