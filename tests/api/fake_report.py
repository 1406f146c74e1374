"""A report in memory: a list of entries in pages; and single pages."""

import threading
from collections.abc import Callable
from itertools import accumulate

from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.models import Entry, Page, Series


class FakeReport:
    """Gives pages by index, and keeps the indices.

    Args:
        total: number of entries.
        page_size: of every page but the last; `sizes` takes precedence.
        base: the first page's number; None for pages without numbers.
        counted: whether pages have `totalPages`.
        meet: that many requests wait for each other, from the second page on.
    """

    def __init__(  # noqa: PLR0913 one argument for each question that Orange leaves open
        self,
        total: int,
        page_size: int,
        *,
        pagination: str = "element",
        base: int | None = 1,
        counted: bool = True,
        sizes: list[int] | None = None,
        meet: int = 1,
    ) -> None:
        series = Series("circuit", "metric", None, None, None, None)
        self.truth = [Entry(series, [number], pack([float(number)])) for number in range(total)]
        self.asked: list[int] = []
        self.most_in_flight = 0
        self._sizes = sizes or [page_size] * max(1, -(-total // page_size))
        self._starts = [0, *accumulate(self._sizes)]
        self._pagination = pagination
        self._base = base
        self._counted = counted
        self._barrier = threading.Barrier(meet)
        self._meetings = (self.page_count - 1) // meet * meet
        self._in_flight = 0
        self._lock = threading.Lock()

    @property
    def page_count(self) -> int:
        """The number of pages; an empty report has one."""
        return len(self._sizes)

    def index(self, number: int) -> int:
        """Give the index of a page, by its number from 0."""
        return 1 + (self._starts[number] if self._pagination == "element" else number)

    def fetch(self, index: int) -> Page:
        """Give the page at an index."""
        with self._lock:
            self.asked.append(index)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            meets = 1 < len(self.asked) <= 1 + self._meetings
        if meets:
            self._barrier.wait(10)
        page = self._page(index)
        with self._lock:
            self._in_flight -= 1
        return page

    def _page(self, index: int) -> Page:
        start = index - 1 if self._pagination == "element" else self._starts[index - 1]
        number = next(n for n, bound in enumerate(self._starts[1:]) if start < bound)
        entries = self.truth[start : self._starts[number + 1]]
        return Page(
            current_page=None if self._base is None else self._base + number,
            total_pages=self.page_count if self._counted else None,
            has_next=number + 1 < self.page_count,
            entry_count=len(entries),
            entries=entries,
        )


def entry(number: int) -> Entry:
    """A series of its own with one sample."""
    return Entry(Series("circuit", "metric", None, None, None, None), [number], pack([1.0]))


def page(number: int | None, total: int | None = 3, *, has_next: bool = True, first: int = 0) -> Page:
    """A page of two entries."""
    entries = [entry(first or 2 * (number or 0)), entry(1 + (first or 2 * (number or 0)))]
    return Page(current_page=number, total_pages=total, has_next=has_next, entry_count=2, entries=entries)


def without(number: int | None, total: int | None = 3, *, has_next: bool = True) -> Page:
    """A page without entries."""
    return Page(current_page=number, total_pages=total, has_next=has_next, entry_count=0, entries=[])


def listed(*pages: Page) -> tuple[Callable[[int], Page], list[int]]:
    """Serve pages of two entries each by element index; give the requested indices too."""
    asked: list[int] = []

    def fetch(index: int) -> Page:
        asked.append(index)
        return pages[(index - 1) // 2]

    return fetch, asked
