"""Pages of a client: what is requested, what is retried, what an error says."""

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests
from msgspec import structs

from airflow_provider_evpl import __version__
from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.decode.decoder import PageDecoder
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplError,
    EvplForbiddenError,
    EvplPagingError,
    EvplPermanentError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplRetryableError,
    EvplUnavailableError,
)
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import Granularity
from tests.support.api import (
    ECHOES,
    QUERY,
    REQUEST_ID,
    SECRET,
    TOKEN,
    answer,
    problem,
    replying,
    report,
    sandboxed,
    scripted,
    serving,
    settings,
)

OK = answer(json=report())
TOKENS = [answer(json=TOKEN | {"access_token": f"token-{number}"}) for number in range(1, 5)]
ENTRY = {"objectInstanceId": "a", "metric_name": "m", "performanceValues": []}


def _reply(handler: BaseHTTPRequestHandler) -> None:
    replying(json.dumps(TOKEN if handler.command == "POST" else report()).encode())(handler)


@pytest.mark.contract("connection.application_id", "connection.ctxtid", "connection.job", "pull.code_ope")
@pytest.mark.contract("gap.A1", "gap.A3", "gap.A8", "gap.A9", "gap.A15", "gap.A17", "gap.A18", "gap.A32")
def test_page_is_requested_as_documented() -> None:
    """A request has the headers, the parameters in order and the UTC times of Orange's document."""
    with scripted([OK]) as api:
        page = api.client.page(QUERY, 26)
    (request,) = api.reports.request_history
    assert request.headers["Authorization"] == "Bearer token-1"
    assert request.headers["ApplicationID"] == "application"
    assert request.headers["pagination"] == "26"
    assert request.url.partition("?")[2] == (
        "codeOpe=0042&startTime=2026-11-22T00%3A00%3A00.000Z&endTime=2026-11-22T01%3A00%3A00.000Z"
        "&offer_type=EVPL&granularity=300s&ctxtid=wses&ctxtid=vsn"
    )
    decoded = PageDecoder().decode(json.dumps(report()).encode())
    assert page == structs.replace(decoded, request_id=REQUEST_ID, seconds=page.seconds)
    assert page.seconds > 0
    assert api.client.requests_sent == 1


@pytest.mark.contract("connection.base-URL", "connection.token_url", "connection.job", "gap.A15", "gap.A32")
def test_job_offer_type_and_ctxtid_are_escaped() -> None:
    """Job, offer type and `ctxtid` come from the settings, and can't leave their place in the URL."""
    with serving(_reply) as server:
        urls = {"base_url": f"{server.url}/base", "token_url": f"{server.url}/token"}
        with Client(settings(**urls, job="../a b?", offer_type="x&y", ctxtid=())) as client:
            client.page(QUERY, 1)
    assert [request["path"].partition("&startTime")[0] for request in server.seen] == [
        "/token",
        "/base/api-monitoring-live/v1/pm_jobs/..%2Fa%20b%3F/reports/UTILIZATION?codeOpe=0042",
    ]
    assert server.seen[1]["path"].endswith("&offer_type=x%26y&granularity=300s")


def test_each_request_has_the_user_agent() -> None:
    """Requests for tokens and reports have the package and its version as `User-Agent`."""
    with (
        serving(_reply) as server,
        Client(settings(base_url=server.url, token_url=f"{server.url}/token")) as client,
    ):
        client.page(QUERY, 1)
    assert [one["User-Agent"] for one in server.seen] == [f"airflow-provider-evpl/{__version__}"] * 2


@pytest.mark.contract("result.pages")
def test_check_token_requests_one_token() -> None:
    """The token is requested once, and a temporary error is retried."""
    with scripted([OK], [answer(503), *TOKENS]) as api:
        api.client.check_token()
        api.client.check_token()
    assert (api.tokens.call_count, api.client.requests_sent) == (2, 0)


@pytest.mark.contract("gap.A1", "gap.A24", "gap.A25")
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 25, EvplRequestError),
        (403, 50, EvplForbiddenError),
        (404, 60, EvplRequestError),
        (415, 68, EvplRequestError),
        (422, 422, EvplRequestError),
        (302, None, EvplResponseError),
        (204, None, EvplResponseError),
    ],
)
def test_permanent_error_is_not_retried(status: int, code: object, kind: type[EvplError]) -> None:
    """A refused request is sent once; the error says which request it was and what the API said."""
    with scripted([problem(status, code, f"no {SECRET}")]) as api, pytest.raises(kind) as raised:
        api.client.page(QUERY, 26)
    assert isinstance(raised.value, EvplPermanentError)
    assert raised.value.what.startswith("report of 2026-11-22T00:00/01:00Z, index 26: The API ")
    assert f"({status}" in raised.value.what
    assert raised.value.detail == f"Response: what - no ***\nRequest id: {REQUEST_ID}"
    assert api.client.requests_sent == api.reports.call_count == 1


def test_pages_that_do_not_add_up_name_slice_and_setting() -> None:
    """The error has the slice, the page and the setting that says how pages are counted."""
    pages = [
        answer(json=report(ENTRY, totalPages=2, hasNext=True)),
        answer(json=report(ENTRY, currentPage=3)),
    ]
    with scripted(pages) as api, pytest.raises(EvplPagingError) as raised:
        list(api.client.pages(QUERY))
    assert raised.value.what == "report of 2026-11-22T00:00/01:00Z, page 2: currentPage is 3, expected 2."
    assert raised.value.next_step == "If the error stays, set pagination to page in the connection."
    assert raised.value.detail == f"Request id: {REQUEST_ID}"


@pytest.mark.parametrize("refused", [answer(401, json={}), answer(400, json={"error": "invalid_client"})])
def test_refused_credentials_are_sent_once(refused: dict[str, Any]) -> None:
    """A client sends wrong credentials once, and then requests no report."""
    with scripted([OK], [refused]) as api:
        for _ in range(3):
            with pytest.raises(EvplAuthError):
                api.client.page(QUERY, 1)
    assert (api.tokens.call_count, api.reports.call_count) == (1, 0)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, 53, EvplRateLimitError),
        (429, 53, EvplRateLimitError),
        (408, 63, EvplUnavailableError),
        *((status, 5, EvplUnavailableError) for status in (500, 502, 503, 504)),
    ],
)
def test_temporary_error_is_retried(status: int, code: int, kind: type[EvplError]) -> None:
    """A request is repeated after a temporary error, ten times at most; each request is counted."""
    failing = problem(status, code, f"no {SECRET}")
    with scripted([failing, failing, OK]) as api:
        api.client.page(QUERY, 1)
        assert api.client.requests_sent == 3
    with scripted([failing]) as api, pytest.raises(kind, match=r"no \*\*\*\n.*\nGave up after 10 attempts"):
        api.client.page(QUERY, 1)
    assert api.reports.call_count == 10


@pytest.mark.contract("connection.max_retry_seconds")
def test_too_long_retry_after_fails_at_once() -> None:
    """A wait beyond the limit is an error at once, without a wait or another request."""
    slow = problem(429, 53) | {"headers": {"Retry-After": "301"}}
    with scripted([slow]) as api, pytest.raises(EvplRateLimitError, match="asks to wait 301 s"):
        api.client.page(QUERY, 1)
    assert api.reports.call_count == 1
    assert max(api.clock.slept) < 1


def test_retry_after_is_kept() -> None:
    """The next request is sent after the seconds that the server asks for."""
    slow = problem(503, 5) | {"headers": {"Retry-After": "123"}}
    with scripted([slow, OK]) as api:
        api.client.page(QUERY, 1)
    assert 123 in api.clock.slept


@pytest.mark.parametrize(
    ("body", "kind", "count"),
    [
        (b"", EvplUnavailableError, 10),
        (b"<html>maintenance</html>", EvplUnavailableError, 10),
        (b'{"hasNext": false, "entr', EvplUnavailableError, 10),
        (b'{"hasNext": false}', EvplResponseError, 1),
        (b'{"entries": []}', EvplResponseError, 1),
        (b"[]", EvplResponseError, 1),
    ],
)
def test_response_without_report_is_an_error(body: bytes, kind: type[EvplError], count: int) -> None:
    """Half a response is requested again; JSON without a report is permanent; both have the request id."""
    with scripted([answer(content=body)]) as api, pytest.raises(kind, match=REQUEST_ID) as raised:
        api.client.page(QUERY, 1)
    assert raised.value.what.startswith("report of 2026-11-22T00:00/01:00Z, index 1: ")
    assert "The response is not" in raised.value.what or "the response is not" in raised.value.what
    assert raised.value.next_step
    assert api.reports.call_count == count


@pytest.mark.contract("messages.no-secret")
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_echoed_tokens_are_redacted(echo: Callable[[str], str]) -> None:
    """A token that the API echoes is redacted like any secret, also after its renewal."""
    tokens = [answer(json=TOKEN | {"access_token": text}) for text in ("t/1+=<&>'", "t/2+=<&>'")]
    told = f"{echo('t/1+=<&>' + chr(39))} {echo('t/2+=<&>' + chr(39))}"
    with (
        scripted([problem(401, 41, told)], tokens) as api,
        pytest.raises(EvplAuthError, match=r" \*\*\* \*\*\*\n"),
    ):
        api.client.page(QUERY, 1)


def test_secret_in_a_request_id_is_redacted() -> None:
    """A secret is redacted even if half a response has it as its request id."""
    half = answer(content=b"{", headers={"X-OAPI-Request-Id": "token-1"})
    with scripted([half]) as api, pytest.raises(EvplUnavailableError, match=r"Request id: \*\*\*"):
        api.client.page(QUERY, 1)


def test_client_makes_its_own_session() -> None:
    """A client without a session makes one."""
    with SandboxServer() as server, Client(sandboxed(server)) as client:
        assert client.page(QUERY, 1).entry_count == 25


def test_client_closes_its_session() -> None:
    """A client closes its session, also a session that it was given."""
    closed: list[str] = []

    class Session(requests.Session):
        def close(self) -> None:
            closed.append("closed")
            super().close()

    with Client(settings(), session=Session()):
        assert closed == []
    assert closed == ["closed"]


Reply = Callable[[BaseHTTPRequestHandler], object]
FAILURES: dict[str, Reply] = {
    "silence": lambda _: None,
    "cut": replying(b"{", Content_Length="9"),
    "half": replying(b"{"),
    "other": replying(b"[]"),
    "moved": replying(b"", status=302),
    "refused": replying(b"", status=404),
    "away": replying(b"", status=503),
    "huge": replying(gzip.compress(bytes(65 << 20), 1), Content_Encoding="gzip"),
}


def _failure(token: Reply, report: Reply) -> EvplError:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        (token if handler.path == "/token" else report)(handler)

    with serving(reply) as server:
        urls = {"base_url": server.url, "token_url": f"{server.url}/token"}
        with Client(settings(**urls, max_retry_seconds=0)) as client, pytest.raises(EvplError) as raised:
            client.page(QUERY, 26)
    return raised.value


@pytest.mark.contract("errors.message")
@pytest.mark.parametrize("failing", FAILURES.values(), ids=FAILURES)
def test_error_says_which_request_failed_and_what_to_do(failing: Reply) -> None:
    """The error of a report has its slice and index; every error has a next step, in short lines."""
    reported = _failure(replying(json.dumps(TOKEN).encode()), failing)
    assert reported.what.startswith("report of 2026-11-22T00:00/01:00Z, index 26: ")
    token = _failure(failing, failing)
    assert not token.what.startswith("report")
    for error in (reported, token):
        assert isinstance(error, EvplPermanentError) or "Run again" in error.next_step
        assert isinstance(error, EvplRetryableError) or re.search("Check|Pull|Report", error.next_step)
    shorter = str(reported).replace("2026-11-22T00:00/01:00Z", "2026-11-22")
    lines = f"{token}\n{shorter}".splitlines()
    assert [line for line in lines if len(line) > 90] == []


def _refusal(granularity: str, status: int) -> EvplError:
    query = replace(QUERY, granularity=Granularity(granularity))
    with scripted([problem(status, None)]) as api, pytest.raises(EvplPermanentError) as raised:
        api.client.page(query, 1)
    return raised.value


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(("granularity", "seconds"), [("5m", "300s"), ("m", "60s"), ("015m", "900s")])
def test_refused_granularity_in_months_names_minutes(status: int, granularity: str, seconds: str) -> None:
    """Orange's `m` means months: the next step starts with what to write for minutes."""
    other, refused = _refusal("300s", status), _refusal(granularity, status)
    assert refused.what == other.what
    hint = f"Granularity {Granularity(granularity).text} means months; for minutes, write {seconds}."
    assert refused.next_step == f"{hint}\n{other.next_step}"


@pytest.mark.parametrize(("granularity", "status"), [("5m", 404), ("5m", 403), ("5ms", 422), ("1h", 400)])
def test_other_refusal_does_not_name_minutes(granularity: str, status: int) -> None:
    """The granularity is not the reason for another status, and only `m` is mistaken for minutes."""
    assert _refusal(granularity, status).next_step == _refusal("300s", status).next_step


def test_sandbox_refuses_granularity_in_months() -> None:
    """A whole exchange with a granularity that the network has no samples for."""
    query = replace(QUERY, granularity=Granularity("5m"))
    with (
        SandboxServer() as server,
        Client(sandboxed(server)) as client,
        pytest.raises(EvplRequestError, match=r"422/422.*\n.*Granularity 5m means months; .* write 300s"),
    ):
        client.page(query, 1)
