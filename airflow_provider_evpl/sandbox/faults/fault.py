"""One fault, and how those that are on change a value."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Fault", "change"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Fault(Generic[_T]):
    """Something to do wrong.

    Attributes:
        name: What it is asked for by.
        description: One line for people.
        change: From the right value to the wrong one; where it does not strike, the same value.
    """

    name: str
    description: str
    change: Callable[[_T], _T]


def change(value: _T, *, seam: Iterable[Fault[_T]], names: frozenset[str]) -> _T:
    """Let those faults of a seam strike that are named, in the seam's order."""
    for fault in seam:
        if fault.name in names:
            value = fault.change(value)
    return value
