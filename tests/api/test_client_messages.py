import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.errors import EvplError, EvplPermanentError, EvplRequestError
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import Granularity
from tests.support.api import (
    QUERY,
    REQUEST_ID,
    TOKEN,
    problem,
    replying,
    sandboxed,
    scripted,
    serving,
    settings,
)

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
def test_it_says_which_request_failed_and_what_to_do(failing: Reply) -> None:
    """Slice and index of a report, or that it was the token's; then why, the request id, the next step."""
    reported = _failure(replying(json.dumps(TOKEN).encode()), failing)
    assert str(reported).startswith(f"report of {QUERY.window} from index 26: ")
    for error in (reported, _failure(failing, failing)):
        told, found, step = str(error).partition("(request id none); ")
        assert found
        assert told.startswith(("report of", "token request: "))
        stays, found, later = step.partition("; run again later")
        assert bool(found) != isinstance(error, EvplPermanentError)
        assert not later
        assert stays.startswith("if the error stays, ") == bool(found)
        assert found or "check" in step or step == "pull shorter slices"


def _refusal(granularity: str, status: int) -> str:
    query = replace(QUERY, granularity=Granularity(granularity))
    with scripted([problem(status, None)]) as api, pytest.raises(EvplPermanentError) as raised:
        api.client.page(query, 1)
    return str(raised.value)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(("granularity", "seconds"), [("5m", "300s"), ("m", "60s"), ("015m", "900s")])
def test_a_refused_granularity_in_months_names_minutes(status: int, granularity: str, seconds: str) -> None:
    """Orange's `m` means months: a refusal says what to write for minutes, then what it says of others."""
    told, found, step = _refusal("300s", status).partition(f"(request id {REQUEST_ID}); ")
    assert found
    hint = f"m means months, for minutes write {seconds}; if you mean months: {step}"
    refused = _refusal(granularity, status)
    assert refused.startswith(told)
    assert refused.endswith(hint)


@pytest.mark.parametrize(("granularity", "status"), [("5m", 404), ("5m", 403), ("5ms", 422), ("1h", 400)])
def test_other_refusals_do_not_speak_of_months(granularity: str, status: int) -> None:
    """The granularity is not the reason for another status, and only `m` is mistaken for minutes."""
    assert _refusal(granularity, status) == _refusal("300s", status)


def test_the_sandbox_refuses_minutes_as_months() -> None:
    """A whole exchange with a granularity that the network isn't measured with."""
    query = replace(QUERY, granularity=Granularity("5m"))
    with (
        SandboxServer() as server,
        Client(sandboxed(server)) as client,
        pytest.raises(EvplRequestError, match=r"422/422.*granularity 5m: m means months, .* write 300s"),
    ):
        client.page(query, 1)
