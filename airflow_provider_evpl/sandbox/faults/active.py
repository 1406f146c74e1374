"""The faults that are on in a running sandbox, and which responses each of them changes."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from airflow_provider_evpl.sandbox.faults.registry import read_faults

__all__ = ["ActiveFaults"]

_T = TypeVar("_T")


class ActiveFaults:
    """Faults by name, each with its schedule and the number of responses that it could have changed."""

    def __init__(self, texts: Iterable[str] = (), *, seed: int = 0) -> None:
        """Read faults as `read_faults` does. The seed chooses the responses of `NAME~SHARE`."""
        self._schedules = read_faults(texts)
        # The number of the next response that each fault could change.
        self._numbers = Counter(self._schedules.keys())
        self._seed = seed
        self._pulls: Counter[Hashable] = Counter()

    def __bool__(self) -> bool:
        """Return whether any faults were set, also if their counts are used up."""
        return bool(self._schedules)

    def answer(self, make: Callable[[frozenset[str]], _T]) -> _T:
        """Return the response with the faults whose turn it is.

        Args:
            make: Returns the response with the named faults. It is called again without each fault, because
                only responses that a fault changes are counted.
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
        """Return how often a window has been pulled. A request for its first element starts a pull."""
        self._pulls[window] += begins
        return self._pulls[window]

    def _is_on(self, name: str) -> bool:
        return self._schedules[name].applies_to(self._numbers[name], seed=f"{self._seed} {name}")
