"""The probe itself: its requests in order, then the answer."""

from dataclasses import replace
from http import HTTPStatus

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplAuthError, EvplPermanentError
from airflow_provider_evpl.flows.probe.access import FORMS, judge_access, judge_data
from airflow_provider_evpl.flows.probe.answer import Answer
from airflow_provider_evpl.flows.probe.asking import Asker, Exchange, MakeClient, Seen
from airflow_provider_evpl.flows.probe.paging import (
    has_several_pages,
    judge_pages,
    last_index,
    next_index,
)
from airflow_provider_evpl.flows.probe.plan import DAYS_BACK, GRANULARITIES, ProbePlan, Purpose
from airflow_provider_evpl.flows.probe.record import make_record, make_support
from airflow_provider_evpl.flows.probe.samples import judge_samples
from airflow_provider_evpl.window import Granularity, Window

__all__ = ["probe"]

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
        _Questions(asker).ask()
        return _answer(asker, client)


class _Questions:
    """The requests in their order. Each one is sent only if the asker may still send."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._seen = asker.seen
        self._plan = asker.seen.plan
        self._token_auth = self._seen.settings.token_auth
        self._ctxtid: tuple[str, ...] | None = None

    def ask(self) -> None:
        """Send all requests that may be sent."""
        token = self._take_token()
        if token and (granularity := self._find_form()):
            self._ask_pages(granularity)
            self._get(Purpose.NEWEST, granularity, self._plan.newest(granularity))
            self._ask_history(granularity)
            self._ask_codes(granularity)
            self._ask_granularities()
            if self._plan.thorough:
                self._ask_thoroughly(granularity, token)

    def _take_token(self) -> str:
        """Request a token, by the other way of the credentials only if the connection's is refused."""
        given = self._token_auth
        token = self._asker.take_token(Purpose.TOKEN, given)
        exchange = self._seen.exchanges[-1]
        if isinstance(exchange.error, EvplAuthError) or _is_refused(exchange):
            self._token_auth = "post" if given == "basic" else "basic"
            token = self._asker.take_token(Purpose.OTHER_FORM, self._token_auth)
        return token

    def _find_form(self) -> Granularity | None:
        """Request one step until the API answers: other granularities and forms of `ctxtid` if it refuses."""
        forms = list(dict.fromkeys((self._seen.settings.ctxtid, *FORMS.values())))
        granularities = list(GRANULARITIES)
        while forms and granularities:
            self._ctxtid, granularity = forms[0], granularities[0]
            exchange = self._get(Purpose.STEP, granularity, self._plan.step(granularity))
            if exchange is None or exchange.page:
                return granularity if exchange else None
            if not _is_refused(exchange):
                return None
            (granularities if _is_about_granularity(exchange) else forms).pop(0)
        return None

    def _ask_pages(self, granularity: Granularity) -> None:
        window = self._plan.wide(granularity)
        first = self._get(Purpose.PAGE, granularity, window)
        if first and first.page and has_several_pages(self._seen):
            self._get(Purpose.SECOND, granularity, window, index=2)
            if index := next_index(self._seen):
                self._get(Purpose.NEXT, granularity, window, index=index)
            if index := last_index(self._seen):
                self._get(Purpose.LAST, granularity, window, index=index)
        if first and first.page:
            self._get(Purpose.AGAIN, granularity, window)

    def _ask_history(self, granularity: Granularity) -> None:
        """Go back step by step, up to the first request that fails."""
        for days in DAYS_BACK:
            exchange = self._get(Purpose.BACK.format(days), granularity, self._plan.back(days, granularity))
            if exchange is None or exchange.error:
                break

    def _ask_granularities(self) -> None:
        asked = {one.asked.query.granularity for one in self._seen.exchanges if one.asked}
        for one in GRANULARITIES:
            if one not in asked:
                self._get(Purpose.GRANULARITY.format(one.text), one, self._plan.step(one))

    def _ask_codes(self, granularity: Granularity) -> None:
        for number, code in enumerate(self._plan.further, start=2):
            window = self._plan.step(granularity)
            self._get(Purpose.CODE.format(number), granularity, window, code_ope=code)

    def _ask_thoroughly(self, granularity: Granularity, token: str) -> None:
        """Request `5m`, unless its refusal would end the probe, and then a second token."""
        if self._asker.may_fail:
            self._get(Purpose.MINUTES, Granularity("5m"), self._plan.step(GRANULARITIES[0]))
        if self._asker.take_token(Purpose.SECOND_TOKEN, self._token_auth):
            self._get(Purpose.FIRST_TOKEN, granularity, self._plan.step(granularity), token=token)

    def _get(  # noqa: PLR0913 each is a part of the request
        self,
        purpose: str,
        granularity: Granularity,
        window: Window,
        *,
        index: int = 1,
        code_ope: str | None = None,
        token: str | None = None,
    ) -> Exchange | None:
        return self._asker.get(
            purpose,
            granularity,
            window,
            index=index,
            code_ope=code_ope,
            ctxtid=self._ctxtid,
            token=token,
        )


def _is_refused(exchange: Exchange) -> bool:
    """Whether the API refuses the request itself, so that another form of it may work."""
    return exchange.status in _REFUSED and isinstance(exchange.error, EvplPermanentError)


def _is_about_granularity(exchange: Exchange) -> bool:
    """Whether a refusal names the granularity, or is a business error that doesn't name `ctxtid`."""
    said = exchange.response.body.lower() if exchange.response else b""
    return b"granularity" in said or (
        exchange.status == HTTPStatus.UNPROCESSABLE_ENTITY and b"ctxtid" not in said
    )


def _answer(asker: Asker, client: Client) -> Answer:
    seen = asker.seen
    judges = (judge_access, judge_pages, judge_samples, judge_data)
    findings = tuple(
        replace(one, evidence=client.redact(one.evidence), shown=tuple(map(client.redact, one.shown)))
        for judge in judges
        for one in judge(seen)
    )
    return Answer(
        findings=findings,
        requests=len(seen.exchanges),
        stopped=asker.stopped,
        is_reached=_is_reached(seen),
        record=make_record(seen, findings, asker.stopped, redact=client.redact),
        support=make_support(seen, redact=client.redact),
    )


def _is_reached(seen: Seen) -> bool:
    """Whether a report came, even one that is not as documented."""
    return any(one.asked and one.status == HTTPStatus.OK and one.shape for one in seen.exchanges)
