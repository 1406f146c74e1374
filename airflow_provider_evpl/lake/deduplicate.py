"""From samples as they came to rows: unique, sorted, inside their slice."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np

from airflow_provider_evpl.lake.columns import Codes, Flags, Floats, Grids, Integers, bounds
from airflow_provider_evpl.window import Window

__all__ = ["Conflicts", "Settled", "begins_of_runs", "deduplicate", "is_inside"]

Conflicts: TypeAlias = tuple[Codes, Integers, Floats, Floats]
"""Series, time, value, and the value that stays."""

_Columns: TypeAlias = tuple[Codes, Integers, Floats]


class Settled(NamedTuple):
    """The rows.

    Attributes:
        ranks: of each series that has rows, in order.
        grids: of each of them the timestamps of its rows.
        values: of all rows.
        within: how many samples were inside the window.
        conflicts: of the samples that didn't stay, those whose value another one has.
    """

    ranks: Codes
    grids: Sequence[Integers]
    values: Floats
    within: int
    conflicts: Conflicts


def deduplicate(ranks: Codes, grids: Sequence[Integers], values: Floats, window: Window) -> Settled:
    """Sort each series by time and leave out what is outside; of equal rows one stays.

    Args:
        ranks: of entries, in the order of their series; those of one as they came.
        grids: of each entry its timestamps, one at least.
        values: of all their samples; NaN is null.
        window: half-open.
    """
    if np.all(ranks[1:] > ranks[:-1]) and Grids(grids).rise_within(window):
        none = (ranks[:0], np.empty(0, np.int64), values[:0], values[:0])
        return Settled(ranks, grids, values, len(values), none)  # each series came once, by time: as a rule
    timestamps = np.concatenate(grids)
    inside = is_inside(timestamps, window)
    rows = np.repeat(ranks, [len(grid) for grid in grids])
    (ranks, timestamps, values), conflicts = _unique(rows[inside], timestamps[inside], values[inside])
    begins = np.flatnonzero(begins_of_runs(ranks))
    spans = pairwise([*begins.tolist(), len(ranks)])
    grids = [timestamps[begin:end] for begin, end in spans]
    return Settled(ranks[begins], grids, values, int(inside.sum()), conflicts)


def is_inside(timestamps: Integers, window: Window) -> Flags:
    """Of each, whether the window holds it."""
    start, end = bounds(window)
    return (timestamps >= start) & (timestamps < end)


def begins_of_runs(*columns: Codes | Integers) -> Flags:
    """Where a row differs from the one before it."""
    begins = np.ones(len(columns[0]), np.bool_)
    begins[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return begins


def _unique(ranks: Codes, timestamps: Integers, values: Floats) -> tuple[_Columns, Conflicts]:
    """Sort each series by time; of equal rows a value beats null, else the last one as they came stays."""
    if _rises(ranks, timestamps):  # what was out of order lay outside of the window
        return (ranks, timestamps, values), (ranks[:0], timestamps[:0], values[:0], values[:0])
    order = np.lexsort((~np.isnan(values), timestamps, ranks))
    return _settle_equal(ranks[order], timestamps[order], values[order])


def _rises(ranks: Codes, timestamps: Integers) -> bool:
    return bool(np.all((ranks[1:] != ranks[:-1]) | (timestamps[1:] > timestamps[:-1])))


def _settle_equal(ranks: Codes, timestamps: Integers, values: Floats) -> tuple[_Columns, Conflicts]:
    """Of sorted rows keep the last one of those that are equal but for their value."""
    stays = np.ones(len(ranks), np.bool_)
    stays[:-1] = begins_of_runs(ranks, timestamps)[1:]
    kept = values[stays]
    loses = ~stays
    winners = kept[np.cumsum(stays)[loses]]
    differs = (values[loses] != winners) & ~(np.isnan(values[loses]) & np.isnan(winners))
    in_conflict = np.flatnonzero(loses)[differs]
    conflicts = (ranks[in_conflict], timestamps[in_conflict], values[in_conflict], winners[differs])
    return (ranks[stays], timestamps[stays], kept), conflicts
