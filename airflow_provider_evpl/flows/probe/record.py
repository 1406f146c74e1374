"""The content of `probe.json`, which may be shown to anybody, and of `probe-support.json`."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from airflow_provider_evpl import __version__
from airflow_provider_evpl.api.error_mapping import api_code
from airflow_provider_evpl.api.transport import Response
from airflow_provider_evpl.decode.schema import ENTRY_NAMES, PAGE_NAMES, SAMPLE_NAMES
from airflow_provider_evpl.flows.probe.access import (
    read_form,
    read_granularities,
    read_history,
    read_lifetime,
    read_newest,
    read_second_token,
)
from airflow_provider_evpl.flows.probe.anonymous import Names, names_of
from airflow_provider_evpl.flows.probe.answer import Finding
from airflow_provider_evpl.flows.probe.asking import Exchange, Seen
from airflow_provider_evpl.flows.probe.paging import has_several_pages, read_header, second_page
from airflow_provider_evpl.flows.probe.plan import Purpose
from airflow_provider_evpl.flows.probe.samples import read_bounds, read_order, read_position
from airflow_provider_evpl.window import iso

__all__ = ["make_record", "make_support"]

_FORMAT: Final = 1
_MOST_HEADERS: Final = 50
_REPORT_PATH: Final = "/api-monitoring-live/v1/pm_jobs/{job}/reports/UTILIZATION"
_TOKEN_FIELDS: Final = {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
_ERROR_FIELDS: Final = {"code", "message", "description", "infoURL", "error", "error_description"}
_KNOWN: Final = {*PAGE_NAMES, *ENTRY_NAMES, *SAMPLE_NAMES, *_TOKEN_FIELDS, *_ERROR_FIELDS, ""}
_SEPARATOR: Final = re.compile(r"\.|\[\]")
_SHORTEST_IN_IDS: Final = 6
_PARAMETERS: Final = ("codeOpe", "startTime", "endTime", "offer_type", "granularity")


def make_record(
    seen: Seen, findings: Sequence[Finding], stopped: str, *, redact: Callable[[str], str]
) -> dict[str, Any]:
    """Return requests, shapes of responses, readings and findings, without names and secrets."""
    names = names_of(seen, redact)
    return {
        "format": _FORMAT,
        "provider": __version__,
        "now": iso(seen.plan.now.replace(microsecond=0)),
        "day": f"{seen.plan.day:%Y-%m-%d}",
        "stopped": stopped,
        "readings": _readings(seen),
        "requests": [_request(seen, exchange, names) for exchange in seen.exchanges],
        "findings": [_finding(one, names) for one in findings],
    }


def make_support(seen: Seen, *, redact: Callable[[str], str]) -> dict[str, Any]:
    """Return the request ids, which only Orange can use."""
    names = names_of(seen, redact)
    ids = ((one.number, one.response.request_id) for one in seen.exchanges if one.response)
    return {
        "format": _FORMAT,
        "request_ids": [{"number": number, "id": _id(text, names)} for number, text in ids if text],
    }


def _readings(seen: Seen) -> dict[str, Any]:
    bounds, position = read_bounds(seen), read_position(seen)
    token = next((one for one in seen.exchanges if one.token_auth and not one.error), None)
    expires_in, kind = read_lifetime(seen)
    return {
        "token_auth": token.token_auth if token else None,
        "expires_in": expires_in,
        "expires_in_type": kind if token else None,
        "second_token_ends_first": read_second_token(seen),
        "ctxtid": read_form(seen),
        **_page_readings(seen),
        "start_included": bounds.start,
        "end_included": bounds.end,
        "timestamp": position[0],
        "granularities": read_granularities(seen),
        "granularity": seen.granularity.text if seen.granularity else None,
        "zone": _only(seen, "zones"),
        "decimals": _only(seen, "decimals"),
        "order": read_order(seen),
        "values": _only(seen, "values"),
        "history": {str(days): has_data for days, has_data in read_history(seen).items()},
        "newest_age_seconds": read_newest(seen),
    }


def _page_readings(seen: Seen) -> dict[str, Any]:
    first, second = seen.find(Purpose.PAGE), second_page(seen)
    if first is None or first.page is None:
        return {}
    numbers = [one.page.current_page for one in (first, second) if one and one.page]
    return {
        "pagination": read_header(seen),
        "page_size": first.page.entry_count if has_several_pages(seen) else None,
        "entries": first.page.entry_count,
        "first_page": numbers[0],
        "current_page": _numbering(*numbers),
        "total_pages": first.page.total_pages,
    }


def _numbering(first: int | None, second: int | None = None) -> str:
    """Return whether the numbers of two pages are filled, missing, or the same."""
    if first is None:
        return "missing"
    if first != second:
        return "filled"
    return "stuck" if first else "zero"


def _only(seen: Seen, name: str) -> Any:  # noqa: ANN401 text or a number
    """Return what is counted, `mixed` if there are several kinds, None if there is none."""
    kinds = {kind for one in seen.reports for kind in getattr(one.facts, name)}
    return kinds.pop() if len(kinds) == 1 else "mixed" if kinds else None


def _request(seen: Seen, exchange: Exchange, names: Names) -> dict[str, Any]:
    sent = _report_sent(seen, exchange, names) if exchange.asked else _token_sent(seen, exchange, names)
    return {
        "number": exchange.number,
        "purpose": exchange.purpose,
        **sent,
        "response": _response(exchange, exchange.response, names) if exchange.response else None,
        "error": _error(exchange, names) if exchange.error else None,
    }


def _token_sent(seen: Seen, exchange: Exchange, names: Names) -> dict[str, Any]:
    is_basic = exchange.token_auth == "basic"  # noqa: S105 the name of a way
    return {
        "method": "POST",
        "host": names.host(seen.settings.token_url),
        "path": "{token_url}",
        "parameters": [],
        "headers": ["Accept", "Authorization"] if is_basic else ["Accept"],
        "form": ["grant_type"] if is_basic else ["grant_type", "client_id", "client_secret"],
    }


def _report_sent(seen: Seen, exchange: Exchange, names: Names) -> dict[str, Any]:
    assert exchange.asked  # noqa: S101 the caller checks it
    query = exchange.asked.query
    ctxtid = seen.settings.ctxtid if query.ctxtid is None else query.ctxtid
    return {
        "method": "GET",
        "host": names.host(seen.settings.base_url),
        "path": _REPORT_PATH,
        "parameters": [*_PARAMETERS, *("ctxtid" for _ in ctxtid)],
        "headers": ["Accept", "ApplicationID", "Authorization", "pagination"],
        "form": [],
        "granularity": query.granularity.text,
        "start": iso(query.window.start),
        "end": iso(query.window.end),
        "index": exchange.asked.pagination,
        "code_ope": names.add("operator", query.code_ope),
    }


def _response(exchange: Exchange, response: Response, names: Names) -> dict[str, Any]:
    return {
        "status": response.status,
        "seconds": round(response.seconds, 3),
        "bytes": exchange.size,
        "headers": [names.hide(name) for name in sorted(response.headers)[:_MOST_HEADERS]],
        "shape": {_path(path, names): dict(types) for path, types in exchange.shape.items()},
    }


def _path(path: str, names: Names) -> str:
    """Return the path of a field; a name that is not documented may hold anything."""
    return path if set(_SEPARATOR.split(path)) <= _KNOWN else names.hide(path)


def _error(exchange: Exchange, names: Names) -> dict[str, Any]:
    return {
        "kind": type(exchange.error).__name__,
        "code": api_code(exchange.response) if exchange.response else None,
        "text": " ".join(map(names.hide, exchange.said)),
    }


def _finding(finding: Finding, names: Names) -> dict[str, Any]:
    evidence, consequence = finding.evidence, finding.consequence
    for text in sorted(filter(None, finding.shown), key=len, reverse=True):
        hidden = names.hide(text)
        evidence, consequence = evidence.replace(text, hidden), consequence.replace(text, hidden)
    return {
        "question": finding.question,
        "certainty": finding.certainty,
        "verdict": finding.verdict,
        "evidence": evidence,
        "consequence": consequence,
        "settings": dict(finding.settings),
    }


def _id(request_id: str, names: Names) -> str:
    return names.replace(request_id, shortest=_SHORTEST_IN_IDS)
