"""Pages in flight: how many, and what ends them."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

import pytest

from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.pagination import read_pages
from airflow_provider_evpl.errors import EvplError, EvplRequestError, EvplUnavailableError
from airflow_provider_evpl.models import Page
from tests.support.api import FakeReport, page


def _workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("evpl-page")]


def test_each_page_in_flight_has_a_named_thread() -> None:
    """The threads are called `evpl-page`, one for each page in flight, and end with the reading."""
    server = FakeReport(80, 2, meet=5)
    pages = read_pages(server.fetch, parallelism=5)
    next(pages)
    assert _workers() == []
    next(pages)
    assert len(_workers()) == 5
    pages.close()
    assert _workers() == []


def test_slow_reader_bounds_the_pages_ahead() -> None:
    """There are never more pages ahead of the reader than may be in flight, up to the end."""
    server, taken, furthest = FakeReport(80, 2), 0, [0]

    def fetch(index: int) -> Page:
        furthest.append((index - 1) // 2 - taken)
        return server.fetch(index)

    for _ in read_pages(fetch, parallelism=3):
        taken += 1
    assert taken == 40
    assert max(furthest) <= 3


class _Hanging:
    """A report whose fourth page hangs until the slice is canceled."""

    def __init__(self, refused: int = 0) -> None:
        self.hangs, self.canceled = threading.Event(), threading.Event()
        self.was_canceled = False
        self._refused = refused

    def fetch(self, index: int) -> Page:
        number = (index + 1) // 2
        if number == self._refused:
            assert self.hangs.wait(10)
            raise EvplRequestError("refused")
        if number == 4:
            self.hangs.set()
            self.was_canceled = self.canceled.wait(10)
        return page(number, 9)

    @contextmanager
    def pages(self) -> Iterator[Generator[Page]]:
        """Read the pages, three at a time."""
        cancellation = Cancellation()
        pages = read_pages(self.fetch, parallelism=3, cancellation=cancellation)
        with cancellation.calling(self.canceled.set), closing(pages):
            yield pages


@pytest.mark.parametrize("refused", [2, 3])
def test_refused_page_cancels_pages_in_flight(refused: int) -> None:
    """When a page is refused, the slice is canceled, and no page is waited for."""
    report = _Hanging(refused)
    with report.pages() as pages, pytest.raises(EvplRequestError, match="refused"):
        list(pages)
    assert report.was_canceled


def test_closing_the_pages_cancels_pages_in_flight() -> None:
    """When nobody reads on, the slice is canceled, and no page is waited for."""
    report = _Hanging()
    with report.pages() as pages:
        assert [next(pages).current_page, next(pages).current_page] == [1, 2]
        assert report.hangs.wait(10)
    assert report.was_canceled


FAILING = [EvplRequestError("refused"), EvplUnavailableError("gave up")]


@pytest.mark.parametrize("parallelism", [3, 4])
@pytest.mark.parametrize("error", FAILING, ids=str)
@pytest.mark.parametrize(("failing", "hanging"), [(2, 4), (4, 2), (5, 4)])
def test_first_error_cancels_and_is_raised(
    error: EvplError, failing: int, hanging: int, parallelism: int
) -> None:
    """Whichever page fails, permanently or not, none in flight is waited for, and its error is raised."""
    hangs, canceled, ends, cancellation = threading.Event(), threading.Event(), list[bool](), Cancellation()

    def fetch(index: int) -> Page:
        number = (index + 1) // 2
        if number == failing:
            assert hangs.wait(10)
            raise error
        if number == hanging:
            hangs.set()
            ends.append(canceled.wait(5))
            raise EvplUnavailableError("aborted")
        return page(number, 9)

    pages = read_pages(fetch, parallelism=parallelism, cancellation=cancellation)
    with cancellation.calling(canceled.set), pytest.raises(type(error)) as raised:
        list(pages)
    assert raised.value is error
    assert ends == [True]


def test_permanent_error_of_an_aborted_page_wins() -> None:
    """When a page is refused while a temporary error aborts it, the permanent error is raised."""
    both, cancellation = threading.Barrier(2), Cancellation()

    def fetch(index: int) -> Page:
        number = (index + 1) // 2
        if number == 2:
            both.wait(10)
            raise EvplUnavailableError("gave up")
        if number == 3:
            both.wait(10)
            cancellation.wait(10)
            raise EvplRequestError("refused")
        return page(number, 3)

    with pytest.raises(EvplRequestError, match="refused"):
        list(read_pages(fetch, parallelism=2, cancellation=cancellation))


def test_error_cancels_pages_while_nobody_reads() -> None:
    """However slow the reader, a page that fails ends those in flight at once."""
    hangs, cancellation = threading.Event(), Cancellation()
    canceled = threading.Event()

    def fetch(index: int) -> Page:
        if index == 5:
            assert hangs.wait(10)
            raise EvplRequestError("refused")
        if index == 7:
            hangs.set()
            assert canceled.wait(10)
        return page((index + 1) // 2, 9)

    pages = read_pages(fetch, parallelism=3, cancellation=cancellation)
    with cancellation.calling(canceled.set), closing(pages):
        assert [next(pages).current_page, next(pages).current_page] == [1, 2]
        assert canceled.wait(5)
