"""Timestamps of many series: one array for all that share it, as a rule for all of a slice."""

from collections.abc import Sequence

import numpy as np

from airflow_provider_evpl.window import EPOCH, Window, microseconds

__all__ = ["Grids", "Integers", "bounds", "count_steps"]

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]


class Grids:
    """The timestamps of many series; each array is looked at once.

    Args:
        grids: of each series its timestamps, one at least, in microseconds since the epoch.
    """

    def __init__(self, grids: Sequence[Integers]) -> None:
        distinct = {id(grid): grid for grid in grids}
        places = {key: place for place, key in enumerate(distinct)}
        self._places = np.array([places[id(grid)] for grid in grids], np.intp)
        self._all = np.concatenate([np.empty(0, np.int64), *distinct.values()])
        self._lengths = np.array([len(grid) for grid in distinct.values()], np.int64)
        self._begins = np.cumsum(self._lengths) - self._lengths

    def rise_within(self, window: Window) -> bool:
        """Whether each of them rises, all inside the window."""
        start, end = bounds(window)
        rises = self._all[1:] > self._all[:-1]
        rises[self._begins[1:] - 1] = True
        return bool(np.all(rises) and np.all((self._all >= start) & (self._all < end)))

    def count_steps(self, step: int) -> Integers:
        """Count the steps of each series that have a timestamp; the timestamps of each series rise.

        Args:
            step: in microseconds.
        """
        return count_steps(self._lengths, self._all, step)[self._places]


def count_steps(lengths: Integers, timestamps: Integers, step: int) -> Integers:
    """Count, for each series, the steps of so many microseconds that have a timestamp.

    Args:
        lengths: how many timestamps each series has; 0 is fine.
        timestamps: those of the first series, then those of the second; within a series they rise.
        step: in microseconds.
    """
    steps = timestamps // step
    series = np.repeat(np.arange(len(lengths)), lengths)
    is_new = np.ones(len(steps), np.bool_)
    is_new[1:] = (steps[1:] != steps[:-1]) | (series[1:] != series[:-1])
    return np.bincount(series[is_new], minlength=len(lengths))


def bounds(window: Window) -> tuple[int, int]:
    """Give a window's start and end in microseconds since the epoch."""
    return microseconds(window.start - EPOCH), microseconds(window.end - EPOCH)
