"""Sends the requests of a probe one after the other, keeps each exchange, and stops where it must."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.api.error_mapping import name_status
from airflow_provider_evpl.api.transport import Response
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplConfigError,
    EvplError,
    EvplForbiddenError,
    EvplRateLimitError,
    EvplUnavailableError,
)
from airflow_provider_evpl.flows.probe.facts import Facts, Shape, read_facts, shape_of
from airflow_provider_evpl.flows.probe.plan import ProbePlan, Purpose
from airflow_provider_evpl.models import Entry, Page
from airflow_provider_evpl.window import Granularity, Window

__all__ = ["Asker", "Exchange", "MakeClient", "Request", "Seen"]

_T = TypeVar("_T")
_MOST_ERRORS: Final = 3
_MOST_PER_SECOND: Final = 2.0
_MOST_KEPT: Final = 1 << 16  # bytes of a body
_LIMITED: Final = (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
_NO_FACTS: Final = Facts()
_PLACE: Final = re.compile(r"report of \S+, index \d+: ")

MakeClient = Callable[..., Client]
"""Makes a client of settings; `on_response` is a keyword argument of it."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and its response.

    Attributes:
        number: from 1.
        token_auth: the form of the credentials; empty for a report.
        query: None for a token.
        index: the header `pagination` of a report.
        response: None if there was none. Only the beginning of its body is kept; of a cut body nothing.
        size: bytes of the whole body.
        shape: of the whole body.
        page: the decoded response; None if there was an error, or for a token.
        facts: what the decoder hides.
    """

    number: int
    purpose: str
    token_auth: str = ""
    query: Query | None = None
    index: int = 1
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
    def has_samples(self) -> bool:
        """Whether a sample came."""
        return any(entry.timestamps for entry in self.entries)

    @property
    def what(self) -> str:
        """What happened, without the window; empty without an error."""
        return _PLACE.sub("", self.error.what) if self.error else ""

    @property
    def said(self) -> tuple[str, ...]:
        """What a server or a library says of an error: lines without the request id.

        What happened is one of them if a report came, because the decoder may quote it.
        """
        lines = self.error.detail.split("\n") if self.error else []
        quoted = [self.what] if self.status == HTTPStatus.OK else []
        return (*quoted, *(line for line in lines if line and not line.startswith("Request id:")))

    @property
    def status(self) -> int:
        """The HTTP status; 0 without a response."""
        return self.response.status if self.response else 0

    @property
    def refusal(self) -> str:
        """The status of a response without a page, for the screen."""
        kind = "no report" if self.status == HTTPStatus.OK else "refused"
        return f"{kind} ({name_status(self.response)})" if self.response else "without a response"


@dataclass(frozen=True)
class Seen:
    """What a probe has seen so far: the exchanges, in order."""

    settings: Settings
    plan: ProbePlan
    exchanges: list[Exchange] = field(default_factory=list)

    def find(self, purpose: str) -> Exchange | None:
        """Return the last exchange of a purpose that got a page; None if there is none."""
        found = [one for one in self.reports if one.purpose == purpose]
        return found[-1] if found else None

    def find_last(self, purpose: str) -> Exchange | None:
        """Return the last exchange of a purpose, a failed one too."""
        found = [one for one in self.exchanges if one.purpose == purpose]
        return found[-1] if found else None

    @property
    def token(self) -> Exchange | None:
        """The exchange that got the token of the reports."""
        tokens = (self.find_last(purpose) for purpose in (Purpose.TOKEN, Purpose.OTHER_FORM))
        return next((one for one in tokens if one and not one.error), None)

    @property
    def granularity(self) -> Granularity | None:
        """The granularity of most questions: the first that the API answered; None if there is none."""
        step = self.find(Purpose.STEP)
        return step.query.granularity if step and step.query else None

    @property
    def reports(self) -> list[Exchange]:
        """All exchanges that got a page."""
        return [one for one in self.exchanges if one.page]

    def page(self, purpose: str) -> Page | None:
        """Return the last page of a purpose."""
        found = self.find(purpose)
        return found.page if found else None

    def marks(self, purpose: str) -> tuple[int, ...]:
        """Return a mark of each element on the last page of a purpose; none without a page."""
        found = self.find(purpose)
        return found.facts.marks if found else ()

    @property
    def pages(self) -> list[Page]:
        """All pages."""
        return [one.page for one in self.exchanges if one.page]


class Request(NamedTuple):
    """A report request that a probe may send.

    Attributes:
        code_ope: empty means the probe's.
        find_index: gives the header `pagination`; None if the request is not sent.
        condition: of the request, for the list of planned requests.
    """

    purpose: str
    granularity: Granularity
    window: Window
    code_ope: str = ""
    find_index: Callable[[Seen], int | None] = lambda _: 1
    condition: str = ""

    def __str__(self) -> str:
        """Describe the request on one line."""
        line = f"{self.purpose}: GET report, {self.granularity.text}, {self.window.label}"
        return f"{line}; only {self.condition}" if self.condition else line


class Asker:
    """Sends requests: no retries, one in flight, two a second; keeps all exchanges.

    Attributes:
        seen: the exchanges.
        stopped: why no more requests are sent; empty if there may be more.
        ctxtid: the form of `ctxtid` in the next requests.
    """

    def __init__(self, settings: Settings, plan: ProbePlan, make_client: MakeClient) -> None:
        self.seen = Seen(settings, plan)
        self.stopped = ""
        self.ctxtid = settings.ctxtid
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
        if not self._may_send():
            return ""
        token = self._send(
            lambda: self.client.new_token(token_auth=token_auth), purpose=purpose, token_auth=token_auth
        )
        self._token = token or ""
        return self._token

    def get(self, request: Request, *, index: int = 1, token: str = "") -> Exchange | None:
        """Request one page; return None if no more requests may be sent."""
        if not self._may_send():
            return None
        query = Query(
            code_ope=request.code_ope or self.seen.plan.code_ope,
            granularity=request.granularity,
            window=request.window,
            ctxtid=self.ctxtid,
        )
        self._send(
            lambda: self.client.page_with(token or self._token, query, index),
            purpose=request.purpose,
            query=query,
            index=index,
        )
        return self.seen.exchanges[-1]

    def may_fail(self) -> bool:
        """Whether one more error response would not end the probe."""
        return self._count_errors() + 1 < _MOST_ERRORS

    def _may_send(self) -> bool:
        most = self.seen.plan.max_requests
        if not self.stopped and len(self.seen.exchanges) >= most:
            self.stopped = f"max_requests is {most}"
        if not self.stopped and self._count_errors() >= _MOST_ERRORS:
            self.stopped = f"{_MOST_ERRORS} responses were errors"
        return not self.stopped

    def _send(self, request: Callable[[], _T], **sent: Any) -> _T | None:  # noqa: ANN401 fields of Exchange
        self._responses.clear()
        result, error = None, None
        try:
            result = request()
        except EvplError as raised:
            error = raised
        exchange = Exchange(
            number=len(self.seen.exchanges) + 1,
            page=result if isinstance(result, Page) else None,
            error=error,
            **sent,
            **(_read_response(self._responses[-1], **sent) if self._responses else {}),
        )
        self.seen.exchanges.append(exchange)
        self.stopped = _why_to_stop(exchange)
        return result

    def _count_errors(self) -> int:
        expected = (Purpose.TOKEN, Purpose.FIRST_TOKEN)
        return sum(1 for one in self.seen.exchanges if one.error and one.purpose not in expected)


def _read_response(response: Response, *, query: Query | None = None, **_: object) -> dict[str, Any]:
    """Return the fields of an exchange that come from its response."""
    has_facts = query and response.status == HTTPStatus.OK
    return {
        "response": replace(response, body=response.body[:_MOST_KEPT]),
        "size": len(response.body),
        "shape": shape_of(response.body),
        "facts": read_facts(response.body) if has_facts else _NO_FACTS,
    }


def _why_to_stop(exchange: Exchange) -> str:
    error, response = exchange.error, exchange.response
    is_cut = isinstance(error, EvplUnavailableError) and exchange.status in _LIMITED
    if isinstance(error, EvplRateLimitError) or is_cut or (response and "Retry-After" in response.headers):
        return "the API limits the rate of requests"
    if isinstance(error, EvplForbiddenError):
        return "the API refuses access"
    if isinstance(error, EvplAuthError) and exchange.query and exchange.purpose != Purpose.FIRST_TOKEN:
        return "the API refuses the token"
    if isinstance(error, EvplConfigError):
        return "the connection can't be used"
    return ""
