"""One fault, and how the faults that are on change a value."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Fault", "change"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Fault(Generic[_T]):
    """A fault.

    Attributes:
        name: Its name in `--fault`.
        description: One line for people.
        change: Returns the wrong value for the right one, or the same value where it does not apply.
    """

    name: str
    description: str
    change: Callable[[_T], _T]


def change(value: _T, *, seam: Iterable[Fault[_T]], names: frozenset[str]) -> _T:
    """Apply the named faults of a seam to a value, in the order of the seam."""
    for fault in seam:
        if fault.name in names:
            value = fault.change(value)
    return value
