"""The faults that a running sandbox has, and how often each may still strike."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from math import inf
from typing import TypeVar

from airflow_provider_evpl.sandbox.faults.registry import read_faults

__all__ = ["ActiveFaults"]

_T = TypeVar("_T")


class ActiveFaults:
    """Faults by name, with what is left of their counts; a fault with nothing left is off for good."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """Take faults as `NAME` or `NAME:COUNT`; see `read_faults`."""
        self._left = read_faults(texts)
        self._pulls: Counter[Hashable] = Counter()

    def __bool__(self) -> bool:
        """Tell whether there are any, used up or not."""
        return bool(self._left)

    def answer(self, make: Callable[[frozenset[str]], _T]) -> _T:
        """Give the answer that those faults make that are on.

        Args:
            make: From the names of faults to the answer they make; asked again to learn whether a
                fault with a count made a difference: only then it has struck.
        """
        names = frozenset(name for name, left in self._left.items() if left > 0)
        answer = make(names)
        for name in names:
            if self._left[name] < inf and make(names - {name}) != answer:
                self._left[name] -= 1
        return answer

    def count_pull(self, window: Hashable, *, begins: bool) -> int:
        """Tell how often a window has been pulled; asking for its first element begins a pull."""
        self._pulls[window] += begins
        return self._pulls[window]
