import json
from collections.abc import Callable
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
    EvplPermanentError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplUnavailableError,
)
from airflow_provider_evpl.sandbox.server import SandboxServer
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
def test_a_request() -> None:
    """A page is asked for as Orange's document says: headers, parameters in order, times in UTC."""
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
    assert page == structs.replace(PageDecoder().decode(json.dumps(report()).encode()), request_id=REQUEST_ID)
    assert api.client.requests_sent == 1


@pytest.mark.contract("connection.base-URL", "connection.token_url", "connection.job", "gap.A15", "gap.A32")
def test_what_a_connection_may_change() -> None:
    """Job, offer type and `ctxtid` are the settings'; escaped, they can't leave their place in the URL."""
    with serving(_reply) as server:
        urls = {"base_url": f"{server.url}/base", "token_url": f"{server.url}/token"}
        with Client(settings(**urls, job="../a b?", offer_type="x&y", ctxtid=())) as client:
            client.page(QUERY, 1)
    assert [request["path"].partition("&startTime")[0] for request in server.seen] == [
        "/token",
        "/base/api-monitoring-live/v1/pm_jobs/..%2Fa%20b%3F/reports/UTILIZATION?codeOpe=0042",
    ]
    assert server.seen[1]["path"].endswith("&offer_type=x%26y&granularity=300s")


def test_each_request_says_who_asks() -> None:
    """The token's request and the report's have the package and its version as their `User-Agent`."""
    with (
        serving(_reply) as server,
        Client(settings(base_url=server.url, token_url=f"{server.url}/token")) as client,
    ):
        client.page(QUERY, 1)
    assert [one["User-Agent"] for one in server.seen] == [f"airflow-provider-evpl/{__version__}"] * 2


@pytest.mark.contract("result.pages")
def test_check_token() -> None:
    """The token is asked for once, and a passing failure is waited out."""
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
def test_a_permanent_error_is_sent_once(status: int, code: object, kind: type[EvplError]) -> None:
    """A permanent error is never hammered, and says which request it was and what the API said."""
    with scripted([problem(status, code, f"no {SECRET}")]) as api, pytest.raises(kind) as raised:
        api.client.page(QUERY, 26)
    assert isinstance(raised.value, EvplPermanentError)
    assert f"report of {QUERY.window} from index 26: {status}" in str(raised.value)
    assert "what - no ***" in str(raised.value)
    assert REQUEST_ID in str(raised.value)
    assert api.client.requests_sent == api.reports.call_count == 1


@pytest.mark.parametrize("refused", [answer(401, json={}), answer(400, json={"error": "invalid_client"})])
def test_refused_credentials_are_sent_once(refused: dict[str, Any]) -> None:
    """Wrong credentials are asked with once in a client's life; no report is asked for."""
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
def test_what_may_pass_is_waited_for(status: int, code: int, kind: type[EvplError]) -> None:
    """A passing failure is asked again, ten times at most; each request is counted."""
    failing = problem(status, code, f"no {SECRET}")
    with scripted([failing, failing, OK]) as api:
        api.client.page(QUERY, 1)
        assert api.client.requests_sent == 3
    with scripted([failing]) as api, pytest.raises(kind, match=r"no \*\*\*.*gave up after 10 attempts"):
        api.client.page(QUERY, 1)
    assert api.reports.call_count == 10


@pytest.mark.contract("connection.max_retry_seconds")
def test_a_retry_after_too_far_away() -> None:
    """A wait beyond what is left is an error at once, without sleeping and asking again."""
    slow = problem(429, 53) | {"headers": {"Retry-After": "301"}}
    with scripted([slow]) as api, pytest.raises(EvplRateLimitError, match="asked to wait 301 s"):
        api.client.page(QUERY, 1)
    assert api.reports.call_count == 1
    assert max(api.clock.slept) < 1


def test_a_retry_after_is_kept_to() -> None:
    """The next request is sent as long after as the server asked for."""
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
def test_an_answer_that_is_no_report(body: bytes, kind: type[EvplError], count: int) -> None:
    """Half an answer is asked for again; one that is no report is permanent; both tell the request id."""
    with scripted([answer(content=body)]) as api, pytest.raises(kind, match=REQUEST_ID) as raised:
        api.client.page(QUERY, 1)
    assert f"report of {QUERY.window} from index 1: the answer is no" in str(raised.value)
    assert api.reports.call_count == count


@pytest.mark.contract("messages.no-secret")
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_tokens_are_hidden(echo: Callable[[str], str]) -> None:
    """A token that the API echoes is hidden like any secret, one that was renewed too."""
    tokens = [answer(json=TOKEN | {"access_token": text}) for text in ("t/1+=<&>'", "t/2+=<&>'")]
    told = f"{echo('t/1+=<&>' + chr(39))} {echo('t/2+=<&>' + chr(39))}"
    with (
        scripted([problem(401, 41, told)], tokens) as api,
        pytest.raises(EvplAuthError, match=r" \*\*\* \*\*\* "),
    ):
        api.client.page(QUERY, 1)


def test_an_echo_in_the_request_id() -> None:
    """A secret is hidden even where half an answer has it for a request id."""
    half = answer(content=b"{", headers={"X-OAPI-Request-Id": "token-1"})
    with scripted([half]) as api, pytest.raises(EvplUnavailableError, match=r"\(request id \*\*\*\)"):
        api.client.page(QUERY, 1)


def test_a_session_of_its_own() -> None:
    """A client without a session makes one."""
    with SandboxServer() as server, Client(sandboxed(server)) as client:
        assert client.page(QUERY, 1).entry_count == 25


def test_the_session_is_closed() -> None:
    """A client closes its session, one that it was given too."""
    closed: list[str] = []

    class Session(requests.Session):
        def close(self) -> None:
            closed.append("closed")
            super().close()

    with Client(settings(), session=Session()):
        assert closed == []
    assert closed == ["closed"]
