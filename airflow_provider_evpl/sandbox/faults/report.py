"""A report before it is JSON: its elements, how they are cut into pages, which page is requested."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from typing import NamedTuple, Self

from airflow_provider_evpl.sandbox.data import Series

__all__ = ["Element", "Report"]


class Element(NamedTuple):
    """One element of a report: a series, or a part of one.

    Attributes:
        series: The series.
        steps: Seconds since the epoch, in the order of the response.
        nulls: The steps without a value.
    """

    series: Series
    steps: Sequence[int]
    nulls: Collection[int] = ()


class Report(NamedTuple):
    """A whole report, and which page of it is requested.

    Attributes:
        grid: The steps of the window.
        elements: All elements, in order.
        page_size: Elements on a page.
        asked: The header `pagination`, from 1.
        pull: How often the first element of the window has been requested, this time included.
        leading: Sizes of the first pages, if they differ from `page_size`.
        counts_pages: Whether `asked` is the number of a page instead of an element.
    """

    grid: range
    elements: tuple[Element, ...]
    page_size: int
    asked: int
    pull: int
    leading: tuple[int, ...] = ()
    counts_pages: bool = False

    def with_steps(self, change: Callable[[Sequence[int]], Sequence[int]]) -> Self:
        """Return the report with other steps of every element."""
        changed = (one._replace(steps=change(one.steps)) for one in self.elements)
        return self._replace(elements=tuple(changed))

    @property
    def start(self) -> int:
        """Position of the first requested element, from 0."""
        if not self.counts_pages:
            return self.asked - 1
        before = self.asked - 1
        return sum(self.leading[:before]) + max(0, before - len(self.leading)) * self.page_size

    @property
    def number(self) -> int:
        """Number of the page that has the first requested element, from 1."""
        if self.counts_pages:
            return self.asked
        starts = [0, *accumulate(self.leading)]
        if self.start in starts:
            return starts.index(self.start) + 1
        if self.start < starts[-1]:
            return bisect_right(starts, self.start)
        return len(starts) + (self.start - starts[-1]) // self.page_size

    @property
    def total(self) -> int:
        """Number of pages; an empty report has one."""
        count, ends = len(self.elements), [0, *accumulate(self.leading)]
        if count > ends[-1]:
            return len(self.leading) - (ends[-1] - count) // self.page_size
        return max(1, bisect_left(ends, count))

    @property
    def end(self) -> int:
        """Position behind the last element of the page."""
        leads = self.number <= len(self.leading)
        return self.start + (self.leading[self.number - 1] if leads else self.page_size)

    @property
    def page(self) -> tuple[Element, ...]:
        """The elements of the requested page."""
        return self.elements[self.start : self.end]

    @property
    def has_next(self) -> bool:
        """Whether there are elements beyond the page."""
        return self.end < len(self.elements)
