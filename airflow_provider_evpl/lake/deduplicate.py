"""Turns samples as they came into rows: inside their slice, sorted and unique."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from airflow_provider_evpl.lake.columns import Codes, Floats, Grids, Integers, is_inside, starts_of_runs
from airflow_provider_evpl.window import Window

__all__ = ["Conflicts", "Deduplicated", "deduplicate"]


class Conflicts(NamedTuple):
    """Duplicates with another value than the row that stays, as columns.

    Attributes:
        ranks: the numbers of their series.
        values: their own values, which are left out.
        kept: the values that stay.
    """

    ranks: Codes
    timestamps: Integers
    values: Floats
    kept: Floats


class Deduplicated(NamedTuple):
    """Rows, sorted by series and time, and what was left out.

    Attributes:
        ranks: the numbers of the series that have rows, in order.
        grids: for each of these series the timestamps of its rows.
        values: of all rows.
        inside: how many samples the window contains.
    """

    ranks: Codes
    grids: Sequence[Integers]
    values: Floats
    inside: int
    conflicts: Conflicts


class _Rows(NamedTuple):
    """Rows as columns."""

    ranks: Codes
    timestamps: Integers
    values: Floats


def deduplicate(ranks: Codes, grids: Sequence[Integers], values: Floats, window: Window) -> Deduplicated:
    """Leave out samples outside the window, sort each series by time, and keep one of equal rows.

    Usually each series came once and sorted. Then nothing is copied, and series go on sharing their grids.

    Args:
        ranks: for each entry the number of its series in the lake's order. Entries are sorted by it; entries
            of one series are in the order of the report.
        grids: for each entry its timestamps, at least one.
        values: of all samples; NaN is null.
        window: half-open.
    """
    if np.all(ranks[1:] > ranks[:-1]) and Grids(grids).rise_within(window):
        return Deduplicated(ranks, grids, values, len(values), _no_conflicts())
    timestamps = np.concatenate(grids)
    inside = is_inside(timestamps, window)
    rows = _Rows(np.repeat(ranks, [len(grid) for grid in grids])[inside], timestamps[inside], values[inside])
    unique, conflicts = _unique(rows)
    starts = np.flatnonzero(starts_of_runs(unique.ranks))
    spans = pairwise([*starts.tolist(), len(unique.ranks)])
    return Deduplicated(
        ranks=unique.ranks[starts],
        grids=[unique.timestamps[start:end] for start, end in spans],
        values=unique.values,
        inside=len(rows.values),
        conflicts=conflicts,
    )


def _unique(rows: _Rows) -> tuple[_Rows, Conflicts]:
    """Sort rows by series and time. Of equal rows a value beats null, else the last one that came stays."""
    ranks, timestamps, values = rows
    if np.all((ranks[1:] != ranks[:-1]) | (timestamps[1:] > timestamps[:-1])):
        return rows, _no_conflicts()
    order = np.lexsort((~np.isnan(values), timestamps, ranks))
    return _keep_last(_Rows(ranks[order], timestamps[order], values[order]))


def _keep_last(rows: _Rows) -> tuple[_Rows, Conflicts]:
    """Keep the last of sorted rows that are equal but for their value."""
    ranks, timestamps, values = rows
    stays = np.ones(len(ranks), np.bool_)
    stays[:-1] = starts_of_runs(ranks, timestamps)[1:]
    unique = _Rows(ranks[stays], timestamps[stays], values[stays])
    left_out = np.flatnonzero(~stays)
    kept = unique.values[np.cumsum(stays)[left_out]]
    differs = (values[left_out] != kept) & ~(np.isnan(values[left_out]) & np.isnan(kept))
    at = left_out[differs]
    return unique, Conflicts(ranks[at], timestamps[at], values[at], kept[differs])


def _no_conflicts() -> Conflicts:
    return Conflicts(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0))
