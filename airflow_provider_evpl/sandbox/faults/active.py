"""The faults that a running sandbox has, and which answers each of them strikes."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from airflow_provider_evpl.sandbox.faults.registry import read_faults

__all__ = ["ActiveFaults"]

_T = TypeVar("_T")


class ActiveFaults:
    """Faults by name, each with its schedule and the number of answers it could have changed so far."""

    def __init__(self, texts: Iterable[str] = (), *, seed: int = 0) -> None:
        """Take faults as `read_faults` does; the seed is of those that are drawn."""
        self._schedules = read_faults(texts)
        self._numbers = Counter(self._schedules.keys())  # of each one's next answer
        self._seed = seed
        self._pulls: Counter[Hashable] = Counter()

    def __bool__(self) -> bool:
        """Tell whether there are any, over or not."""
        return bool(self._schedules)

    def answer(self, make: Callable[[frozenset[str]], _T]) -> _T:
        """Give the answer that those faults make whose turn it is.

        Args:
            make: From the names of faults to the answer they make; asked again to learn whether a
                fault could have made a difference: only such answers are numbered.
        """
        names = frozenset(name for name in self._schedules if self._is_on(name))
        answer = make(names)
        for name, schedule in self._schedules.items():
            if schedule.is_always or schedule.is_over(self._numbers[name]):
                continue
            if make(names ^ {name}) != answer:
                self._numbers[name] += 1
        return answer

    def count_pull(self, window: Hashable, *, begins: bool) -> int:
        """Tell how often a window has been pulled; asking for its first element begins a pull."""
        self._pulls[window] += begins
        return self._pulls[window]

    def _is_on(self, name: str) -> bool:
        return self._schedules[name].strikes(self._numbers[name], seed=f"{self._seed} {name}")
