"""A slice's pages, in order and checked: pages that don't add up are an error, never a shorter result."""

import logging
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice

from airflow_provider_evpl.api.cancellation import Cancellation
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
_MOST_ENTRIES = 5_000_000  # each takes some 500 bytes if it is a new series
_log = logging.getLogger(__name__)


def read_pages(
    fetch: Callable[[int], Page],
    *,
    pagination: str = "element",
    parallelism: int = 1,
    cancellation: Cancellation | None = None,
) -> Generator[Page]:
    """Yield a report's pages in order.

    The first request has index 1, which is right whether Orange's `pagination` header counts elements, as
    its document says [O], or pages. With `parallelism` above 1 and a known `totalPages`, pages are fetched
    ahead, on the guess that all but the last are as long as the first.

    Args:
        fetch: gets the page at an index.
        pagination: `element` or `page`: what the index counts [A].
        parallelism: how many pages may be in flight.
        cancellation: the slice's. It is set when a page in flight fails, or when no more pages are needed.
            It must then abort the pages in flight.

    Raises:
        EvplPagingError: the pages don't add up, or the guess was wrong; the yielded pages must not be used.
        EvplResponseError: all pages together are larger than what can be kept.
    """
    first = fetch(1)
    check = _Check(first)
    yield first
    if first.has_next:
        rest = (
            _one_by_one(fetch, first, pagination)
            if parallelism == 1 or check.total is None
            else _ahead(
                fetch,
                entry_count=first.entry_count if pagination == "element" else None,
                total=check.total,
                parallelism=parallelism,
                cancellation=cancellation or Cancellation(),
            )
        )
        with closing(rest):  # else an error's traceback keeps the threads of `_ahead` alive
            for page in rest:
                check.follow(page)
                yield page
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
    entry_count: int | None,
    total: int,
    parallelism: int,
    cancellation: Cancellation,
) -> Generator[Page]:
    """Fetch the pages after the first; if elements are counted, each must be as long as the first page."""
    step = entry_count or 1
    indices = iter(range(1 + step, 1 + step * total, step))
    errors: list[BaseException] = []

    def fetch_or_cancel(index: int) -> Page:
        try:
            return fetch(index)
        except BaseException as error:
            errors.append(error)
            cancellation.set()
            raise

    try:
        with ThreadPoolExecutor(parallelism, thread_name_prefix="evpl-page") as pool:
            in_flight = deque(pool.submit(fetch_or_cancel, one) for one in islice(indices, parallelism))
            try:
                while in_flight:
                    page = in_flight.popleft().result()
                    in_flight.extend(pool.submit(fetch_or_cancel, one) for one in islice(indices, 1))
                    if entry_count and page.has_next and page.entry_count != entry_count:
                        raise EvplPagingError(
                            f"A page has {page.entry_count} elements, the first has {step}."
                        )
                    yield page
            finally:
                cancellation.set()
                for future in in_flight:
                    future.cancel()
    except EvplRetryableError as error:
        raise _most_severe(errors, error)  # noqa: B904 it is the same error, or one beside it


def _most_severe(errors: list[BaseException], error: EvplRetryableError) -> BaseException:
    """Return the first permanent error, or else the error that caused the other requests to be aborted."""
    permanent = (one for one in errors if isinstance(one, EvplPermanentError))
    return next(permanent, errors[0] if error in errors else error)


class _Check:
    """Compares each page with the pages before it [A]."""

    def __init__(self, first: Page) -> None:
        self.total = first.total_pages or None
        self._base = first.current_page
        self._numbered = first.current_page is not None
        self._count = self._bytes = self._rejections = self._entries = 0
        self._request_id: str | None = None
        self._seen: set[int] = set()
        self.follow(first)

    def follow(self, page: Page) -> None:
        """Check the next page."""
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
            self._fail(f"more than {most} pages")
        if not page.has_next and self.total not in (None, self._count):
            self._fail(f"it is the last page, totalPages is {self.total}")
        self._check_repeated(page)
        self._check_size(page)

    def finish(self) -> None:
        """Log if the number of pages could not be checked."""
        if self.total is None:
            _log.info(
                "totalPages is 0 or absent: the number of pages (%d) can't be checked",
                self._count,
            )

    def _check_number(self, number: int | None) -> None:
        """Check that numbers rise by one. Without totalPages, they are not checked if all are absent or 0."""
        is_second = self._count == 2  # noqa: PLR2004 that is what second means
        if is_second and self._base == 0 and self.total is None:
            self._numbered = number != 0
        if self.total is not None and number is None:
            self._fail("currentPage is missing")
        expected = (self._base or 0) + self._count - 1 if self._numbered else self._base
        if number != expected:
            self._fail(f"currentPage is {number}, expected {expected}")

    def _check_repeated(self, page: Page) -> None:
        """Refuse a page whose series start as on an earlier page; samples may have been added meanwhile."""
        starts = tuple((entry.series, *entry.timestamps[:1]) for entry in page.entries)
        is_read = any(entry.timestamps for entry in page.entries)
        rejected = tuple(one.raw for one in page.rejections if one.sample is None or not is_read)
        mark = hash((starts, rejected))
        if page.entry_count and mark in self._seen:
            self._fail("its elements were on an earlier page")
        self._seen.add(mark)

    def _check_size(self, page: Page) -> None:
        self._bytes += page.size
        self._rejections += len(page.rejections)
        self._entries += page.entry_count
        if self._bytes > _MOST_BYTES or self._rejections > MAX_REJECTIONS or self._entries > _MOST_ENTRIES:
            raise EvplResponseError(
                f"The {self._count} pages so far are larger than what can be kept.",
                "Pull shorter slices.",
                f"{self._bytes >> 20} MiB, {self._entries:,} elements, {self._rejections:,} rejections",
            )

    def _fail(self, why: str) -> None:
        detail = f"Request id: {self._request_id}" if self._request_id else ""
        raise EvplPagingError(f"page {self._count}: {one_line(why)}.", "", detail)
