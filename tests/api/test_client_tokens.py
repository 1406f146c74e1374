"""Tokens that the API refuses, revokes or lets expire while pages are read."""

import itertools
import threading
from dataclasses import replace

import pytest
from msgspec import structs

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.errors import EvplAuthError, EvplUnavailableError
from airflow_provider_evpl.models import Page
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.api import QUERY, REQUEST_ID, TOKEN, Clock, answer, problem, report, sandboxed, scripted

OK = answer(json=report())
TOKENS = [answer(json=TOKEN | {"access_token": f"token-{number}"}) for number in range(1, 5)]


@pytest.mark.parametrize("code", [41, "41", 42, "42", None, 99])
def test_refused_token_is_renewed_once(code: object) -> None:
    """On 401 the token is renewed, and the same page is requested again at once."""
    with scripted([problem(401, code), OK], TOKENS) as api:
        api.client.page(QUERY, 51)
    assert api.sent_tokens == ["Bearer token-1", "Bearer token-2"]
    assert [request.headers["pagination"] for request in api.reports.request_history] == ["51", "51"]
    assert (api.tokens.call_count, api.client.requests_sent) == (2, 2)


@pytest.mark.parametrize("code", [41, 42])
def test_second_refusal_is_permanent(code: int) -> None:
    """A second 401 is a permanent error, after one more token and one more request, without a wait."""
    with scripted([problem(401, code)], TOKENS) as api, pytest.raises(EvplAuthError, match=f"401/{code}"):
        api.client.page(QUERY, 1)
    assert (api.tokens.call_count, api.reports.call_count) == (2, 2)
    assert max(api.clock.slept) < 1


def test_page_with_a_certain_token_renews_none() -> None:
    """A probe asks whether the first of two tokens is still valid; a refusal is the answer."""
    seen: list[int] = []
    with scripted([OK, problem(401, 41)], TOKENS, max_retry_seconds=0) as api:
        client = Client(
            api.client.settings, session=api.session, on_response=lambda one: seen.append(one.status)
        )
        first, second = client.new_token(), client.new_token(token_auth="post")
        query = replace(QUERY, ctxtid=("a,b",))
        client.page_with(second, query, 7)
        with pytest.raises(EvplAuthError, match="401/41"):
            client.page_with(first, query, 7)
    assert api.sent_tokens == ["Bearer token-2", "Bearer token-1"]
    assert api.tokens.request_history[1].text.count("client_id=") == 1
    assert "ctxtid=a%2Cb" in api.reports.last_request.url
    assert seen == [200, 200, 200, 401]


@pytest.mark.parametrize("code", [40, "40"])
def test_missing_credentials_fail_at_once(code: object) -> None:
    """401/40 says that there were no credentials, so no other token is requested."""
    with scripted([problem(401, code)]) as api, pytest.raises(EvplAuthError):
        api.client.page(QUERY, 1)
    assert (api.tokens.call_count, api.reports.call_count) == (1, 1)


@pytest.mark.parametrize("parallelism", [1, 4])
def test_revoked_token_costs_one_renewal(parallelism: int) -> None:
    """If tokens are revoked between pages, one is renewed, and the pages stay the same."""
    with SandboxServer(SandboxConfig(page_size=7)) as server:
        clock = Clock()
        with Client(sandboxed(server), clock=clock, sleep=clock.sleep) as client:

            def read() -> list[Page]:
                return list(client.pages(QUERY, parallelism=parallelism))

            def without_ids(pages: list[Page]) -> list[Page]:
                return [structs.replace(page, request_id=None, seconds=0) for page in pages]

            undisturbed = read()
            pages = client.pages(QUERY, parallelism=parallelism)
            disturbed = [next(pages)]
            server.revoke_tokens()
            disturbed += pages
        assert without_ids(disturbed) == without_ids(undisturbed)
        assert sum(page.entry_count for page in disturbed) == 80
        assert server.tokens_issued == 2
        assert 2 * len(undisturbed) < client.requests_sent <= 2 * len(undisturbed) + parallelism


def test_expired_token_is_renewed() -> None:
    """If a token expires early, 401/42, it is renewed, and the page is requested again."""
    seconds = itertools.count(0, 30)
    lock = threading.Lock()

    def servers_clock() -> float:
        with lock:
            return next(seconds)

    config = SandboxConfig(page_size=7, token_ttl=100)
    with SandboxServer(config, clock=servers_clock) as server, Client(sandboxed(server)) as client:
        pages = list(client.pages(QUERY))
    assert sum(page.entry_count for page in pages) == 80
    assert client.requests_sent == len(pages) + server.tokens_issued - 1
    assert server.tokens_issued > 2


def test_repeated_revocation_is_retried() -> None:
    """After a token was accepted, a refused new token is a temporary error, because it may be revoked."""
    refused = problem(401, 41)
    with scripted([OK, refused, refused, refused, refused, OK], TOKENS) as api:
        api.client.page(QUERY, 1)
        api.client.page(QUERY, 26)
    assert api.sent_tokens == [f"Bearer token-{number}" for number in (1, 1, 2, 2, 3, 3)]
    assert [0.5 <= slept <= 2 for slept in api.clock.slept if slept >= 0.5] == [True, True]


def test_tokens_refused_for_good_end_with_an_error() -> None:
    """They are retried like any temporary error; then the error says what to check."""
    with scripted([OK, problem(401, 41)], TOKENS) as api:
        api.client.page(QUERY, 1)
        with pytest.raises(EvplUnavailableError, match="an app of its own") as raised:
            api.client.page(QUERY, 26)
    assert "401/41" in str(raised.value)
    assert REQUEST_ID in str(raised.value)
    assert api.reports.call_count == 1 + 2 * 10


def test_threads_with_short_lived_tokens_lose_no_page() -> None:
    """Many threads that use up each other's tokens get all pages."""
    with SandboxServer(SandboxConfig(page_size=1, circuits=40, faults=("token-revoked",))) as server:
        clock = Clock()
        with Client(sandboxed(server), clock=clock, sleep=clock.sleep) as client:
            pages = list(client.pages(QUERY, parallelism=32))
    assert sum(page.entry_count for page in pages) == 160
    assert server.tokens_issued >= 16
