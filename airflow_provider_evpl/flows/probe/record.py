"""The content of `probe.json`, which may be shown to anybody, and of `probe-support.json`."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from airflow_provider_evpl import __version__
from airflow_provider_evpl.api.client import Query
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

__all__ = ["make_files"]

_FORMAT: Final = 1
_MOST_HEADERS: Final = 50
_REPORT_PATH: Final = "/api-monitoring-live/v1/pm_jobs/{job}/reports/UTILIZATION"
_TOKEN_FIELDS: Final = {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
_ERROR_FIELDS: Final = {"code", "message", "description", "infoURL", "error", "error_description"}
_KNOWN: Final = {*PAGE_NAMES, *ENTRY_NAMES, *SAMPLE_NAMES, *_TOKEN_FIELDS, *_ERROR_FIELDS, ""}
_SEPARATOR: Final = re.compile(r"\.|\[\]")
_SHORTEST_IN_IDS: Final = 6
_PARAMETERS: Final = ("codeOpe", "startTime", "endTime", "offer_type", "granularity")


def make_files(
    seen: Seen, findings: Sequence[Finding], stopped: str, *, redact: Callable[[str], str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the record, without names and secrets, and the request ids, which only Orange can use."""
    names = names_of(seen, redact)
    ids = {one.number: one.response.request_id for one in seen.exchanges if one.response}
    support = [
        {"number": number, "id": names.replace(text, shortest=_SHORTEST_IN_IDS)}
        for number, text in ids.items()
        if text
    ]
    for text in ids.values():
        names.add("request", text)
    record = {
        "format": _FORMAT,
        "provider": __version__,
        "now": iso(seen.plan.now.replace(microsecond=0)),
        "day": f"{seen.plan.day:%Y-%m-%d}",
        "stopped": stopped,
        "readings": _readings(seen),
        "requests": [_request(seen, exchange, names) for exchange in seen.exchanges],
        "findings": [_finding(one, names) for one in findings],
    }
    return record, {"format": _FORMAT, "request_ids": support}


def _readings(seen: Seen) -> dict[str, Any]:
    bounds, position = read_bounds(seen), read_position(seen)
    expires_in, kind = read_lifetime(seen)
    return {
        "token_auth": seen.token.token_auth if seen.token else None,
        "expires_in": expires_in,
        "expires_in_type": kind if seen.token else None,
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
    first, second = seen.find(Purpose.PAGE), seen.find(second_page(seen))
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
    if exchange.query:
        sent = _report_sent(seen, exchange.query, exchange.index, names)
    else:
        sent = _token_sent(seen, exchange, names)
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


def _report_sent(seen: Seen, query: Query, index: int, names: Names) -> dict[str, Any]:
    return {
        "method": "GET",
        "host": names.host(seen.settings.base_url),
        "path": _REPORT_PATH,
        "parameters": [*_PARAMETERS, *("ctxtid" for _ in query.ctxtid or ())],
        "headers": ["Accept", "ApplicationID", "Authorization", "pagination"],
        "form": [],
        "granularity": query.granularity.text,
        "start": iso(query.window.start),
        "end": iso(query.window.end),
        "index": index,
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
    return path if set(_SEPARATOR.split(path)) <= _KNOWN else names.hide(path, is_path=True)


def _error(exchange: Exchange, names: Names) -> dict[str, Any]:
    text = " ".join(dict.fromkeys((exchange.what, *exchange.said)))
    return {
        "kind": type(exchange.error).__name__,
        "code": api_code(exchange.response) if exchange.response else None,
        "text": _hidden(text, exchange.said, names),
    }


def _finding(finding: Finding, names: Names) -> dict[str, Any]:
    return {
        "question": finding.question,
        "certainty": finding.certainty,
        "verdict": finding.verdict,
        "evidence": _hidden(finding.evidence, finding.shown, names),
        "consequence": _hidden(finding.consequence, finding.shown, names),
        "settings": dict(finding.settings),
    }


def _hidden(text: str, shown: Sequence[str], names: Names) -> str:
    """Hide the texts of the server as whole words, because `in` is a part of ours, too."""
    longest_first = sorted(filter(None, shown), key=len, reverse=True)
    pattern = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)" if longest_first else r"(\Z)"
    pieces = re.split(pattern, text)
    return "".join(names.hide(one) if at % 2 else names.hide_own(one) for at, one in enumerate(pieces))
