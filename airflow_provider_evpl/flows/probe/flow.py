"""The probe itself: its requests in order, then the answer."""

from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplAuthError, EvplPermanentError
from airflow_provider_evpl.flows.probe.access import FORMS
from airflow_provider_evpl.flows.probe.answer import Answer
from airflow_provider_evpl.flows.probe.asking import Asker, Exchange, MakeClient, Request, Seen
from airflow_provider_evpl.flows.probe.paging import has_several_pages, last_index, next_index
from airflow_provider_evpl.flows.probe.plan import DAYS_BACK, GRANULARITIES, ProbePlan, Purpose
from airflow_provider_evpl.flows.probe.questions import find_answers
from airflow_provider_evpl.flows.probe.record import make_files
from airflow_provider_evpl.window import Granularity

__all__ = ["planned_requests", "probe"]

_SEVERAL = "if there are several pages"
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


def probe(settings: Settings, plan: ProbePlan, *, make_client: MakeClient = Client) -> Answer:
    """Ask the API a few careful questions: read-only, one request in flight, no retries.

    Args:
        settings: of the connection.
        plan: what to ask.
        make_client: makes a client of settings, with `on_response`.

    Returns:
        What was seen, also if the API refuses or fails, or a person interrupts: an error of a request is a
        part of the answer.
    """
    asker = Asker(settings, plan, make_client)
    with asker.client as client:
        try:
            _ask_all(asker)
        except KeyboardInterrupt:
            asker.stopped = "it was interrupted"
        seen = asker.seen
        findings = find_answers(seen, redact=client.redact)
        record, support = make_files(seen, findings, asker.stopped, redact=client.redact)
    return Answer(
        findings=findings,
        requests=len(seen.exchanges),
        stopped=asker.stopped,
        # A report that is not as documented is an answer, too.
        is_reached=any(
            one.query and one.status == HTTPStatus.OK and (one.page or one.shape) for one in seen.exchanges
        ),
        record=record,
        support=support,
    )


def planned_requests(plan: ProbePlan, settings: Settings) -> Iterator[str]:
    """Give one line for each request that a probe may send, with its condition, below a line for all."""
    yield f"At most {plan.max_requests} requests to {settings.base_url}, token from {settings.token_url}:"
    main = GRANULARITIES[0]
    lines: list[object] = [
        f"{Purpose.TOKEN}: POST token_url, token_auth {settings.token_auth}",
        f"{Purpose.OTHER_FORM}: POST token_url, token_auth {_other(settings.token_auth)}; only if refused",
        Request(Purpose.STEP, main, plan.step(main)),
        f"{Purpose.STEP}: the same with 1h, 1d or another form of ctxtid; only if refused",
        *_requests(plan, main),
    ]
    if plan.thorough:
        again = Request(Purpose.FIRST_TOKEN, main, plan.step(main))
        lines += [_minutes(plan), f"{Purpose.SECOND_TOKEN}: POST token_url", again]
    yield from (f"{number:>2}. {line}" for number, line in enumerate(lines, start=1))


def _requests(plan: ProbePlan, main: Granularity) -> Iterator[Request]:
    """Give the report requests in their order, behind the search for the granularity of most of them."""
    wide, step = plan.wide(main), plan.step(main)

    def page(purpose: str, find_index: Callable[[Seen], int | None], condition: str = "") -> Request:
        return Request(purpose, main, wide, find_index=find_index, condition=condition)

    yield Request(Purpose.PAGE, main, wide)
    yield page(Purpose.SECOND, lambda seen: 2 if has_several_pages(seen) else None, _SEVERAL)
    yield page(Purpose.NEXT, next_index, _SEVERAL)
    yield page(Purpose.LAST, last_index, "if there are more than two pages")
    yield page(Purpose.AGAIN, lambda seen: 1 if seen.find(Purpose.PAGE) else None)
    yield Request(Purpose.NEWEST, main, plan.newest(main))
    for days in DAYS_BACK:
        window = plan.back(days, main)
        yield Request(Purpose.BACK.format(days), main, window, find_index=_unless_history_fails)
    for number, code in enumerate(plan.further, start=2):
        yield Request(Purpose.CODE.format(number), main, step, code)
    for one in GRANULARITIES:
        if one != main:
            find_index = partial(_unless_asked, granularity=one)
            yield Request(Purpose.GRANULARITY.format(one.text), one, plan.step(one), find_index=find_index)


def _minutes(plan: ProbePlan) -> Request:
    return Request(Purpose.MINUTES, Granularity("5m"), plan.step(GRANULARITIES[0]))


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
        if index := request.find_index(seen):
            asker.get(request, index=index)
    if plan.thorough and seen.token:
        if asker.may_fail():
            asker.get(_minutes(plan))
        if asker.take_token(Purpose.SECOND_TOKEN, seen.token.token_auth) not in ("", token):
            asker.get(Request(Purpose.FIRST_TOKEN, main, plan.step(main)), token=token)


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
        exchange = asker.get(Request(Purpose.STEP, granularity, asker.seen.plan.step(granularity)))
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
