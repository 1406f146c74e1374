"""The probe itself: its requests in order, then the answer."""

from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplAuthError, EvplPermanentError
from airflow_provider_evpl.flows.probe.access import FORMS
from airflow_provider_evpl.flows.probe.answer import Answer
from airflow_provider_evpl.flows.probe.asking import Asker, Exchange, MakeClient, Seen
from airflow_provider_evpl.flows.probe.paging import has_several_pages, last_index, next_index
from airflow_provider_evpl.flows.probe.plan import DAYS_BACK, GRANULARITIES, ProbePlan, Purpose
from airflow_provider_evpl.flows.probe.questions import find_answers
from airflow_provider_evpl.flows.probe.record import make_files
from airflow_provider_evpl.window import Granularity, Window

__all__ = ["planned_requests", "probe"]

_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


def probe(settings: Settings, plan: ProbePlan, *, make_client: MakeClient = Client) -> Answer:
    """Ask the API a few careful questions: read-only, one request in flight, no retries.

    Args:
        settings: of the connection.
        plan: what to ask.
        make_client: makes a client of settings, with `on_response`.

    Returns:
        What was seen, also if the API refuses or fails: an error of a request is a part of the answer.
    """
    asker = Asker(settings, plan, make_client)
    with asker.client as client:
        _ask_all(asker)
        seen = asker.seen
        findings = find_answers(seen, redact=client.redact)
        record, support = make_files(seen, findings, asker.stopped, redact=client.redact)
    return Answer(
        findings=findings,
        requests=len(seen.exchanges),
        stopped=asker.stopped,
        # A report that is not as documented is an answer, too.
        is_reached=any(one.query and one.status == HTTPStatus.OK and one.shape for one in seen.exchanges),
        record=record,
        support=support,
    )


def planned_requests(plan: ProbePlan, settings: Settings) -> Iterator[str]:
    """Give one line for each request that a probe may send, with its condition, below a line for all."""
    yield f"At most {plan.max_requests} requests to {settings.base_url}, token from {settings.token_url}:"
    main = GRANULARITIES[0]
    lines = [
        f"{Purpose.TOKEN}: POST token_url, token_auth {settings.token_auth}",
        f"{Purpose.OTHER_FORM}: POST token_url, token_auth {_other(settings.token_auth)}; only if refused",
        f"{Purpose.STEP}: GET report, {main.text}, {plan.step(main).label}",
        f"{Purpose.STEP}: the same with 1h, 1d or another form of ctxtid; only if refused",
        *map(str, _requests(plan, main)),
    ]
    if plan.thorough:
        lines += [
            str(_minutes(plan)),
            f"{Purpose.SECOND_TOKEN}: POST token_url",
            f"{Purpose.FIRST_TOKEN}: GET report, {main.text}, {plan.step(main).label}",
        ]
    yield from (f"{number:>2}. {line}" for number, line in enumerate(lines, start=1))


class _Request(NamedTuple):
    """A report request that a probe may send.

    Attributes:
        find_index: gives the header `pagination`; None if the request is not sent.
        condition: of the request, for the list of planned requests.
    """

    purpose: str
    granularity: Granularity
    window: Window
    find_index: Callable[[Seen], int | None] = lambda _: 1
    condition: str = ""
    code_ope: str | None = None

    def __str__(self) -> str:
        line = f"{self.purpose}: GET report, {self.granularity.text}, {self.window.label}"
        return f"{line}; only {self.condition}" if self.condition else line


def _requests(plan: ProbePlan, main: Granularity) -> Iterator[_Request]:
    """Give the report requests in their order, behind the search for the granularity of most of them."""
    wide, step = plan.wide(main), plan.step(main)
    several = "if there are several pages"
    yield _Request(Purpose.PAGE, main, wide)
    yield _Request(Purpose.SECOND, main, wide, lambda seen: 2 if has_several_pages(seen) else None, several)
    yield _Request(Purpose.NEXT, main, wide, next_index, several)
    yield _Request(Purpose.LAST, main, wide, last_index, "if there are more than two pages")
    yield _Request(Purpose.AGAIN, main, wide, lambda seen: 1 if seen.find(Purpose.PAGE) else None)
    yield _Request(Purpose.NEWEST, main, plan.newest(main))
    for days in DAYS_BACK:
        yield _Request(Purpose.BACK.format(days), main, plan.back(days, main), _unless_history_fails)
    for number, code in enumerate(plan.further, start=2):
        yield _Request(Purpose.CODE.format(number), main, step, code_ope=code)
    for one in GRANULARITIES:
        if one != main:
            unless_asked = partial(_unless_asked, granularity=one)
            yield _Request(Purpose.GRANULARITY.format(one.text), one, plan.step(one), unless_asked)


def _minutes(plan: ProbePlan) -> _Request:
    return _Request(Purpose.MINUTES, Granularity("5m"), plan.step(GRANULARITIES[0]))


def _unless_history_fails(seen: Seen) -> int | None:
    failed = {one.purpose for one in seen.exchanges if one.error}
    return None if failed & {Purpose.BACK.format(days) for days in DAYS_BACK} else 1


def _unless_asked(seen: Seen, *, granularity: Granularity) -> int | None:
    asked = {one.query.granularity for one in seen.exchanges if one.query}
    return None if granularity in asked else 1


def _ask_all(asker: Asker) -> None:
    """Send all requests in their order. The asker sends none after it has stopped."""
    plan, seen = asker.seen.plan, asker.seen
    token = _take_token(asker)
    main = _find_form(asker) if token else None
    if main is None:
        return
    for request in _requests(plan, main):
        _ask(asker, request)
    if plan.thorough and seen.token:
        if asker.may_fail():
            _ask(asker, _minutes(plan))
        if asker.take_token(Purpose.SECOND_TOKEN, seen.token.token_auth):
            asker.get(Purpose.FIRST_TOKEN, main, plan.step(main), token=token)


def _ask(asker: Asker, request: _Request) -> None:
    if index := request.find_index(asker.seen):
        asker.get(
            request.purpose, request.granularity, request.window, index=index, code_ope=request.code_ope
        )


def _other(token_auth: str) -> str:
    return "post" if token_auth == "basic" else "basic"  # noqa: S105 the name of a form


def _take_token(asker: Asker) -> str:
    """Request a token, with the other form of the credentials only if the connection's is refused."""
    given = asker.seen.settings.token_auth
    token = asker.take_token(Purpose.TOKEN, given)
    exchange = asker.seen.exchanges[-1]
    if isinstance(exchange.error, EvplAuthError) or _is_refused(exchange):
        token = asker.take_token(Purpose.OTHER_FORM, _other(given))
    return token


def _find_form(asker: Asker) -> Granularity | None:
    """Request one step until the API answers: other granularities and forms of `ctxtid` if it refuses."""
    forms = list(dict.fromkeys((asker.ctxtid, *FORMS.values())))
    granularities = list(GRANULARITIES)
    while forms and granularities:
        asker.ctxtid, granularity = forms[0], granularities[0]
        exchange = asker.get(Purpose.STEP, granularity, asker.seen.plan.step(granularity))
        if exchange and exchange.page:
            return granularity
        if exchange is None or not _is_refused(exchange):
            return None
        (granularities if _is_about_granularity(exchange) else forms).pop(0)
    return None


def _is_refused(exchange: Exchange) -> bool:
    """Whether the API refuses the request itself, so that another form of it may work."""
    return exchange.status in _REFUSED and isinstance(exchange.error, EvplPermanentError)


def _is_about_granularity(exchange: Exchange) -> bool:
    """Whether a refusal names the granularity, or is a business error that doesn't name `ctxtid`."""
    said = exchange.response.body.lower() if exchange.response else b""
    return b"granularity" in said or (
        exchange.status == HTTPStatus.UNPROCESSABLE_ENTITY and b"ctxtid" not in said
    )
