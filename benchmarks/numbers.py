"""Summarize the figures of several runs."""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

__all__ = ["Spread"]


class Spread(NamedTuple):
    """The smallest figure, the median and the largest."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> "Spread":
        """Summarize figures.

        Raises:
            ValueError: `figures` is empty.
        """
        found = sorted(figures)
        if not found:
            raise ValueError("no run to summarize")
        return cls(found[0], median(found), found[-1])

    def less(self, amount: float) -> "Spread":
        """Subtract an amount from all three."""
        return Spread(*(figure - amount for figure in self))
