"""The probe itself: its requests in order, then the answer."""

from http import HTTPStatus

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplAuthError, EvplPermanentError
from airflow_provider_evpl.flows.probe.access import FORMS
from airflow_provider_evpl.flows.probe.answer import Answer
from airflow_provider_evpl.flows.probe.asking import Asker, Exchange, MakeClient
from airflow_provider_evpl.flows.probe.paging import has_several_pages, last_index, next_index
from airflow_provider_evpl.flows.probe.plan import DAYS_BACK, GRANULARITIES, ProbePlan, Purpose
from airflow_provider_evpl.flows.probe.questions import find_answers
from airflow_provider_evpl.flows.probe.record import make_files
from airflow_provider_evpl.window import Granularity

__all__ = ["probe"]

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


def _ask_all(asker: Asker) -> None:
    """Send all requests in their order. The asker sends none after it has stopped."""
    plan = asker.seen.plan
    token = _take_token(asker)
    granularity = _find_form(asker) if token else None
    if granularity is None:
        return
    _ask_pages(asker, granularity)
    asker.get(Purpose.NEWEST, granularity, plan.newest(granularity))
    _ask_history(asker, granularity)
    for number, code in enumerate(plan.further, start=2):
        asker.get(Purpose.CODE.format(number), granularity, plan.step(granularity), code_ope=code)
    _ask_granularities(asker)
    if plan.thorough:
        _ask_thoroughly(asker, granularity, token)


def _take_token(asker: Asker) -> str:
    """Request a token, with the other form of the credentials only if the connection's is refused."""
    given = asker.seen.settings.token_auth
    token = asker.take_token(Purpose.TOKEN, given)
    exchange = asker.seen.exchanges[-1]
    if isinstance(exchange.error, EvplAuthError) or _is_refused(exchange):
        token = asker.take_token(Purpose.OTHER_FORM, "post" if given == "basic" else "basic")
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


def _ask_pages(asker: Asker, granularity: Granularity) -> None:
    seen, window = asker.seen, asker.seen.plan.wide(granularity)
    first = asker.get(Purpose.PAGE, granularity, window)
    if first is None or first.page is None:
        return
    if has_several_pages(seen):
        asker.get(Purpose.SECOND, granularity, window, index=2)
        if index := next_index(seen):
            asker.get(Purpose.NEXT, granularity, window, index=index)
        if index := last_index(seen):
            asker.get(Purpose.LAST, granularity, window, index=index)
    asker.get(Purpose.AGAIN, granularity, window)


def _ask_history(asker: Asker, granularity: Granularity) -> None:
    """Go back step by step, up to the first request that fails."""
    for days in DAYS_BACK:
        window = asker.seen.plan.back(days, granularity)
        exchange = asker.get(Purpose.BACK.format(days), granularity, window)
        if exchange is None or exchange.error:
            break


def _ask_granularities(asker: Asker) -> None:
    asked = {one.query.granularity for one in asker.seen.exchanges if one.query}
    for one in GRANULARITIES:
        if one not in asked:
            asker.get(Purpose.GRANULARITY.format(one.text), one, asker.seen.plan.step(one))


def _ask_thoroughly(asker: Asker, granularity: Granularity, token: str) -> None:
    """Request `5m`, unless its refusal would end the probe, and then a second token."""
    plan, good = asker.seen.plan, asker.seen.token
    if asker.may_fail():
        asker.get(Purpose.MINUTES, Granularity("5m"), plan.step(GRANULARITIES[0]))
    second = asker.take_token(Purpose.SECOND_TOKEN, good.token_auth) if good else ""
    if second not in ("", token):
        asker.get(Purpose.FIRST_TOKEN, granularity, plan.step(granularity), token=token)


def _is_refused(exchange: Exchange) -> bool:
    """Whether the API refuses the request itself, so that another form of it may work."""
    return exchange.status in _REFUSED and isinstance(exchange.error, EvplPermanentError)


def _is_about_granularity(exchange: Exchange) -> bool:
    """Whether a refusal names the granularity, or is a business error that doesn't name `ctxtid`."""
    said = exchange.response.body.lower() if exchange.response else b""
    return b"granularity" in said or (
        exchange.status == HTTPStatus.UNPROCESSABLE_ENTITY and b"ctxtid" not in said
    )
