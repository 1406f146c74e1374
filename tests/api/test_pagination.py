import logging
import threading
from collections.abc import Callable, Generator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from airflow_provider_evpl.api.pagination import read_pages
from airflow_provider_evpl.errors import EvplPagingError, EvplRequestError, EvplUnavailableError
from airflow_provider_evpl.models import Page, Rejection
from tests.support.api import FakeReport, entry, listed, page, without

Fetch = Callable[[int], Page]
WAYS = [(pagination, parallelism) for pagination in ("element", "page") for parallelism in (1, 3)]


@pytest.mark.contract("connection.pagination", "gap.A4", "gap.A5")
@given(
    total=st.integers(0, 40),
    page_size=st.integers(1, 12),
    way=st.sampled_from(WAYS),
    base=st.sampled_from([0, 1, 5, None]),
    counted=st.booleans(),
)
def test_pages_are_the_truth(
    total: int, page_size: int, way: tuple[str, int], base: int | None, *, counted: bool
) -> None:
    """Pages concatenated are the truth, whatever their size, index, numbers and parallelism."""
    pagination, parallelism = way
    numbered = base is not None or not counted
    server = FakeReport(
        total, page_size, pagination=pagination, base=base if numbered else 1, counted=counted
    )
    pages = list(read_pages(server.fetch, pagination=pagination, parallelism=parallelism))
    assert [entry for page in pages for entry in page.entries] == server.truth
    assert sorted(server.asked) == [server.index(number) for number in range(server.page_count)]
    assert server.most_in_flight <= parallelism


@pytest.mark.contract("connection.page_parallelism")
@pytest.mark.parametrize("parallelism", [1, 2, 5, 32])
def test_never_more_in_flight(parallelism: int) -> None:
    """So many pages are in flight at once as allowed: no more, and no fewer."""
    server = FakeReport(80, 2, meet=parallelism)
    assert len(list(read_pages(server.fetch, parallelism=parallelism))) == 40
    assert server.most_in_flight == parallelism


def test_nothing_is_asked_for_early() -> None:
    """Pages are asked for as they are taken: ahead of the reader there are never more than in flight."""
    server = FakeReport(40, 2)
    with closing(read_pages(server.fetch, parallelism=3)) as pages:
        next(pages)
        assert server.asked == [1]
        next(pages)
    assert len(server.asked) <= 5


PROBLEMS: dict[str, tuple[list[Page], str]] = {
    "number-repeated": ([page(1), page(1, first=9)], "page 2: currentPage is 1, expected 2"),
    "number-skipped": ([page(1), page(3)], "page 2: currentPage is 3, expected 2"),
    "number-falls": ([page(1), page(0)], "page 2: currentPage is 0, expected 2"),
    "number-missing": ([page(1), page(None)], "page 2: currentPage is missing"),
    "number-missing-from-the-start": ([page(None)], "page 1: currentPage is missing"),
    "number-stays-0": ([page(0), page(0, first=9)], "page 2: currentPage is 0, expected 1"),
    "number-missing-later": ([page(1, None), page(None, None)], "page 2: currentPage is None, expected 2"),
    "number-there-later": ([page(None, None), page(2, None)], "page 2: currentPage is 2, expected None"),
    "number-later-than-0": (
        [page(0, 0), page(0, 0, first=9), page(2, 0)],
        "page 3: currentPage is 2, expected 0",
    ),
    "number-of-1-stays": ([page(1, None), page(1, None, first=9)], "page 2: currentPage is 1, expected 2"),
    "drift": ([page(1), page(2, 4)], "page 2: totalPages was 3, now it is 4"),
    "total-vanishes": ([page(1), page(2, 0)], "page 2: totalPages was 3, now it is 0"),
    "total-appears": ([page(1, None), page(2, 3)], "page 2: totalPages was None, now it is 3"),
    "too-few": ([page(1), page(2, has_next=False)], "page 2: it is the last one, of 3"),
    "one-of-many": ([page(1, has_next=False)], "page 1: it is the last one, of 3"),
    "too-many": ([page(1, 2), page(2, 2)], "page 2: there should be 2 pages at most"),
    "more-than-one": ([page(1, 1)], "page 1: there should be 1 pages at most"),
    "below-zero": ([page(1, -1, has_next=False)], "page 1: there should be -1 pages at most"),
    "nothing-but-more": ([without(1)], "page 1: hasNext is true, but there is no element"),
    "nothing-but-more-later": ([page(1), without(2)], "no element|0 elements"),
    "repeated": ([page(1), page(2, first=2)], "page 2: its elements were there before"),
    "repeated-later": ([page(1), page(2), page(3, has_next=False, first=2)], "page 3: its elements were"),
    "repeated-unnumbered": (
        [page(None, 0), page(None, 0, first=0)],
        "page 2: its elements were there before",
    ),
}


@pytest.mark.contract("gap.A4", "gap.A6")
@pytest.mark.parametrize("parallelism", [1, 2])
@pytest.mark.parametrize(("pages", "why"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_does_not_add_up(pages: list[Page], why: str, parallelism: int) -> None:
    """Pages that don't add up are an error that says which page and why; no further page is asked for."""
    filler = [page(number) for number in range(len(pages) + 1, 6)]
    fetch, asked = listed(*pages, *filler)
    with pytest.raises(EvplPagingError, match=why):
        list(read_pages(fetch, parallelism=parallelism))
    known = pages[0].total_pages or len(pages)
    assert max(asked) <= 1 + 2 * (max(known, 1) - 1)
    if parallelism == 1:
        assert len(asked) == len(pages)


def test_the_page_that_does_not_add_up_is_known_at_orange() -> None:
    """The error has the request id of the page that it is about, not of one before it."""
    pages = [replace(page(number), request_id=f"oapi-{number}") for number in (1, 3)]
    with pytest.raises(EvplPagingError, match=r"expected 2 \(request id oapi-3\)"):
        list(read_pages(listed(*pages)[0]))


def test_an_end_that_was_none() -> None:
    """A page that says it is the last, before the last one, is an error at once; none after it is yielded."""
    fetch, _ = listed(page(1), page(2, has_next=False), page(3, has_next=False))
    got: list[Page] = []
    with pytest.raises(EvplPagingError, match="page 2: it is the last one, of 3"):
        got.extend(read_pages(fetch, parallelism=3))
    assert got == [page(1)]


@pytest.mark.parametrize("pages", [[page(1, 1, has_next=False)], [without(1, 1, has_next=False)]])
def test_a_single_page(pages: list[Page]) -> None:
    """One page, also an empty one, is a whole answer."""
    fetch, asked = listed(*pages)
    assert list(read_pages(fetch, parallelism=4)) == pages
    assert asked == [1]


def test_an_empty_last_page() -> None:
    """A last page without entries is fine: the total before it was only a bound."""
    pages = [page(1, 2), without(2, 2, has_next=False)]
    for parallelism in (1, 2):
        assert list(read_pages(listed(*pages)[0], parallelism=parallelism)) == pages


@pytest.mark.contract("gap.A5")
@pytest.mark.parametrize("total", [0, None])
@pytest.mark.parametrize("number", [0, None])
def test_without_numbers(total: int | None, number: int | None, caplog: pytest.LogCaptureFixture) -> None:
    """Without totals, numbers that are absent or always 0 aren't checked, and the log says so."""
    caplog.set_level(logging.INFO)
    pages = [page(number, total, first=2), page(number, total, first=4)]
    pages.append(page(number, total, has_next=False, first=6))
    assert list(read_pages(listed(*pages)[0], parallelism=4)) == pages
    assert "nothing to hold the number of pages (3) against" in caplog.text


def test_no_word_where_all_is_checked(caplog: pytest.LogCaptureFixture) -> None:
    """With totals the log says nothing."""
    caplog.set_level(logging.INFO)
    list(read_pages(FakeReport(9, 2).fetch))
    assert caplog.text == ""


@pytest.mark.contract("gap.A6")
def test_the_cap() -> None:
    """A report that never ends is given up at 100,000 pages."""
    fetched = 0

    def fetch(index: int) -> Page:
        nonlocal fetched
        fetched += 1
        return page(None, None, first=index)

    with pytest.raises(EvplPagingError, match="page 100000: there should be 100000 pages at most"):
        for _ in read_pages(fetch):
            pass
    assert fetched == 100_000


def test_rejected_entries_tell_pages_apart() -> None:
    """Pages whose entries are all rejected are told apart by what was rejected; a repeated one is found."""

    def rejected(number: int, raw: str) -> Page:
        rejections = [Rejection("odd", 0, None, 1, raw)]
        return Page(
            current_page=number,
            total_pages=2,
            has_next=number == 1,
            entry_count=2,
            entries=[],
            rejections=rejections,
        )

    different = [rejected(1, "[1]"), rejected(2, "[2]")]
    assert list(read_pages(listed(*different)[0])) == different
    with pytest.raises(EvplPagingError, match="its elements were there before"):
        list(read_pages(listed(rejected(1, "[1]"), rejected(2, "[1]"))[0]))


def test_a_wrong_guess() -> None:
    """In flight, a page before the last that is shorter than the first is an error; else it is fine."""
    sizes = [3, 2, 3, 1]
    server = FakeReport(sum(sizes), 3, sizes=sizes)
    with pytest.raises(EvplPagingError, match="a page has 2 elements, the first has 3"):
        list(read_pages(server.fetch, parallelism=2))
    pages = list(read_pages(server.fetch))
    assert [entry for page in pages for entry in page.entries] == server.truth


@pytest.mark.parametrize("parallelism", [1, 2, 4])
@pytest.mark.parametrize("failing", [0, 3])
def test_an_error_comes_out(failing: int, parallelism: int) -> None:
    """An error in flight comes out after the pages before it; only what was in flight is asked for."""
    server = FakeReport(40, 2)
    error = EvplUnavailableError("down")

    def fetch(index: int) -> Page:
        got = server.fetch(index)
        if index == server.index(failing):
            raise error
        return got

    pages = read_pages(fetch, parallelism=parallelism)
    got: list[Page] = []
    with pytest.raises(EvplUnavailableError) as raised:
        got.extend(pages)
    assert raised.value is error
    assert len(got) == failing
    assert len(server.asked) <= failing + max(1, parallelism)


def _ended(pages: Generator[Page]) -> None:
    """Read on to the error, and keep it: its traceback holds the generators."""
    with pytest.raises(EvplPagingError) as raised:
        list(pages)
    assert raised.value.__traceback__ is not None
    _no_threads()


def _no_threads() -> None:
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("evpl-page")]


def test_no_thread_outlives_the_reading() -> None:
    """Whether the pages end, don't add up or are left: no thread goes on fetching."""
    whole = read_pages(FakeReport(40, 2).fetch, parallelism=4)
    assert len(list(whole)) == 20
    _no_threads()
    _ended(read_pages(listed(page(1, 9), page(2, 8), *map(page, range(3, 10)))[0], parallelism=4))
    left = read_pages(FakeReport(40, 2).fetch, parallelism=4)
    next(left)
    next(left)
    left.close()
    _no_threads()


def test_a_page_that_is_refused_ends_the_others() -> None:
    """Where a page in flight is refused for good, the others stop trying, and that error comes out."""
    refused, others = threading.Event(), threading.Barrier(3)

    def fetch(index: int) -> Page:
        if index > 1:
            others.wait(10)
        if index == 5:
            raise EvplRequestError("refused")
        if index > 1:
            assert refused.wait(10)
            raise EvplUnavailableError("gave up")
        return page(1, 4)

    with pytest.raises(EvplRequestError, match="refused"):
        list(read_pages(fetch, parallelism=3, on_end=refused.set))


def test_an_end_without_numbers_has_elements() -> None:
    """Without numbers a last page without elements is no end: the index may have meant another page."""
    for number in (0, None):
        fetch = listed(page(number, 0, first=1), without(number, 0, has_next=False))[0]
        with pytest.raises(EvplPagingError, match="but there is no element"):
            list(read_pages(fetch))


@pytest.mark.contract("gap.A6")
def test_no_total_lifts_the_cap() -> None:
    """However many pages are announced, there is an end to them."""

    def fetch(index: int) -> Page:
        return Page(
            current_page=index,
            total_pages=10**12,
            has_next=True,
            entry_count=1,
            entries=[entry(index)],
        )

    with pytest.raises(EvplPagingError, match="100000 pages at most"):
        for _ in read_pages(fetch):
            pass
