"""Sends the requests of a probe one after the other, keeps each exchange, and stops where it must."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final, NamedTuple, TypeVar

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.api.transport import Response
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplConfigError,
    EvplError,
    EvplForbiddenError,
    EvplRateLimitError,
)
from airflow_provider_evpl.flows.probe.facts import Facts, Shape, read_facts, shape_of
from airflow_provider_evpl.flows.probe.plan import ProbePlan, Purpose
from airflow_provider_evpl.models import Entry, Page
from airflow_provider_evpl.window import Granularity, Window

__all__ = ["Asked", "Asker", "Exchange", "MakeClient", "Seen"]

_T = TypeVar("_T")
_MOST_ERRORS: Final = 3
_MOST_PER_SECOND: Final = 2.0
_MOST_KEPT: Final = 1 << 16  # bytes of a body
_NO_FACTS: Final = Facts()
_PLACE: Final = re.compile(r"report of \S+, index \d+: ")

MakeClient = Callable[..., Client]
"""Makes a client of settings; `on_response` is a keyword argument of it."""


class Asked(NamedTuple):
    """A report request: its query, and the header `pagination`."""

    query: Query
    pagination: int


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and what came of it.

    Attributes:
        number: from 1.
        asked: None for a token.
        token_auth: the way of the credentials; empty for a report.
        response: None if there was no whole one. Only the beginning of its body is kept.
        size: bytes of the whole body.
        shape: of the whole body.
        page: the decoded response; None if there was an error, or for a token.
        facts: what the decoder hides.
    """

    number: int
    purpose: str
    asked: Asked | None = None
    token_auth: str = ""
    response: Response | None = None
    size: int = 0
    shape: Shape = field(default_factory=dict)
    page: Page | None = None
    error: EvplError | None = None
    facts: Facts = _NO_FACTS

    @property
    def entries(self) -> list[Entry]:
        """The entries of the page; none without a page."""
        return self.page.entries if self.page else []

    @property
    def said(self) -> tuple[str, ...]:
        """What happened and what the server says of it: lines without window and request id."""
        what, detail = (self.error.what, self.error.detail) if self.error else ("", "")
        lines = (_PLACE.sub("", what), *detail.split("\n"))
        return tuple(line for line in lines if line and not line.startswith("Request id:"))

    @property
    def status(self) -> int:
        """The HTTP status; 0 without a response."""
        return self.response.status if self.response else 0


@dataclass(frozen=True)
class Seen:
    """What a probe has seen so far: the exchanges, in order."""

    settings: Settings
    plan: ProbePlan
    exchanges: list[Exchange] = field(default_factory=list)

    def find(self, purpose: str) -> Exchange | None:
        """Return the last exchange of a purpose that got a page; None if there is none."""
        found = [one for one in self.exchanges if one.purpose == purpose and one.page]
        return found[-1] if found else None

    def find_last(self, purpose: str) -> Exchange | None:
        """Return the last exchange of a purpose, a failed one too."""
        found = [one for one in self.exchanges if one.purpose == purpose]
        return found[-1] if found else None

    @property
    def granularity(self) -> Granularity | None:
        """The granularity of most questions: the first that the API answered; None if there is none."""
        step = self.find(Purpose.STEP)
        return step.asked.query.granularity if step and step.asked else None

    @property
    def reports(self) -> list[Exchange]:
        """All exchanges that got a page."""
        return [one for one in self.exchanges if one.page]

    @property
    def pages(self) -> list[Page]:
        """All pages."""
        return [one.page for one in self.exchanges if one.page]


class Asker:
    """Sends requests: no retries, one in flight, two a second; keeps all exchanges.

    Attributes:
        seen: the exchanges.
        stopped: why no more requests are sent; empty if there may be more.
    """

    def __init__(self, settings: Settings, plan: ProbePlan, make_client: MakeClient) -> None:
        self.seen = Seen(settings, plan)
        self.stopped = ""
        self._responses: list[Response] = []
        self._token = ""
        self.client = make_client(
            replace(
                settings,
                page_parallelism=1,
                requests_per_second=min(_MOST_PER_SECOND, settings.requests_per_second),
                max_retry_seconds=0.0,
                naive_timestamps="utc",
            ),
            on_response=self._responses.append,
        )

    def take_token(self, purpose: str, token_auth: str) -> str:
        """Request a token, use it from now on, and return it; empty if there is none."""
        token, exchange = self._send(purpose, lambda: self.client.new_token(token_auth=token_auth))
        if exchange:
            self._keep(replace(exchange, token_auth=token_auth))
            self._token = token or ""
        return token or ""

    def get(  # noqa: PLR0913 each is a part of the request
        self,
        purpose: str,
        granularity: Granularity,
        window: Window,
        *,
        index: int = 1,
        code_ope: str | None = None,
        ctxtid: tuple[str, ...] | None = None,
        token: str | None = None,
    ) -> Exchange | None:
        """Request one page; return None if no more requests may be sent."""
        query = Query(
            code_ope=code_ope or self.seen.plan.code_ope,
            granularity=granularity,
            window=window,
            ctxtid=ctxtid,
        )
        page, exchange = self._send(
            purpose, lambda: self.client.page_with(token or self._token, query, index)
        )
        if exchange is None:
            return None
        is_ok = exchange.status == HTTPStatus.OK
        facts = read_facts(self._responses[-1].body) if is_ok else _NO_FACTS
        exchange = replace(exchange, asked=Asked(query, index), page=page, facts=facts)
        self._keep(exchange)
        return exchange

    def _send(self, purpose: str, request: Callable[[], _T]) -> tuple[_T | None, Exchange | None]:
        if not self.stopped and len(self.seen.exchanges) >= self.seen.plan.max_requests:
            self.stopped = f"max_requests is {self.seen.plan.max_requests}"
        if self.stopped:
            return None, None
        self._responses.clear()
        result, error = None, None
        try:
            result = request()
        except EvplError as raised:
            error = raised
        exchange = Exchange(number=len(self.seen.exchanges) + 1, purpose=purpose, error=error)
        for one in self._responses[-1:]:
            kept = replace(one, body=one.body[:_MOST_KEPT])
            exchange = replace(exchange, response=kept, size=len(one.body), shape=shape_of(one.body))
        return result, exchange

    def _keep(self, exchange: Exchange) -> None:
        self.seen.exchanges.append(exchange)
        self.stopped = self._why_to_stop(exchange)

    @property
    def may_fail(self) -> bool:
        """Whether one more error response would not end the probe."""
        return self._count_errors() + 1 < _MOST_ERRORS

    def _count_errors(self) -> int:
        expected = (Purpose.TOKEN, Purpose.FIRST_TOKEN)
        return sum(1 for one in self.seen.exchanges if one.error and one.purpose not in expected)

    def _why_to_stop(self, exchange: Exchange) -> str:
        error, response = exchange.error, exchange.response
        if isinstance(error, EvplRateLimitError) or (response and "Retry-After" in response.headers):
            return "the API limits the rate of requests"
        if isinstance(error, EvplForbiddenError):
            return "the API refuses access"
        if isinstance(error, EvplAuthError) and exchange.asked and exchange.purpose != Purpose.FIRST_TOKEN:
            return "the API refuses the token"
        if isinstance(error, EvplConfigError):
            return "the connection can't be used"
        return f"{_MOST_ERRORS} responses were errors" if self._count_errors() >= _MOST_ERRORS else ""
