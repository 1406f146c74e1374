"""Questions about access: credentials, token, parameters, granularities, oldest and newest data."""

import re
from collections.abc import Mapping
from datetime import timedelta
from math import isfinite

from airflow_provider_evpl.api.error_mapping import api_code
from airflow_provider_evpl.errors import EvplAuthError, one_line
from airflow_provider_evpl.flows.probe.answer import LIKELY, NOT_SEEN, SURE, Finding, listed
from airflow_provider_evpl.flows.probe.asking import Exchange, Seen
from airflow_provider_evpl.flows.probe.facts import parse_body, type_of
from airflow_provider_evpl.flows.probe.plan import DAYS_BACK, DOCUMENTED, GRANULARITIES, Purpose
from airflow_provider_evpl.window import EPOCH, iso, microseconds

__all__ = [
    "FORMS",
    "judge_code",
    "judge_credentials",
    "judge_granularities",
    "judge_history",
    "judge_minutes",
    "judge_newest",
    "judge_report",
    "judge_responses",
    "judge_second_token",
    "judge_token",
    "read_form",
    "read_granularities",
    "read_history",
    "read_lifetime",
    "read_newest",
    "read_second_token",
]

_EXPIRED = 42
_BOTH_ENDS = 2
_GRANULARITY_PURPOSES = tuple(Purpose.GRANULARITY.format(one.text) for one in GRANULARITIES)
_HEADER = re.compile(r"[\w.+/-]{0,60}(; ?charset=[\w-]{1,20})?", re.ASCII)
_MINUTES_OF_HOURS = 180
FORMS: Mapping[str, tuple[str, ...]] = {
    "repeated": DOCUMENTED,
    "joined": (",".join(DOCUMENTED),),
    "first": DOCUMENTED[:1],
}
"""The forms of `ctxtid` by name. The first is documented [O]; the others are our readings of the gap [A]."""


def judge_credentials(seen: Seen) -> Finding:
    """Judge whether the token endpoint accepts the credentials, and in which form."""
    good, first = seen.token, seen.find_last(Purpose.TOKEN)
    if good and good.purpose == Purpose.TOKEN:
        return Finding(SURE, f"Accepted, with token_auth {good.token_auth}.")
    if good and first:
        evidence = f"Refused with token_auth {first.token_auth}, accepted with {good.token_auth}."
        return Finding(SURE, evidence, settings={"token_auth": good.token_auth})
    return _failed(seen.find_last(Purpose.OTHER_FORM) or first)


def judge_token(seen: Seen) -> Finding:
    """Judge the lifetime and the type of the token, and whether the API refused the token early."""
    seconds, kind = read_lifetime(seen)
    lifetime = f"expires_in is {seconds:g} ({kind})" if seconds is not None else f"expires_in is {kind}"
    shown = one_line(_token_body(seen).get("token_type"), 20)
    evidence = f"{lifetime}, token_type is {shown}"
    refused = [one for one in seen.exchanges if one.query and isinstance(one.error, EvplAuthError)]
    if seen.reports and any(one.purpose != Purpose.FIRST_TOKEN for one in refused):
        return Finding(
            SURE,
            f"{evidence}. The API refused the token after {len(seen.reports):,} reports.",
            "A pull requests a new token. Probe again to see the rest.",
            shown=(shown,),
        )
    return Finding(SURE, f"{evidence}.", shown=(shown,))


def judge_report(seen: Seen) -> Finding:
    """Judge which form of `ctxtid` gets the report, and whether the report has samples."""
    step = seen.find(Purpose.STEP)
    if step is None:
        return _failed(seen.find_last(Purpose.STEP))
    sent = _ctxtid_of(step)
    text = "&".join(f"ctxtid={value}" for value in sent) or "no ctxtid"
    has_data = any(one.has_samples for one in seen.reports)
    return Finding(
        SURE,
        f"The API answers to {text}{'' if has_data else ', but sends no sample'}.",
        do="" if has_data else "Check code_ope, or probe another day.",
        settings={} if sent == seen.settings.ctxtid else {"ctxtid": list(sent)},
        shown=tuple(set(sent) - {*DOCUMENTED, *FORMS["joined"]}),
    )


def judge_responses(seen: Seen) -> Finding:
    """Judge content types and encodings of all responses without an error."""
    forms = set[str]()
    for response in (one.response for one in seen.exchanges if one.response and not one.error):
        names = ("Content-Type", "Content-Encoding", "Transfer-Encoding")
        marks = [_plain(response.headers.get(name, "")) for name in names]
        marks += ["byte order mark"] * response.body.startswith(b"\xef\xbb\xbf")
        forms.add(", ".join(filter(None, marks)) or "no content type")
    return Finding(SURE, listed(*sorted(forms)), shown=tuple(forms))


def judge_granularities(seen: Seen) -> Finding:
    """Judge which granularities the API answers."""
    asked, default = _by_granularity(seen), GRANULARITIES[0].text
    results = {text: _answered(one) if one.page else one.refusal for text, one in asked.items()}
    results |= {one.text: "not asked" for one in GRANULARITIES if one.text not in asked}
    evidence = f"{', '.join(f'{text} {result}' for text, result in results.items())}."
    used = seen.granularity.text if seen.granularity else default
    if used == default:
        return Finding(SURE, evidence)
    return Finding(SURE, evidence, do=f"Set granularity to {used} in the DAGs. Their default is {default}.")


def judge_newest(seen: Seen) -> Finding | None:
    """Judge how old the newest sample is."""
    exchange, age = seen.find(Purpose.NEWEST), read_newest(seen)
    if exchange is None or exchange.query is None:
        return None
    label = exchange.query.window.label
    if age is None:
        consequence = "Data comes later than that. Start the DAG some hours after the day."
        return Finding(SURE, f"None on the first page of {label}.", consequence)
    minutes = age / 60
    old = f"{minutes:.0f} minutes" if minutes < _MINUTES_OF_HOURS else f"{minutes / 60:.0f} hours"
    moment = iso(seen.plan.now - timedelta(seconds=age))
    return Finding(LIKELY, f"{moment}, {old} old, on the first page of {label}.")


def judge_history(seen: Seen) -> Finding | None:
    """Judge on which of the days back there is data."""
    history, step = read_history(seen), seen.find(Purpose.STEP)
    tried = {days: seen.find_last(Purpose.BACK.format(days)) for days in DAYS_BACK}
    groups = {
        "data at": [days for days, has_data in history.items() if has_data],
        "none at": [days for days, has_data in history.items() if not has_data],
        "refused at": [days for days, one in tried.items() if one and not one.page],
    }
    if not any(groups.values()):
        return None
    if step and not step.has_samples:
        return Finding(NOT_SEEN, "Windows of one step have no sample, also not on the examined day.")
    parts = [f"{name} {', '.join(map(str, days))}" for name, days in groups.items() if days]
    is_short = groups["none at"] or groups["refused at"]
    consequence = "Backfill only days that have data." if is_short else ""
    return Finding(SURE, f"One step each: {', '.join(parts)} days back.", consequence)


def judge_code(seen: Seen, *, number: int, code: str) -> Finding:
    """Judge whether a further operator code has samples."""
    exchange, shown = seen.find_last(Purpose.CODE.format(number)), one_line(code)
    if exchange is None:
        return Finding(NOT_SEEN, f"{shown} was not asked.", shown=(shown,))
    if exchange.error:
        return _failed(exchange)
    evidence = f"{shown}: {len(exchange.facts.elements):,} elements on the first page"
    if exchange.has_samples:
        return Finding(SURE, f"{evidence}, with samples.", shown=(shown,))
    return Finding(SURE, f"{evidence}, without samples.", do="Check this operator code.", shown=(shown,))


def judge_minutes(seen: Seen) -> Finding | None:
    """Judge whether `m` stands for minutes."""
    exchange, advice = seen.find_last(Purpose.MINUTES), "Write 300s: its length is certain."
    if exchange is None:
        return None
    if not exchange.page:
        return Finding(SURE, f"5m: {exchange.refusal}.", advice)
    if exchange.has_samples:
        return Finding(LIKELY, "A window of 300s has a sample, so m stands for minutes.", advice)
    return Finding(NOT_SEEN, "A window of 300s has no sample.")


def judge_second_token(seen: Seen) -> Finding | None:
    """Judge whether a second token ends the first one."""
    ends_first = read_second_token(seen)
    if ends_first is None:
        return None
    if not ends_first:
        return Finding(SURE, "The first token stays valid.")
    advice = "Run one task at a time: use a pool with one slot, or an application for each task."
    return Finding(SURE, "A second token ends the first one.", do=advice)


def read_form(seen: Seen) -> str | None:
    """Return the name of the form of `ctxtid` that got a page; `custom` for the connection's own."""
    step = seen.find(Purpose.STEP)
    if step is None:
        return None
    return next((name for name, form in FORMS.items() if form == _ctxtid_of(step)), "custom")


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
    if exchange is None or exchange.query is None:
        return None
    end = microseconds(exchange.query.window.end - EPOCH)
    times = (at for entry in exchange.entries for at in entry.timestamps if at <= end)
    newest = max(times, default=None)
    if newest is None:
        return None
    return (seen.plan.now - EPOCH - timedelta(microseconds=newest)).total_seconds()


def read_history(seen: Seen) -> dict[int, bool]:
    """Return for each number of days back whether there was a sample. Refused requests are missing."""
    asked = ((days, seen.find(Purpose.BACK.format(days))) for days in DAYS_BACK)
    return {days: exchange.has_samples for days, exchange in asked if exchange}


def read_granularities(seen: Seen) -> dict[str, bool]:
    """Return for each granularity that was requested whether the API answered with a page."""
    return {text: bool(exchange.page) for text, exchange in _by_granularity(seen).items()}


def read_second_token(seen: Seen) -> bool | None:
    """Return whether a second token ended the first one; None if that was not tried or not clear."""
    exchange = seen.find_last(Purpose.FIRST_TOKEN)
    if exchange and (exchange.page or _is_unknown_token(exchange)):
        return exchange.page is None
    return None


def _failed(exchange: Exchange | None) -> Finding:
    """Make the finding of a failed request: what happened, what the server says, the next step."""
    if exchange is None or exchange.error is None:
        return Finding(NOT_SEEN, "No response shows it.")
    lines = dict.fromkeys((exchange.what, *exchange.said))
    evidence = " ".join(line if line.endswith(".") else f"{line}." for line in lines)
    return Finding(SURE, evidence, do=one_line(exchange.error.next_step), shown=exchange.said)


def _answered(exchange: Exchange) -> str:
    """Say whether the samples have the step of the request: its window has one step, or both its ends."""
    most = max((len(set(entry.timestamps)) for entry in exchange.entries), default=0)
    return "yes" if most <= _BOTH_ENDS else f"yes, but with {most:,} samples in one step"


def _plain(header: str) -> str:
    return header if _HEADER.fullmatch(header) else "an odd header"


def _token_body(seen: Seen) -> dict[str, object]:
    body = parse_body(seen.token.response.body) if seen.token and seen.token.response else None
    return body if isinstance(body, dict) else {}


def _ctxtid_of(exchange: Exchange) -> tuple[str, ...]:
    return (exchange.query.ctxtid if exchange.query else None) or ()


def _by_granularity(seen: Seen) -> dict[str, Exchange]:
    found = {}
    for one in seen.exchanges:
        if one.query and one.purpose in (Purpose.STEP, *_GRANULARITY_PURPOSES):
            found[one.query.granularity.text] = one
    return found


def _is_unknown_token(exchange: Exchange) -> bool:
    """Whether a token was refused, but not because its time is over."""
    code = api_code(exchange.response) if exchange.response else None
    return isinstance(exchange.error, EvplAuthError) and code != _EXPIRED
