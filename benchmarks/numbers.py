"""What is said of several runs of the same."""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

__all__ = ["Spread"]


class Spread(NamedTuple):
    """Smallest, middle and largest of some runs' figures."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> "Spread":
        """Sum up.

        Raises:
            ValueError: there is no figure.
        """
        found = sorted(figures)
        if not found:
            raise ValueError("no run, no figure")
        return cls(found[0], median(found), found[-1])

    def less(self, amount: float) -> "Spread":
        """Take off what isn't this one's work."""
        return Spread(*(figure - amount for figure in self))
