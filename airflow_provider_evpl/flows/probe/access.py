"""Questions about access: credentials, token, parameters, granularities, oldest and newest data."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from math import isfinite

from airflow_provider_evpl.api.error_mapping import api_code, name_status
from airflow_provider_evpl.errors import EvplAuthError, one_line
from airflow_provider_evpl.flows.probe.answer import LIKELY, NOT_SEEN, SURE, Finding
from airflow_provider_evpl.flows.probe.asking import Exchange, Seen
from airflow_provider_evpl.flows.probe.facts import parse_body, type_of
from airflow_provider_evpl.flows.probe.plan import DAYS_BACK, DOCUMENTED, GRANULARITIES, Purpose
from airflow_provider_evpl.window import EPOCH, iso, microseconds

__all__ = [
    "FORMS",
    "judge_access",
    "judge_data",
    "read_form",
    "read_granularities",
    "read_history",
    "read_lifetime",
    "read_newest",
    "read_second_token",
]

_EXPIRED = 42
_GRANULARITY_PURPOSES = tuple(Purpose.GRANULARITY.format(one.text) for one in GRANULARITIES)
_PLAIN = re.compile(r"[\w.+/-]{0,60}(; ?charset=[\w-]{1,20})?", re.ASCII)
FORMS: Mapping[str, tuple[str, ...]] = {
    "repeated": DOCUMENTED,
    "joined": (",".join(DOCUMENTED),),
    "first": DOCUMENTED[:1],
}
"""The forms of `ctxtid` by name. The first is documented [O]; the others are our readings of the gap [A]."""


def read_form(seen: Seen) -> str | None:
    """Return the name of the form of `ctxtid` that got a page; `custom` for the connection's own."""
    step = seen.find(Purpose.STEP)
    if step is None:
        return None
    sent = _sent_ctxtid(seen, step)
    return next((name for name, form in FORMS.items() if form == sent), "custom")


def read_lifetime(seen: Seen) -> tuple[float | None, str]:
    """Return `expires_in` in seconds, None if there is none; and its type."""
    body = _token_body(seen)
    if "expires_in" not in body:
        return None, "missing"
    value = body["expires_in"]
    try:
        seconds = float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        seconds = None
    return (seconds if seconds is not None and isfinite(seconds) else None), type_of(value)


def read_newest(seen: Seen) -> float | None:
    """Return the age of the newest sample in seconds."""
    exchange = seen.find(Purpose.NEWEST)
    if exchange is None or exchange.asked is None:
        return None
    end = microseconds(exchange.asked.query.window.end - EPOCH)
    times = (at for entry in exchange.entries for at in entry.timestamps if at <= end)
    newest = max(times, default=None)
    if newest is None:
        return None
    return (seen.plan.now - EPOCH - timedelta(microseconds=newest)).total_seconds()


def read_history(seen: Seen) -> dict[int, bool]:
    """Return for each number of days back whether there was a sample. Refused requests are missing."""
    asked = ((days, seen.find(Purpose.BACK.format(days))) for days in DAYS_BACK)
    return {days: _has_samples(exchange) for days, exchange in asked if exchange}


def read_granularities(seen: Seen) -> dict[str, bool]:
    """Return for each granularity that was requested whether the API answered with a page."""
    return {text: bool(exchange.page) for text, exchange in _by_granularity(seen).items()}


def read_second_token(seen: Seen) -> bool | None:
    """Return whether a second token ended the first one; None if that was not tried or not clear."""
    exchange = seen.find_last(Purpose.FIRST_TOKEN)
    if exchange and (exchange.page or _is_unknown_token(exchange)):
        return exchange.page is None
    return None


def judge_access(seen: Seen) -> Iterator[Finding]:
    """Give the findings about credentials, token and parameters."""
    yield _judge_credentials(seen)
    if _good_token(seen):
        yield _judge_token(seen)
        yield _judge_report(seen)
    if seen.reports:
        yield _judge_transport(seen)
        yield _judge_granularities(seen)


def judge_data(seen: Seen) -> Iterator[Finding]:
    """Give the findings about how new and how old data is, about further codes and a second token."""
    if seen.reports:
        yield _judge_newest(seen)
        yield _judge_history(seen)
    for number, code in enumerate(seen.plan.further, start=2):
        yield _judge_code(seen, number, code)
    if seen.plan.thorough:
        yield _judge_minutes(seen)
        yield _judge_second_token(seen)


def _judge_credentials(seen: Seen) -> Finding:
    good, first = _good_token(seen), seen.find_last(Purpose.TOKEN)
    name = "credentials"
    if good and good.purpose == Purpose.TOKEN:
        return Finding(question=name, certainty=SURE, evidence=f"accepted, sent by {good.token_auth}.")
    if good and first:
        return Finding(
            question=name,
            certainty=SURE,
            evidence=f"refused by {first.token_auth}, accepted by {good.token_auth}.",
            settings={"token_auth": good.token_auth},
        )
    return _failed(name, seen.find_last(Purpose.OTHER_FORM) or first)


def _judge_token(seen: Seen) -> Finding:
    seconds, kind = read_lifetime(seen)
    lifetime = f"expires_in is {seconds:g} ({kind})" if seconds is not None else f"expires_in is {kind}"
    token_type = _token_body(seen).get("token_type")
    shown = one_line(token_type, 20)
    evidence = f"{lifetime}, token_type {shown}"
    refused = [one for one in seen.exchanges if one.asked and isinstance(one.error, EvplAuthError)]
    early = [one for one in refused if one.purpose != Purpose.FIRST_TOKEN]
    if early and seen.reports:
        return Finding(
            question="token",
            certainty=SURE,
            evidence=f"{evidence}; the API refused it after {len(seen.reports):,} reports.",
            consequence="A pull requests a new one. Probe again to see the rest.",
            shown=(shown,),
        )
    return Finding(question="token", certainty=SURE, evidence=f"{evidence}.", shown=(shown,))


def _judge_report(seen: Seen) -> Finding:
    step = seen.find(Purpose.STEP)
    if step is None:
        return _failed("report", seen.find_last(Purpose.STEP))
    sent = _sent_ctxtid(seen, step)
    text = "&".join(f"ctxtid={value}" for value in sent) or "no ctxtid"
    has_data = any(map(_has_samples, seen.reports))
    return Finding(
        question="report",
        certainty=SURE,
        evidence=f"reached with {text}." if has_data else f"reached with {text}, without any sample.",
        consequence="" if has_data else "Check code_ope, or probe another day.",
        settings={} if sent == seen.settings.ctxtid else {"ctxtid": list(sent)},
        is_open=not has_data,
        shown=tuple(set(sent) - {*DOCUMENTED, *FORMS["joined"]}),
    )


def _judge_transport(seen: Seen) -> Finding:
    forms = Counter[str]()
    for response in (one.response for one in seen.exchanges if one.response and not one.error):
        marks = (
            _plain(response.headers.get("Content-Type", "none")),
            _plain(response.headers.get("Content-Encoding", "")),
            _plain(response.headers.get("Transfer-Encoding", "")),
            "byte order mark" if response.body.startswith(b"\xef\xbb\xbf") else "",
        )
        forms[", ".join(filter(None, marks))] += 1
    return Finding(
        question="responses",
        certainty=SURE,
        evidence=f"{'; '.join(sorted(forms))}.",
        shown=tuple(forms),
    )


def _judge_granularities(seen: Seen) -> Finding:
    parts = []
    for text, one in _by_granularity(seen).items():
        result = "yes" if one.page else name_status(one.response) if one.response else "no response"
        parts.append(f"{text} {result}")
    parts += [f"{one.text} not asked" for one in GRANULARITIES if one.text not in _by_granularity(seen)]
    used = seen.granularity.text if seen.granularity else GRANULARITIES[0].text
    is_default = used == GRANULARITIES[0].text
    return Finding(
        question="granularities",
        certainty=SURE,
        evidence=f"{', '.join(parts)}.",
        consequence="" if is_default else f"Set granularity to {used} in the DAGs; their default is 300s.",
        is_open=not is_default,
    )


def _judge_newest(seen: Seen) -> Finding:
    age, exchange, name = read_newest(seen), seen.find(Purpose.NEWEST), "newest sample"
    if exchange is None or not exchange.asked:
        return _not_asked(name, "Look at the first days of the lake.")
    label = exchange.asked.query.window.label
    if age is None:
        return Finding(
            question=name,
            certainty=SURE,
            evidence=f"none on the first page of {label}.",
            consequence="Pull later: compare with the history, and start a DAG some hours after the day.",
        )
    moment = seen.plan.now - timedelta(seconds=age)
    return Finding(
        question=name,
        certainty=LIKELY,
        evidence=f"{iso(moment)}, {age / 60:.0f} minutes old, on the first page of {label}.",
    )


def _judge_history(seen: Seen) -> Finding:
    history, step = read_history(seen), seen.find(Purpose.STEP)
    refused = [days for days in DAYS_BACK if (one := _back(seen, days)) and not one.page]
    if not history and not refused:
        return _not_asked("history", "Backfill a short range first.")
    if step and not _has_samples(step):
        return Finding(
            question="history",
            certainty=NOT_SEEN,
            evidence="windows of one step have no sample, on the examined day neither.",
            consequence="Backfill a short range first.",
        )
    with_data = [str(days) for days, has_data in history.items() if has_data]
    without = [str(days) for days, has_data in history.items() if not has_data]
    parts = [
        f"data at {', '.join(with_data)}" if with_data else "",
        f"none at {', '.join(without)}" if without else "",
        f"refused at {', '.join(map(str, refused))}" if refused else "",
    ]
    return Finding(
        question="history",
        certainty=SURE,
        evidence=f"{', '.join(filter(None, parts))} days back (one step each).",
        consequence="A backfill gets no older data than that." if without or refused else "",
    )


def _judge_code(seen: Seen, number: int, code: str) -> Finding:
    exchange, name = seen.find_last(Purpose.CODE.format(number)), f"code {number}"
    shown = one_line(code)
    if exchange is None:
        return _not_asked(name, f"Probe {shown} alone.", shown)
    if exchange.error:
        return _failed(name, exchange)
    count, has_data = len(exchange.facts.elements), _has_samples(exchange)
    samples = "with samples" if has_data else "without samples"
    return Finding(
        question=name,
        certainty=SURE,
        evidence=f"{shown}: {count:,} elements on the first page, {samples}.",
        consequence="" if has_data else "Check this operator code.",
        is_open=not has_data,
        shown=(shown,),
    )


def _judge_minutes(seen: Seen) -> Finding:
    exchange = seen.find_last(Purpose.MINUTES)
    if exchange is None:
        return _not_asked("5m", "Write minutes as seconds: 300s.")
    if not exchange.page:
        status = name_status(exchange.response) if exchange.response else "no response"
        return Finding(question="5m", certainty=SURE, evidence=f"refused ({status}). Write 300s.")
    what = "with a sample, so m is probably minutes" if _has_samples(exchange) else "without a sample"
    return Finding(
        question="5m",
        certainty=LIKELY if _has_samples(exchange) else NOT_SEEN,
        evidence=f"one step of 300s is answered {what}.",
        consequence="Write 300s: its length is certain.",
    )


def _judge_second_token(seen: Seen) -> Finding:
    ends_first = read_second_token(seen)
    if ends_first is None:
        return _not_asked("second token", "If tasks fail with 401, run one task at a time.")
    return Finding(
        question="second token",
        certainty=SURE,
        evidence="it ends the first one." if ends_first else "the first one stays valid.",
        consequence="Run one task at a time: use a pool with one slot, or an app for each task."
        if ends_first
        else "",
        is_open=ends_first,
    )


def _failed(question: str, exchange: Exchange | None) -> Finding:
    """Make the finding of a failed request: what happened, what the server says, the next step."""
    if exchange is None or exchange.error is None:
        return _not_asked(question, "Probe again.")
    next_step = one_line(exchange.error.next_step)
    return Finding(
        question=question,
        certainty=SURE,
        evidence=" ".join(exchange.said),
        consequence=next_step,
        is_open=True,
        shown=(*exchange.said, next_step),
    )


def _not_asked(question: str, consequence: str, *shown: str) -> Finding:
    return Finding(
        question=question,
        certainty=NOT_SEEN,
        evidence="no page answered it.",
        consequence=consequence,
        shown=shown,
    )


def _plain(header: str) -> str:
    return header if _PLAIN.fullmatch(header) else "an odd header"


def _good_token(seen: Seen) -> Exchange | None:
    tokens = (seen.find_last(purpose) for purpose in (Purpose.TOKEN, Purpose.OTHER_FORM))
    return next((one for one in tokens if one and not one.error), None)


def _token_body(seen: Seen) -> dict[str, object]:
    good = _good_token(seen)
    body = parse_body(good.response.body) if good and good.response else None
    return body if isinstance(body, dict) else {}


def _sent_ctxtid(seen: Seen, exchange: Exchange) -> tuple[str, ...]:
    sent = exchange.asked.query.ctxtid if exchange.asked else None
    return seen.settings.ctxtid if sent is None else sent


def _by_granularity(seen: Seen) -> dict[str, Exchange]:
    found = {}
    for one in seen.exchanges:
        if one.asked and one.purpose in (Purpose.STEP, *_GRANULARITY_PURPOSES):
            found[one.asked.query.granularity.text] = one
    return found


def _is_unknown_token(exchange: Exchange) -> bool:
    """Whether a token was refused, but not because its time is over."""
    code = api_code(exchange.response) if exchange.response else None
    return isinstance(exchange.error, EvplAuthError) and code != _EXPIRED


def _back(seen: Seen, days: int) -> Exchange | None:
    return seen.find_last(Purpose.BACK.format(days))


def _has_samples(exchange: Exchange) -> bool:
    return any(entry.timestamps for entry in exchange.entries)
