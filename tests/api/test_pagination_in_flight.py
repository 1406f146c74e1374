import threading
from collections.abc import Generator
from contextlib import closing

import pytest

from airflow_provider_evpl.api.pagination import read_pages
from airflow_provider_evpl.errors import EvplError, EvplRequestError, EvplUnavailableError
from airflow_provider_evpl.models import Page
from tests.support.api import FakeReport, page


def _workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("evpl-page")]


def test_the_threads_are_known_by_their_name() -> None:
    """What fetches ahead is called `evpl-page`, one thread a page in flight, and gone with the reading."""
    server = FakeReport(80, 2, meet=5)
    pages = read_pages(server.fetch, parallelism=5)
    next(pages)
    assert _workers() == []
    next(pages)
    assert len(_workers()) == 5
    pages.close()
    assert _workers() == []


def test_memory_is_bounded_however_slow_the_reader() -> None:
    """Ahead of the reader there are never more pages than may be in flight, all the way to the end."""
    server, taken, furthest = FakeReport(80, 2), 0, [0]

    def fetch(index: int) -> Page:
        furthest.append((index - 1) // 2 - taken)
        return server.fetch(index)

    for _ in read_pages(fetch, parallelism=3):
        taken += 1
    assert taken == 40
    assert max(furthest) <= 3


class _Hanging:
    """A report whose fourth page hangs until it is hung up on."""

    def __init__(self, refused: int = 0) -> None:
        self.hangs, self.ended, self.hung_up = (threading.Event() for _ in range(3))
        self.was_hung_up_on = False
        self._refused = refused

    def fetch(self, index: int) -> Page:
        number = (index + 1) // 2
        if number == self._refused:
            assert self.hangs.wait(10)
            raise EvplRequestError("refused")
        if number == 4:
            self.hangs.set()
            self.was_hung_up_on = self.hung_up.wait(10) and self.ended.is_set()
        return page(number, 9)


def _pages(report: _Hanging) -> Generator[Page]:
    return read_pages(report.fetch, parallelism=3, on_end=report.ended.set, hang_up=report.hung_up.set)


@pytest.mark.parametrize("refused", [2, 3])
def test_what_is_in_flight_is_hung_up_on(refused: int) -> None:
    """Where a page is refused for good none is waited for: it may not be tried again, and is hung up on."""
    report = _Hanging(refused)
    with pytest.raises(EvplRequestError, match="refused"):
        list(_pages(report))
    assert report.was_hung_up_on


def test_a_reading_that_is_left_hangs_up() -> None:
    """Who stops reading waits for no page: it may not be tried again, and is hung up on."""
    report = _Hanging()
    pages = _pages(report)
    assert [next(pages).current_page, next(pages).current_page] == [1, 2]
    assert report.hangs.wait(10)
    pages.close()
    assert report.was_hung_up_on


FAILING = [EvplRequestError("refused"), EvplUnavailableError("gave up")]


@pytest.mark.parametrize("parallelism", [3, 4])
@pytest.mark.parametrize("error", FAILING, ids=str)
@pytest.mark.parametrize(("failing", "hanging"), [(2, 4), (4, 2), (5, 4)])
def test_the_first_failure_hangs_up(error: EvplError, failing: int, hanging: int, parallelism: int) -> None:
    """Whichever page fails, for good or not, none in flight is waited for, and it is the error told."""
    hangs, hung_up, ends = threading.Event(), threading.Event(), list[bool]()

    def fetch(index: int) -> Page:
        number = (index + 1) // 2
        if number == failing:
            assert hangs.wait(10)
            raise error
        if number == hanging:
            hangs.set()
            ends.append(hung_up.wait(5))
            raise EvplUnavailableError("hung up on")
        return page(number, 9)

    with pytest.raises(type(error)) as raised:
        list(read_pages(fetch, parallelism=parallelism, hang_up=hung_up.set))
    assert raised.value is error
    assert ends == [True]


@pytest.mark.parametrize(("failing", "hanging"), [(2, 4), (4, 2)])
def test_what_had_no_line_yet_is_hung_up_on_later(failing: int, hanging: int) -> None:
    """A page that was about to be asked for when the others were hung up on is hung up on in its turn."""
    hangs, lines, ends = threading.Event(), threading.Semaphore(0), list[bool]()

    def fetch(index: int) -> Page:
        number = (index + 1) // 2
        if number == failing:
            assert hangs.wait(10)
            raise EvplRequestError("refused")
        if number == hanging:
            hangs.set()
            ends.extend(lines.acquire(timeout=5) for _ in range(4))
        return page(number, 9)

    with pytest.raises(EvplRequestError, match="refused"):
        list(read_pages(fetch, parallelism=3, hang_up=lines.release))
    assert ends == [True] * 4


def test_a_failure_hangs_up_while_nobody_reads() -> None:
    """However slow the reader, a page that fails ends those in flight at once."""
    hangs, hung_up = threading.Event(), threading.Event()

    def fetch(index: int) -> Page:
        if index == 5:
            assert hangs.wait(10)
            raise EvplRequestError("refused")
        if index == 7:
            hangs.set()
            assert hung_up.wait(10)
        return page((index + 1) // 2, 9)

    with closing(read_pages(fetch, parallelism=3, hang_up=hung_up.set)) as pages:
        assert [next(pages).current_page, next(pages).current_page] == [1, 2]
        assert hung_up.wait(5)
