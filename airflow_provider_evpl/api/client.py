"""Requests of the report: a page, or an error whose class says what to do."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import requests
from msgspec import structs

from airflow_provider_evpl.api.auth import TokenSource
from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.error_mapping import api_code, describe_response, name_status, raise_for
from airflow_provider_evpl.api.pagination import read_pages
from airflow_provider_evpl.api.rate_limit import RateLimiter
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.retry import RetryPolicy
from airflow_provider_evpl.api.transport import Response, Session, Transport, detail_of
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.decode.decoder import PageDecoder
from airflow_provider_evpl.errors import (
    EvplError,
    EvplPagingError,
    EvplResponseError,
    EvplRetryableError,
    EvplUnavailableError,
)
from airflow_provider_evpl.models import Page
from airflow_provider_evpl.window import Granularity, Window

__all__ = ["Client", "Query"]

_T = TypeVar("_T")
_MISSING_CREDENTIALS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The parameters of a report.

    Attributes:
        ctxtid: None means the connection's.
    """

    code_ope: str
    granularity: Granularity
    window: Window
    ctxtid: tuple[str, ...] | None = None


class Client:
    """An authorized client of the EVPL Monitoring API; a context manager, safe to share between threads.

    Every seam to the outside is an argument, so that tests need no patch.

    Args:
        on_secret: gets the client secret and every token the moment it arrives, so that logs can mask them.
        on_response: gets each response of any status, before it is decoded; an incomplete one without its
            body. It may hold secrets.
        session: closed with the client.
        clock: monotonic seconds.
        sleep: waits that many seconds; by default at most until the request is canceled.
    """

    def __init__(  # noqa: PLR0913 each is a seam to the outside
        self,
        settings: Settings,
        *,
        on_secret: Callable[[str], None] = lambda _: None,
        on_response: Callable[[Response], None] = lambda _: None,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        def wait(seconds: float, cancellation: Cancellation) -> None:
            (sleep or cancellation.wait)(seconds)

        self.settings = settings
        self._cancellation = Cancellation()
        self._secrets = Secrets(on_secret)
        for secret in settings.secrets:
            self._secrets.add(secret)
        self._session = session or Session(settings.page_parallelism)
        self._transport = Transport(
            settings,
            session=self._session,
            rate_limiter=RateLimiter(settings.requests_per_second, clock=clock, sleep=wait),
            secrets=self._secrets,
            on_response=on_response,
        )
        self._tokens = TokenSource(settings, self._transport, self._secrets, clock=clock)
        self._retry = RetryPolicy(settings.max_retry_seconds, sleep=wait)
        self._decoder = PageDecoder(
            naive_timestamps=settings.naive_timestamps, holds_secret=self._secrets.is_in_names
        )
        self._decoding = threading.Lock()
        job = quote(settings.job, safe="")
        self._report_url = f"{settings.base_url}/api-monitoring-live/v1/pm_jobs/{job}/reports/UTILIZATION"
        self._count_lock = threading.Lock()
        self._requests_sent = 0
        self._was_accepted = False

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
        """How many report requests were sent so far, including failed ones."""
        return self._requests_sent

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._cancellation.is_set

    def stop(self) -> None:
        """Abort all requests and waits, for good: each raises EvplUnavailableError.

        Don't call it in a signal handler: the handler may have interrupted a thread that holds a lock.
        """
        self._cancellation.set()

    def redact(self, text: str) -> str:
        """Replace every secret that the client knows, for messages that quote the API."""
        return self._secrets.redact(text)

    def check_token(self) -> float:
        """Request a token, if there is none yet.

        Returns:
            The lifetime of the token in seconds, at most a day; infinite if the response named none.

        Raises:
            EvplError: as `page`.
        """
        self._call(lambda: self._tokens.token(self._cancellation), self._cancellation)
        return self._tokens.lifetime_seconds

    def new_token(self, *, token_auth: str | None = None) -> str:
        """Request a token, even if there is a valid one, and return it: only for `page_with`.

        Args:
            token_auth: the way to send the credentials; None means the connection's.

        Raises:
            EvplError: as `page`.
        """
        return self._call(
            lambda: self._tokens.request(self._cancellation, token_auth=token_auth), self._cancellation
        )

    def page_with(self, token: str, query: Query, index: int) -> Page:
        """Fetch one page with a certain token, which is never renewed.

        Raises:
            EvplError: as `page`.
        """
        return self._call(
            lambda: self._fetch(query, index, self._cancellation, renews_token=False, token=token),
            self._cancellation,
        )

    def page(self, query: Query, index: int, *, cancellation: Cancellation | None = None) -> Page:
        """Fetch one page.

        Args:
            query: the report's parameters.
            index: of the first element on the page, or of the page; from 1 [O].
            cancellation: a child of the client's; aborts the request, and ends its retries.

        Raises:
            EvplRetryableError: a rate limit or an unavailable service outlasted the retry policy.
            EvplPermanentError: the API refuses the request or the credentials, or the response is no report.
        """
        cancellation = cancellation or self._cancellation
        return self._call(lambda: self._fetch(query, index, cancellation), cancellation)

    def first_page(self, query: Query) -> Page:
        """Fetch the first page without renewing a refused token.

        Raises:
            EvplError: as `page`.
        """
        return self._call(
            lambda: self._fetch(query, 1, self._cancellation, renews_token=False), self._cancellation
        )

    def pages(self, query: Query, *, parallelism: int = 1) -> Generator[Page]:
        """Yield all pages in order, as `read_pages`; close the generator to abort those in flight.

        Raises:
            EvplPagingError: the pages don't add up.
        """
        with self._cancellation.child() as cancellation:
            try:
                yield from read_pages(
                    lambda index: self.page(query, index, cancellation=cancellation),
                    pagination=self.settings.pagination,
                    parallelism=parallelism,
                    cancellation=cancellation,
                )
            except EvplPagingError as error:
                raise EvplPagingError(
                    f"report of {query.window.label}, {error.what}",
                    f"If the error stays, set pagination to page in {self.settings.connection}.",
                    error.detail,
                ) from error

    def _call(self, attempt: Callable[[], _T], cancellation: Cancellation) -> _T:
        def attempt_without_secrets() -> _T:
            try:
                return attempt()
            except EvplError as error:
                safe = self._secrets.redact_error(error)
            # Raised here, the error has no context: texts of the libraries' errors may hold secrets.
            raise safe

        try:
            return self._retry.call(attempt_without_secrets, cancellation)
        except EvplRetryableError as error:
            if self.is_stopped:
                raise EvplUnavailableError(
                    "The task was stopped from outside.", "What has landed stays. Run again if needed."
                ) from error
            raise

    def _fetch(
        self,
        query: Query,
        index: int,
        cancellation: Cancellation,
        *,
        renews_token: bool = True,
        token: str | None = None,
    ) -> Page:
        token = token or self._tokens.token(cancellation)
        place = f"report of {query.window.label}, index {index}"
        with _within(place):
            response = self._send(query, index, token, cancellation)
        if renews_token and _refuses_token(response):
            token = self._tokens.renew(cancellation, refused=token)
            with _within(place):
                response = self._send(query, index, token, cancellation)
                self._check_renewed(response)
        with _within(place):
            raise_for(response, self.settings.connection, hint=_hint_of_months(query.granularity))
            self._was_accepted = True
            return self._decode(response)

    def _check_renewed(self, response: Response) -> None:
        """Treat a refused new token as temporary, if another token was accepted in this run."""
        if self._was_accepted and _refuses_token(response):
            raise EvplUnavailableError(
                f"The API refuses a new token ({name_status(response)}).",
                "Other tokens were accepted in this run. If new tokens end older ones, give each\n"
                "task that runs at the same time an app of its own.",
                describe_response(response),
            )

    def _send(self, query: Query, index: int, token: str, cancellation: Cancellation) -> Response:
        with self._count_lock:
            self._requests_sent += 1
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "ApplicationID": self.settings.application_id,
            "pagination": str(index),
        }
        return self._transport.send(
            self._report_url,
            cancellation=cancellation,
            headers=headers,
            params=self._parameters(query),
        )

    def _parameters(self, query: Query) -> list[tuple[str, str]]:
        """Give the parameters; `ctxtid` is repeated, as Orange lists it [O], in the setting's order [A]."""
        return [
            ("codeOpe", query.code_ope),
            ("startTime", f"{query.window.start:%Y-%m-%dT%H:%M:%S}.000Z"),
            ("endTime", f"{query.window.end:%Y-%m-%dT%H:%M:%S}.000Z"),
            ("offer_type", self.settings.offer_type),
            ("granularity", query.granularity.text),
            *(("ctxtid", value) for value in self.settings.ctxtid if query.ctxtid is None),
            *(("ctxtid", value) for value in query.ctxtid or ()),
        ]

    def _decode(self, response: Response) -> Page:
        try:
            with self._decoding:  # in parallel, pages take more memory and no less time
                page = self._decoder.decode(response.body)
        except (EvplResponseError, EvplUnavailableError) as error:
            connection = self.settings.connection
            raise type(error)(
                error.what,
                error.next_step
                or f"Run again later. If the error stays, check host and proxy in {connection}.",
                "\n".join(filter(None, (error.detail, detail_of(response)))),
            ) from None
        return structs.replace(
            page,
            seconds=response.seconds,
            request_id=self.redact(response.request_id) or None,
            rejections=[
                structs.replace(one, reason=self.redact(one.reason), raw=self.redact(one.raw))
                for one in page.rejections
            ],
            unknown_fields=frozenset(map(self._secrets.quote, page.unknown_fields)),
        )


@contextmanager
def _within(place: str) -> Iterator[None]:
    """Put the place before the errors raised inside."""
    try:
        yield
    except EvplError as error:
        raise error.within(place) from None


def _refuses_token(response: Response) -> bool:
    return response.status == HTTPStatus.UNAUTHORIZED and api_code(response) != _MISSING_CREDENTIALS


def _hint_of_months(granularity: Granularity) -> str:
    """Return a hint for a granularity in `m`, which means months [O]; empty for any other."""
    text = granularity.text
    if not text.endswith("m"):
        return ""
    seconds = 60 * int(text.removesuffix("m"))
    return f"Granularity {text} means months; for minutes, write {seconds}s.\n"
