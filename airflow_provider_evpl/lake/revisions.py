"""What a slice changes of what had landed: samples added, changed, gone."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from airflow_provider_evpl.lake.columns import Flags, Floats, Integers, Rows, bounds, is_inside
from airflow_provider_evpl.lake.contents import Part
from airflow_provider_evpl.window import Window

__all__ = ["Revisions", "revise"]

_NO_ROW = np.iinfo(np.int64).max


class Revisions(NamedTuple):
    """What a slice has that the objects it replaces had not, and the other way round.

    Attributes:
        added: samples in an interval that had landed without them.
        changed: samples with another value than before; null is one, too.
        gone: samples that are there no more.
        oldest: time of the oldest one added, in microseconds since the epoch; None where none was.
    """

    added: int = 0
    changed: int = 0
    gone: int = 0
    oldest: int | None = None


def revise(
    rows: Rows, window: Window, landed: Iterable[Window], read: Callable[[Window], Iterable[Part]]
) -> Revisions:
    """Compare a slice with what had landed in it; it takes nine bytes a row.

    A moment that is in two objects, as after a killed run, is compared with the one that begins first, and
    of those with the longest.

    Args:
        rows: the slice's.
        window: the slice.
        landed: intervals of the objects that it replaces.
        read: gives an object's rows; it is asked once for each object that lies in no other one.

    Raises:
        UnreadableError: an object's rows can't be read.
    """
    comparison = _Comparison(rows, window)
    until = window.start
    for one in sorted(landed, key=lambda one: (one.start, one.start - one.end)):
        if one.end > until:
            comparison.add(Window(max(one.start, until), one.end), read(one))
            until = one.end
    return comparison.finish()


class _Comparison:
    """Knows each row by a number: the place of its series times the slice's length, plus its time in it."""

    def __init__(self, rows: Rows, window: Window) -> None:
        self._start, end = bounds(window)
        self._length = end - self._start
        self._places = {series: place for place, series in enumerate(rows.series)}
        numbers = [grid + (place * self._length - self._start) for place, grid in enumerate(rows.grids)]
        self._numbers = np.concatenate([*numbers, np.array([_NO_ROW])])
        self._values = rows.values
        self._was_there = np.zeros(len(self._numbers), np.bool_)
        self._landed: list[Window] = []
        self._changed = self._gone = 0

    def add(self, window: Window, parts: Iterable[Part]) -> None:
        """Compare with an object, as far as it is in a window."""
        self._landed.append(window)
        for part in parts:
            places = np.array([self._places.get(one, -1) for one in part.series], np.int64)
            numbers = np.repeat(places, part.lengths) * self._length + (part.timestamps - self._start)
            counts = is_inside(part.timestamps, window)
            self._compare(numbers[counts], part.values[counts])

    def _compare(self, numbers: Integers, values: Floats) -> None:
        at = np.searchsorted(self._numbers, numbers)
        stays = self._numbers[at] == numbers
        self._was_there[at[stays]] = True
        self._changed += int(_differ(self._values[at[stays]], values[stays]).sum())
        self._gone += int((~stays).sum())

    def finish(self) -> Revisions:
        """Count."""
        times = self._numbers[:-1][~self._was_there[:-1]] % self._length + self._start
        added = np.concatenate([times[:0], *(times[is_inside(times, one)] for one in self._landed)])
        oldest = int(added.min()) if len(added) else None
        return Revisions(len(added), self._changed, self._gone, oldest)


def _differ(one: Floats, other: Floats) -> Flags:
    differ: Flags = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return differ
