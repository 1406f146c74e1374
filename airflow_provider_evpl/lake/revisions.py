"""Counts the samples that a slice adds to the objects that it replaces, changes in them, or lacks."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from airflow_provider_evpl.lake.columns import Flags, Floats, Integers, Rows, bounds, is_inside
from airflow_provider_evpl.lake.contents import Part
from airflow_provider_evpl.window import Window

__all__ = ["Revisions", "revise"]

_NO_ROW = np.iinfo(np.int64).max


class Revisions(NamedTuple):
    """How a slice differs from the objects that it replaces.

    Attributes:
        added: new samples in an interval that had landed before.
        changed: samples with another value than before; null counts as a value.
        gone: samples that only the replaced objects have.
        oldest: timestamp of the oldest new sample, in microseconds since the epoch; None without a new one.
    """

    added: int = 0
    changed: int = 0
    gone: int = 0
    oldest: int | None = None


def revise(
    rows: Rows, window: Window, landed: Iterable[Window], read: Callable[[Window], Iterable[Part]]
) -> Revisions:
    """Compare a slice with the objects that it replaces. This takes nine bytes of memory a row.

    After a killed run two objects may have the same samples. The object that begins first is compared, or the
    longest of those. `read` is called once for each object that lies in no other object.

    Raises:
        UnreadableError: the rows of an object can't be read.
    """
    comparison = _Comparison(rows, window)
    until = window.start
    for one in sorted(landed, key=lambda one: (one.start, one.start - one.end)):
        if one.end > until:
            comparison.add(Window(max(one.start, until), one.end), read(one))
            until = one.end
    return comparison.finish()


class _Comparison:
    """Compares rows by their numbers.

    A number is the position of the series, times the length of the slice, plus the time since its start.
    """

    def __init__(self, rows: Rows, window: Window) -> None:
        self._start, end = bounds(window)
        self._length = end - self._start
        self._positions = {series: position for position, series in enumerate(rows.series)}
        firsts = np.arange(len(rows.series)) * self._length - self._start
        numbers = [grid + first for grid, first in zip(rows.grids, firsts, strict=True)]
        self._numbers = np.concatenate([*numbers, np.array([_NO_ROW])])
        self._values = rows.values
        self._had_landed = np.zeros(len(self._numbers), np.bool_)
        self._landed: list[Window] = []
        self._changed = self._gone = 0

    def add(self, window: Window, parts: Iterable[Part]) -> None:
        """Compare with the rows of an object that lie in a window."""
        self._landed.append(window)
        for part in parts:
            positions = np.array([self._positions.get(one, -1) for one in part.series], np.int64)
            numbers = np.repeat(positions, part.lengths) * self._length + (part.timestamps - self._start)
            inside = is_inside(part.timestamps, window)
            self._compare(numbers[inside], part.values[inside])

    def _compare(self, numbers: Integers, values: Floats) -> None:
        at = np.searchsorted(self._numbers, numbers)
        stays = self._numbers[at] == numbers
        self._had_landed[at[stays]] = True
        self._changed += int(_differ(self._values[at[stays]], values[stays]).sum())
        self._gone += int((~stays).sum())

    def finish(self) -> Revisions:
        """Return the counts."""
        times = self._numbers[:-1][~self._had_landed[:-1]] % self._length + self._start
        added = np.concatenate([times[:0], *(times[is_inside(times, one)] for one in self._landed)])
        oldest = int(added.min()) if len(added) else None
        return Revisions(len(added), self._changed, self._gone, oldest)


def _differ(one: Floats, other: Floats) -> Flags:
    differ: Flags = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return differ
