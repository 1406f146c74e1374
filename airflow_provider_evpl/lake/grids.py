"""Timestamps of many series: one array for all that share it, as a rule for all of a slice."""

from collections.abc import Sequence

import numpy as np

from airflow_provider_evpl.window import EPOCH, Window, microseconds

__all__ = ["Grids", "Integers", "bounds"]

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]


class Grids:
    """The timestamps of many series; each array is looked at once.

    Args:
        grids: of each series its timestamps, one at least, in microseconds since the epoch.
    """

    def __init__(self, grids: Sequence[Integers]) -> None:
        distinct = {id(grid): grid for grid in grids}
        places = {key: place for place, key in enumerate(distinct)}
        self._uses = np.bincount(np.array([places[id(grid)] for grid in grids], np.intp))
        self._all = np.concatenate([np.empty(0, np.int64), *distinct.values()])
        lengths = np.array([len(grid) for grid in distinct.values()], np.int64)
        self._begins = np.cumsum(lengths) - lengths

    def rise_within(self, window: Window) -> bool:
        """Whether each of them rises, all inside the window."""
        start, end = bounds(window)
        rises = self._all[1:] > self._all[:-1]
        rises[self._begins[1:] - 1] = True
        return bool(np.all(rises) and np.all((self._all >= start) & (self._all < end)))

    def count_steps(self, step: int) -> int:
        """Count the steps of so many microseconds in which each series has a timestamp, where they rise."""
        steps = self._all // step
        is_new = np.ones(len(steps), np.bool_)
        is_new[1:] = steps[1:] != steps[:-1]
        is_new[self._begins] = True
        return int(np.add.reduceat(is_new, self._begins, dtype=np.int64) @ self._uses)


def bounds(window: Window) -> tuple[int, int]:
    """Give a window's start and end in microseconds since the epoch."""
    return microseconds(window.start - EPOCH), microseconds(window.end - EPOCH)
