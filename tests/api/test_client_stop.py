"""A client that is stopped from outside asks no more and waits no more, wherever it is."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from http.server import BaseHTTPRequestHandler

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.api.rate_limit import RateLimiter
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.transport import Transport, make_session
from airflow_provider_evpl.errors import EvplUnavailableError
from tests.support.api import QUERY, TOKEN, Loopback, replying, serving, settings, transported

PAGES = 3

_token = replying(json.dumps(TOKEN).encode())
_busy = replying(b"", status=503, Retry_After="200")


class _Server:
    """Gives a token, then does to a page's request what a test says, once it is there."""

    def __init__(self, then: Callable[[BaseHTTPRequestHandler], object]) -> None:
        self.was_asked = threading.Event()
        self._then = then

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer."""
        if handler.path.endswith("/token"):
            _token(handler)
        else:
            self.was_asked.set()
            self._then(handler)


def _client(server: Loopback) -> Client:
    return Client(settings(base_url=server.url, token_url=f"{server.url}/token"))


@pytest.mark.parametrize("does", ["hangs", "asks to wait"])
def test_who_asks_or_waits_is_ended(does: str) -> None:
    """A server that never answers would hold it for ten minutes, one that is busy for 200 seconds."""
    over = threading.Event()
    server = _Server(_busy if does == "asks to wait" else lambda _: over.wait(60))
    with serving(server.reply) as line, _client(line) as client, ThreadPoolExecutor(1) as pool:
        page = pool.submit(client.page, QUERY, 1)
        assert server.was_asked.wait(10)
        client.stop()
        with pytest.raises(EvplUnavailableError):
            page.result(10)
        over.set()
    assert sum("/reports/" in seen["path"] for seen in line.seen) == 1


@pytest.mark.parametrize("end", [Client.stop, Client.hang_up])
def test_all_that_is_under_way_is_ended(end: Callable[[Client], None]) -> None:
    """One call ends each of several requests at once, not the first alone."""
    asked, over = threading.Barrier(PAGES + 1), threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        asked.wait(10)
        over.wait(60)

    with serving(_Server(hang).reply) as line, _client(line) as client, ThreadPoolExecutor(PAGES) as pool:
        pages = [pool.submit(client.page, QUERY, index, cancelled=lambda: True) for index in range(PAGES)]
        asked.wait(10)
        try:
            end(client)
            ended = wait(pages, 10).done
        finally:
            over.set()
        assert ended == set(pages)
        assert {type(page.exception()) for page in pages} == {EvplUnavailableError}


def test_nothing_is_asked_any_more() -> None:
    """Not even for a token; the error says why."""
    with serving(_Server(_busy).reply) as line, _client(line) as client:
        client.stop()
        with pytest.raises(EvplUnavailableError, match="ended from outside"):
            client.page(QUERY, 1)
    assert line.seen == []


def test_a_request_that_is_about_to_begin_is_ended() -> None:
    """Between the last look and the request there is a moment: its line is hung up, too."""
    over, secrets = threading.Event(), Secrets(lambda _: None)
    pace = RateLimiter(1000, clock=lambda: 0.0, sleep=lambda _: None)
    with serving(lambda _: over.wait(60)) as line, make_session(1) as session:
        transport = Transport(settings(), session=session, rate_limiter=pace, secrets=secrets)
        transport.hang_up(for_good=True)
        with pytest.raises(EvplUnavailableError):
            transport.send("GET", line.url, headers={})
        over.set()


def test_a_later_hang_up_does_not_undo_a_stop() -> None:
    """A page that fails hangs up on the others also after the stop: none is asked for again."""
    with serving(replying(b"")) as line, transported(settings()) as transport:
        transport.hang_up(for_good=True)
        transport.hang_up()
        with pytest.raises(EvplUnavailableError):
            transport.send("GET", line.url, headers={})
    assert line.seen == []
