"""Pages of a slice: in order, complete and checked, however Orange counts them."""

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from airflow_provider_evpl.api.pagination import read_pages
from airflow_provider_evpl.decode.limits import MAX_REJECTIONS
from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.errors import EvplPagingError, EvplResponseError, EvplUnavailableError
from airflow_provider_evpl.models import Entry, Page, Rejection
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
def test_pages_hold_the_whole_report(
    total: int, page_size: int, way: tuple[str, int], base: int | None, *, counted: bool
) -> None:
    """All pages together are the report, whatever their size, index, numbers and parallelism."""
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
def test_pages_in_flight_are_as_many_as_allowed(parallelism: int) -> None:
    """As many pages are in flight at once as allowed: no more, and no fewer."""
    server = FakeReport(80, 2, meet=parallelism)
    assert len(list(read_pages(server.fetch, parallelism=parallelism))) == 40
    assert server.most_in_flight == parallelism


def test_pages_are_fetched_as_they_are_taken() -> None:
    """No page is fetched before the reader is near it: there are never more ahead than in flight."""
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
    "too-few": ([page(1), page(2, has_next=False)], "page 2: it is the last page, totalPages is 3"),
    "one-of-many": ([page(1, has_next=False)], "page 1: it is the last page, totalPages is 3"),
    "too-many": ([page(1, 2), page(2, 2)], "page 2: more than 2 pages"),
    "more-than-one": ([page(1, 1)], "page 1: more than 1 pages"),
    "below-zero": ([page(1, -1, has_next=False)], "page 1: more than -1 pages"),
    "nothing-but-more": ([without(1)], "page 1: hasNext is true, but there is no element"),
    "nothing-but-more-later": ([page(1), without(2)], "no element|0 elements"),
    "repeated": ([page(1), page(2, first=2)], "page 2: its elements were on an earlier page"),
    "repeated-later": ([page(1), page(2), page(3, has_next=False, first=2)], "page 3: its elements were"),
    "repeated-unnumbered": (
        [page(None, 0), page(None, 0, first=0)],
        "page 2: its elements were on an earlier page",
    ),
}


@pytest.mark.contract("gap.A4", "gap.A6")
@pytest.mark.parametrize("parallelism", [1, 2])
@pytest.mark.parametrize(("pages", "why"), PROBLEMS.values(), ids=PROBLEMS)
def test_pages_that_do_not_add_up_are_an_error(pages: list[Page], why: str, parallelism: int) -> None:
    """The error says which page and why; no further page is fetched."""
    filler = [page(number) for number in range(len(pages) + 1, 6)]
    fetch, asked = listed(*pages, *filler)
    with pytest.raises(EvplPagingError, match=why):
        list(read_pages(fetch, parallelism=parallelism))
    known = pages[0].total_pages or len(pages)
    assert max(asked) <= 1 + 2 * (max(known, 1) - 1)
    if parallelism == 1:
        assert len(asked) == len(pages)


def test_paging_error_has_the_request_id() -> None:
    """The error has the request id of its page, not of an earlier one."""
    pages = [replace(page(number), request_id=f"oapi-{number}") for number in (1, 3)]
    with pytest.raises(EvplPagingError, match="expected 2") as raised:
        list(read_pages(listed(*pages)[0]))
    assert raised.value.detail == "Request id: oapi-3"


def test_early_end_is_an_error() -> None:
    """A page that says it is the last before totalPages is an error; no page after it is yielded."""
    fetch, _ = listed(page(1), page(2, has_next=False), page(3, has_next=False))
    got: list[Page] = []
    with pytest.raises(EvplPagingError, match="page 2: it is the last page, totalPages is 3"):
        got.extend(read_pages(fetch, parallelism=3))
    assert got == [page(1)]


@pytest.mark.parametrize("pages", [[page(1, 1, has_next=False)], [without(1, 1, has_next=False)]])
def test_single_page_is_complete(pages: list[Page]) -> None:
    """One page, also an empty one, is a complete report."""
    fetch, asked = listed(*pages)
    assert list(read_pages(fetch, parallelism=4)) == pages
    assert asked == [1]


def test_empty_last_page_is_accepted() -> None:
    """A last page may be empty if totalPages announced it."""
    pages = [page(1, 2), without(2, 2, has_next=False)]
    for parallelism in (1, 2):
        assert list(read_pages(listed(*pages)[0], parallelism=parallelism)) == pages


@pytest.mark.contract("gap.A5")
@pytest.mark.parametrize("total", [0, None])
@pytest.mark.parametrize("number", [0, None])
def test_pages_without_numbers_are_logged(
    total: int | None, number: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Without totalPages, numbers that are absent or always 0 aren't checked, and the log says so."""
    caplog.set_level(logging.INFO)
    pages = [page(number, total, first=2), page(number, total, first=4)]
    pages.append(page(number, total, has_next=False, first=6))
    assert list(read_pages(listed(*pages)[0], parallelism=4)) == pages
    assert "the number of pages (3) can't be checked" in caplog.text


def test_checked_pages_log_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """With totals the log says nothing."""
    caplog.set_level(logging.INFO)
    list(read_pages(FakeReport(9, 2).fetch))
    assert caplog.text == ""


@pytest.mark.contract("gap.A6")
def test_endless_report_stops_at_100000_pages() -> None:
    """A report that never ends is an error after 100,000 pages."""
    fetched = 0

    def fetch(index: int) -> Page:
        nonlocal fetched
        fetched += 1
        return page(None, None, first=index)

    with pytest.raises(EvplPagingError, match="page 100000: more than 100000 pages"):
        for _ in read_pages(fetch):
            pass
    assert fetched == 100_000


def test_pages_of_rejected_entries_are_compared_by_them() -> None:
    """Pages whose entries are all rejected differ in the rejected JSON; a repeated page is found."""

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
    with pytest.raises(EvplPagingError, match="its elements were on an earlier page"):
        list(read_pages(listed(rejected(1, "[1]"), rejected(2, "[1]"))[0]))


def test_shorter_page_in_flight_is_an_error() -> None:
    """A page before the last that is shorter than the first is an error only if pages are in flight."""
    sizes = [3, 2, 3, 1]
    server = FakeReport(sum(sizes), 3, sizes=sizes)
    with pytest.raises(EvplPagingError, match="A page has 2 elements, the first has 3"):
        list(read_pages(server.fetch, parallelism=2))
    pages = list(read_pages(server.fetch))
    assert [entry for page in pages for entry in page.entries] == server.truth


@pytest.mark.parametrize("parallelism", [1, 2, 4])
@pytest.mark.parametrize("failing", [0, 3])
def test_error_comes_after_the_pages_before_it(failing: int, parallelism: int) -> None:
    """An error in flight is raised after the pages before it; only pages in flight are fetched beside it."""
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
    """Whether the pages end, don't add up or are closed: no thread goes on fetching."""
    whole = read_pages(FakeReport(40, 2).fetch, parallelism=4)
    assert len(list(whole)) == 20
    _no_threads()
    _ended(read_pages(listed(page(1, 9), page(2, 8), *map(page, range(3, 10)))[0], parallelism=4))
    left = read_pages(FakeReport(40, 2).fetch, parallelism=4)
    next(left)
    next(left)
    left.close()
    _no_threads()


def test_unnumbered_empty_last_page_is_an_error() -> None:
    """Without numbers an empty last page is not trusted: the index may have meant another page."""
    for number in (0, None):
        fetch = listed(page(number, 0, first=1), without(number, 0, has_next=False))[0]
        with pytest.raises(EvplPagingError, match="but there is no element"):
            list(read_pages(fetch))


@pytest.mark.contract("gap.A6")
def test_announced_pages_are_limited_too() -> None:
    """However many pages are announced, 100,000 is the limit."""

    def fetch(index: int) -> Page:
        return Page(
            current_page=index,
            total_pages=10**12,
            has_next=True,
            entry_count=1,
            entries=[entry(index)],
        )

    with pytest.raises(EvplPagingError, match="more than 100000 pages"):
        for _ in read_pages(fetch):
            pass


LAST = page(2, 2, has_next=False, first=2)
LATE = Entry(entry(2).series, [2, 9], pack([1.0, 9.0]))


@pytest.mark.parametrize(
    "again",
    [
        replace(LAST, entries=[LATE, LAST.entries[1]]),
        replace(LAST, rejections=[Rejection("odd", 0, 1, 1, "{}")]),
    ],
    ids=["a sample more", "a sample rejected"],
)
def test_repeated_page_with_another_sample_is_found(again: Page) -> None:
    """A page whose series start as on an earlier page is repeated, also if samples came in between."""
    with pytest.raises(EvplPagingError, match="page 2: its elements were on an earlier page"):
        list(read_pages(listed(page(1, 2), again)[0]))


def test_pages_of_rejected_samples_are_compared_by_them() -> None:
    """Pages of one series, all of whose samples are rejected, differ in the rejected JSON."""
    pages = [
        replace(
            page(number, 2, has_next=number == 1),
            entries=[Entry(entry(0).series, [], pack([]))],
            rejections=[Rejection("odd", 0, 0, 1, str(number))],
        )
        for number in (1, 2)
    ]
    assert list(read_pages(listed(*pages)[0])) == pages


ODD = Rejection("odd", 0, 0, 1, "{}")
SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bytes": ({"size": 1 << 29}, {"size": (1 << 29) + 1}),
    "rejected": (
        {"rejections": [ODD] * (MAX_REJECTIONS // 2)},
        {"rejections": [ODD] * (MAX_REJECTIONS // 2 + 1)},
    ),
    "elements": ({"entry_count": 2_500_000}, {"entry_count": 2_500_001}),
}


@pytest.mark.parametrize(("half", "more"), SIZES.values(), ids=SIZES)
def test_slice_larger_than_the_limit_is_refused(half: dict[str, Any], more: dict[str, Any]) -> None:
    """A slice may have 1 GiB, a million rejected samples or five million elements; one more is refused."""

    def read(*pages: Page) -> list[Page]:
        given = iter(pages)
        return list(read_pages(lambda _: next(given)))

    first, last = page(1, 2), page(2, 2, has_next=False)
    assert len(read(replace(first, **half), replace(last, **half))) == 2
    with pytest.raises(EvplResponseError, match="The 2 pages so far are larger") as raised:
        read(replace(first, **half), replace(last, **more))
    assert raised.value.next_step == "Pull shorter slices."
