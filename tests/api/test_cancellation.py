"""What is canceled ends at once: waits, requests, and the pages of a slice."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest

from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.errors import EvplRequestError, EvplUnavailableError
from tests.support.api import QUERY, TOKEN, Loopback, get, replying, report, serving, settings, transported

PAGES = 3

_token = replying(json.dumps(TOKEN).encode())
_busy = replying(b"", status=503, Retry_After="200")


class _Server:
    """Gives a token; then serves a page's request as a test says."""

    def __init__(self, then: Callable[[BaseHTTPRequestHandler], object]) -> None:
        self.was_asked = threading.Event()
        self._then = then

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        """Respond."""
        if handler.path.endswith("/token"):
            _token(handler)
        else:
            self.was_asked.set()
            self._then(handler)


def _client(server: Loopback, **changes: float) -> Client:
    return Client(settings(base_url=server.url, token_url=f"{server.url}/token", **changes))


def test_cancellation_calls_back_once() -> None:
    """A callback runs when the flag is set, or at once if it is set already; not after its context."""
    calls: list[str] = []
    cancellation = Cancellation()
    with cancellation.calling(lambda: calls.append("gone")):
        pass
    with cancellation.calling(lambda: calls.append("early")):
        cancellation.set()
        cancellation.set()
        assert calls == ["early"]
    with cancellation.calling(lambda: calls.append("late")):
        assert calls == ["early", "late"]
    assert cancellation.is_set


def test_child_is_set_with_its_parent_only() -> None:
    """A parent sets its children, also those that come later; a child does not set its parent."""
    parent = Cancellation()
    with parent.child() as first, parent.child() as second:
        first.set()
        assert (first.is_set, second.is_set, parent.is_set) == (True, False, False)
        parent.set()
        assert second.is_set
    with parent.child() as third:
        assert third.is_set


def test_wait_ends_when_it_is_canceled() -> None:
    """A wait takes its time, or ends with the cancellation, however long it is."""
    cancellation = Cancellation()
    cancellation.wait(0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cancellation.wait, 1e300)
        cancellation.set()
        waiting.result(10)


@pytest.mark.parametrize("does", ["hangs", "asks to wait"])
def test_stop_ends_request_and_wait(does: str) -> None:
    """A server that never responds would hold the task for ten minutes, a busy one for 200 seconds."""
    over = threading.Event()
    server = _Server(_busy if does == "asks to wait" else lambda _: over.wait(60))
    with serving(server.reply) as line, _client(line) as client, ThreadPoolExecutor(1) as pool:
        page = pool.submit(client.page, QUERY, 1)
        assert server.was_asked.wait(10)
        client.stop()
        with pytest.raises(EvplUnavailableError, match="stopped from outside"):
            page.result(10)
        over.set()
    assert sum("/reports/" in seen["path"] for seen in line.seen) == 1


def test_stop_ends_the_wait_for_the_rate_limit() -> None:
    """One request a day: the second one waits for its turn, but not after the stop."""
    with (
        serving(_Server(_busy).reply) as line,
        _client(line, requests_per_second=1 / 86_400) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        page = pool.submit(client.page, QUERY, 1)
        wait((page,), 0.2)
        client.stop()
        with pytest.raises(EvplUnavailableError):
            page.result(10)
    assert [seen["path"] for seen in line.seen] == ["/token"]


@pytest.mark.parametrize("is_client", [True, False])
def test_cancellation_ends_all_requests_in_flight(is_client: bool) -> None:  # noqa: FBT001 drawn from the two
    """Setting the client's or the slice's cancellation ends each of several requests at once."""
    asked, over, cancellation = threading.Barrier(PAGES + 1), threading.Event(), Cancellation()

    def hang(_: BaseHTTPRequestHandler) -> None:
        asked.wait(10)
        over.wait(60)

    with serving(_Server(hang).reply) as line, _client(line) as client, ThreadPoolExecutor(PAGES) as pool:
        given = None if is_client else cancellation
        pages = [pool.submit(client.page, QUERY, index, cancellation=given) for index in range(PAGES)]
        asked.wait(10)
        try:
            (client.stop if is_client else cancellation.set)()
            ended = wait(pages, 10).done
        finally:
            over.set()
        assert ended == set(pages)
        assert {type(page.exception()) for page in pages} == {EvplUnavailableError}


def test_nothing_is_sent_after_a_stop() -> None:
    """A stopped client does not even request a token; the error says why."""
    with serving(_Server(_busy).reply) as line, _client(line) as client:
        client.stop()
        for call in (lambda: client.page(QUERY, 1), lambda: list(client.pages(QUERY)), client.check_token):
            with pytest.raises(EvplUnavailableError, match="The task was stopped from outside"):
                call()
    assert line.seen == []


def test_request_of_a_canceled_slice_is_not_sent() -> None:
    """A request that is about to start when its slice is canceled is not sent."""
    cancellation = Cancellation()
    cancellation.set()
    with (
        serving(replying(b"")) as line,
        transported(settings()) as transport,
        pytest.raises(EvplUnavailableError, match="the request was aborted"),
    ):
        get(transport, line.url, cancellation=cancellation)
    assert line.seen == []


class _Report:
    """Four pages: the second is refused once two others, which never come, are in flight."""

    def __init__(self) -> None:
        self.aborted: list[bytes] = []
        self.others = threading.Semaphore(0)

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        """Respond."""
        index = handler.headers["pagination"]
        if index is None:
            _token(handler)
        elif index == "1":
            first = report({"objectInstanceId": "a", "metric_name": "in"}, totalPages=4, hasNext=True)
            replying(json.dumps(first).encode())(handler)
        elif index == "2":
            self.others.acquire()
            self.others.acquire()
            replying(b"", status=400)(handler)
        else:
            self.others.release()
            self.aborted.append(handler.connection.recv(1))


def test_refused_page_aborts_the_other_pages_in_flight() -> None:
    """The pages in flight beside a refused one are aborted, and the client can be used again."""
    server = _Report()
    with (
        serving(server.reply) as line,
        _client(line, timeout_seconds=3600.0) as client,
        ThreadPoolExecutor() as pool,
    ):
        error = pool.submit(list, client.pages(QUERY, parallelism=3)).exception(timeout=60)
        with closing(client.pages(QUERY)) as pages:
            assert next(pages).current_page == 1
    assert isinstance(error, EvplRequestError)
    assert server.aborted == [b"", b""]
