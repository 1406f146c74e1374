"""Runs at once, one store call at a time, in an order that the test chooses."""

import threading
from collections.abc import Callable, Iterator, Sequence

from tests.lake.memory import MemoryStore

KILL = -1
"""A choice that ends a run, between two of its calls."""


class Killed(BaseException):
    """The process of a run is gone."""


class _Seat(threading.Thread):
    """One run: before each call of its store it waits for its turn."""

    def __init__(self, run: Callable[[MemoryStore], object], objects: dict[str, bytes]) -> None:
        super().__init__(daemon=True)
        self.outcome: BaseException | None = None
        self.is_over = False
        self._pull = run
        self._store = MemoryStore(before=self._wait)
        self._store.objects = objects
        self._turn, self._arrived = threading.Semaphore(0), threading.Semaphore(0)
        self._is_killed = False

    def begin(self) -> None:
        """Go up to the first call."""
        self.start()
        self._arrived.acquire()

    def move(self, *, kill: bool = False) -> None:
        """Make the call, and go up to the next one; or die before it."""
        self._is_killed = kill
        self._turn.release()
        self._arrived.acquire()

    def run(self) -> None:
        """Be the thread."""
        try:
            self._pull(self._store)
        except BaseException as error:  # noqa: BLE001 whatever it is, it is the outcome
            self.outcome = error
        self.is_over = True
        self._arrived.release()

    def _wait(self) -> None:
        self._arrived.release()
        self._turn.acquire()
        if self._is_killed:
            raise Killed


def in_turns(
    runs: Sequence[Callable[[MemoryStore], object]],
    objects: dict[str, bytes],
    choices: Iterator[int],
    look: Callable[[], None],
) -> list[BaseException | None]:
    """Let runs work on the same objects, and return how each ended; None is well.

    Args:
        runs: each takes a store of its own.
        objects: what all these stores hold.
        choices: who is next, of those that still run; or `KILL`. When there are no more, the first.
        look: is called after each call, and may raise.
    """
    seats = [_Seat(run, objects) for run in runs]
    for seat in seats:
        seat.begin()
    try:
        while alive := [seat for seat in seats if not seat.is_over]:
            choice = next(choices, 0)
            alive[choice % len(alive)].move(kill=choice == KILL)
            look()
    finally:
        for seat in seats:
            while not seat.is_over:
                seat.move(kill=True)
    return [seat.outcome for seat in seats]
