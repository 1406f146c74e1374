"""A slice's pages, in order and checked: whatever doesn't add up is an error, never a shorter result."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from itertools import islice
from typing import Any

from airflow_provider_evpl.decode.limits import MAX_REJECTIONS
from airflow_provider_evpl.errors import (
    EvplPagingError,
    EvplPermanentError,
    EvplResponseError,
    EvplRetryableError,
    one_line,
)
from airflow_provider_evpl.models import Page

__all__ = ["read_pages"]

_MOST_PAGES = 100_000
_MOST_BYTES = 1 << 30  # a day of 15,000 circuits at 5 minutes
_MOST_ENTRIES = 5_000_000  # each costs some 500 bytes where it is a series of its own
_HANG_UP_EVERY_SECONDS = 0.1
_log = logging.getLogger(__name__)


def read_pages(
    fetch: Callable[[int], Page],
    *,
    pagination: str = "element",
    parallelism: int = 1,
    on_end: Callable[[], None] = lambda: None,
    hang_up: Callable[[], None] = lambda: None,
) -> Generator[Page]:
    """Yield a report's pages in order.

    The first request asks for index 1, which is right whether Orange's `pagination` header counts
    elements, as its document says [O], or pages. With `parallelism` above 1 and a known
    `totalPages`, pages are asked for ahead, on the guess that all but the last are as long as the
    first.

    Args:
        fetch: gets the page at an index.
        pagination: `element` or `page`: what the index counts [A].
        parallelism: how many pages may be in flight.
        on_end: is called where a page in flight failed, or no more is wanted: what is still being
            fetched needn't be tried again.
        hang_up: is called with it, and again until nothing is being fetched: it ends what is,
            which would be waited for.

    Raises:
        EvplPagingError: the pages don't add up, or the guess was wrong; what was yielded is not to
            be used.
        EvplResponseError: all of them together are more than can be kept.
    """

    def end() -> None:
        on_end()  # first: what is hung up on must not be tried again
        hang_up()

    first = fetch(1)
    check = _Check(first)
    yield first
    if first.has_next:
        rest = (
            _one_by_one(fetch, first, pagination)
            if parallelism == 1 or check.total is None
            else _ahead(
                fetch,
                end=end,
                entry_count=first.entry_count if pagination == "element" else None,
                total=check.total,
                parallelism=parallelism,
            )
        )
        with closing(rest):  # an error's traceback would keep the threads of `_ahead` alive
            try:
                for page in rest:
                    check.follow(page)
                    yield page
            finally:
                on_end()
    check.finish()


def _one_by_one(fetch: Callable[[int], Page], page: Page, pagination: str) -> Generator[Page]:
    index = 1
    while page.has_next:
        index += page.entry_count if pagination == "element" else 1
        page = fetch(index)
        yield page


def _ahead(
    fetch: Callable[[int], Page],
    *,
    end: Callable[[], None],
    entry_count: int | None,
    total: int,
    parallelism: int,
) -> Generator[Page]:
    """Fetch the pages after the first; where elements are counted each has to be as long as that one."""
    step = entry_count or 1
    indices = iter(range(1 + step, 1 + step * total, step))
    failures = _Failures(end)
    try:
        with ThreadPoolExecutor(parallelism, thread_name_prefix="evpl-page") as pool:
            flying = deque(pool.submit(failures.watch, fetch, one) for one in islice(indices, parallelism))
            try:
                while flying:
                    page = failures.result(flying.popleft())
                    flying.extend(pool.submit(failures.watch, fetch, one) for one in islice(indices, 1))
                    if entry_count and page.has_next and page.entry_count != entry_count:
                        raise EvplPagingError(f"a page has {page.entry_count} elements, the first has {step}")
                    yield page
            finally:
                _hang_up_on(flying, end)
    except EvplRetryableError as error:
        raise failures.most_severe(error)  # noqa: B904 it is the same error, or one beside it


def _hang_up_on(flying: Iterable[Future[Page]], end: Callable[[], None]) -> None:
    """Until all are over: one that is about to ask has no line yet that could be hung up."""
    over = [future for future in flying if not future.cancel()]
    end()
    while wait(over, _HANG_UP_EVERY_SECONDS).not_done:
        end()


class _Failures:
    """Of the pages in flight: the first one hangs up on the others, none of which is wanted any more."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._all: list[BaseException] = []
        self._first: Future[Any] = Future()

    def watch(self, fetch: Callable[[int], Page], index: int) -> Page:
        """Fetch a page, in any thread."""
        try:
            return fetch(index)
        except BaseException as error:
            self._all.append(error)
            with suppress(InvalidStateError):
                self._first.set_result(None)
            self._end()
            raise

    def result(self, future: Future[Page]) -> Page:
        """Wait for a page; once another one has failed, hang up on it until it is over."""
        wait((future, self._first), return_when=FIRST_COMPLETED)
        while wait((future,), _HANG_UP_EVERY_SECONDS).not_done:
            self._end()
        return future.result()

    def most_severe(self, error: EvplRetryableError) -> BaseException:
        """Return a permanent one, where there is one; else that for which the others were hung up on."""
        permanent = (one for one in self._all if isinstance(one, EvplPermanentError))
        return next(permanent, self._all[0] if error in self._all else error)


class _Check:
    """Holds each page against those before it [A]."""

    def __init__(self, first: Page) -> None:
        self.total = first.total_pages or None
        self._base = first.current_page
        self._numbered = first.current_page is not None
        self._count = self._bytes = self._rejections = self._entries = 0
        self._request_id: str | None = None
        self._seen: set[int] = set()
        self.follow(first)

    def follow(self, page: Page) -> None:
        """Take the next page, or raise."""
        self._count += 1
        self._request_id = page.request_id
        self._check_number(page.current_page)
        if (page.total_pages or None) != self.total:
            self._fail(f"totalPages was {self.total}, now it is {page.total_pages}")
        if page.has_next and not page.entry_count:
            self._fail("hasNext is true, but there is no element")
        if self._count > 1 and self.total is None and not page.entry_count:
            self._fail("hasNext was true on the page before, but there is no element")
        most = min(self.total or _MOST_PAGES, _MOST_PAGES)
        if self._count + page.has_next > most:
            self._fail(f"there should be {most} pages at most")
        if not page.has_next and self.total not in (None, self._count):
            self._fail(f"it is the last one, of {self.total}")
        self._check_repeated(page)
        self._check_size(page)

    def finish(self) -> None:
        """Tell where nothing was announced that the number of pages could be held against."""
        if self.total is None:
            _log.info(
                "totalPages is 0 or absent: nothing to hold the number of pages (%d) against",
                self._count,
            )

    def _check_number(self, number: int | None) -> None:
        """Numbers rise by one. Without totalPages all may be absent, or 0: then they say nothing."""
        is_second = self._count == 2  # noqa: PLR2004 that is what second means
        if is_second and self._base == 0 and self.total is None:
            self._numbered = number != 0
        if self.total is not None and number is None:
            self._fail("currentPage is missing")
        expected = (self._base or 0) + self._count - 1 if self._numbered else self._base
        if number != expected:
            self._fail(f"currentPage is {number}, expected {expected}")

    def _check_repeated(self, page: Page) -> None:
        """A repeated page has the same series from the same moments; a sample may have come in between."""
        starts = tuple((entry.series, *entry.timestamps[:1]) for entry in page.entries)
        is_read = any(entry.timestamps for entry in page.entries)
        odd = tuple(one.raw for one in page.rejections if one.sample is None or not is_read)
        mark = hash((starts, odd))
        if page.entry_count and mark in self._seen:
            self._fail("its elements were there before")
        self._seen.add(mark)

    def _check_size(self, page: Page) -> None:
        self._bytes += page.size
        self._rejections += len(page.rejections)
        self._entries += page.entry_count
        if self._bytes > _MOST_BYTES or self._rejections > MAX_REJECTIONS or self._entries > _MOST_ENTRIES:
            raise EvplResponseError(
                f"page {self._count}: the pages so far have {self._bytes >> 20} MiB and {self._rejections:,} "
                f"rejected ones among {self._entries:,} elements, more than can be kept "
                f"(request id {self._request_id}); pull shorter slices"
            )

    def _fail(self, why: str) -> None:
        raise EvplPagingError(f"page {self._count}: {one_line(why)} (request id {self._request_id})")
