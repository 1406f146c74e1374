"""A slice's samples: from pages to unique, sorted columns, and the ledger that accounts for each."""

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from airflow_provider_evpl.fields import one_line
from airflow_provider_evpl.lake.columns import Codes, Flags, Floats, Integers, Rows
from airflow_provider_evpl.lake.ledger import EXAMPLES, Conflict, Ledger, PlacedRejection, tell_set_aside
from airflow_provider_evpl.lake.units import unit_doubts
from airflow_provider_evpl.page import Page, Series
from airflow_provider_evpl.window import EPOCH, Granularity, Window, microseconds

__all__ = ["SampleCollector", "Samples"]

_MOST_NAMES = 100
_LONGEST_NAME = 200

_Columns: TypeAlias = tuple[Codes, Integers, Floats]
_Conflicts: TypeAlias = tuple[Codes, Integers, Floats, Floats]
"""Series, time, value, and the value that stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """All that was pulled of one slice.

    Attributes:
        rows: unique and sorted.
        series: the distinct series among the rows.
        conflicts: the first `EXAMPLES` of them.
        unknown_fields: paths of names that Orange's document doesn't have, at most a hundred.
        unit_doubts: what their values say against a percentage.
    """

    window: Window
    rows: Rows
    series: frozenset[Series]
    ledger: Ledger
    rejections: list[PlacedRejection]
    conflicts: list[Conflict]
    unknown_fields: frozenset[str]
    unit_doubts: frozenset[str]

    def refusal(self, limit: float, *, blot: Callable[[str], str]) -> str | None:
        """Say why too much of it is rejected: counts by reason, the first examples; None where it is not.

        Args:
            limit: 0 to 1: the largest share of samples rejected or in conflict, or of entries rejected.
            blot: takes secrets out of what is quoted.
        """
        share = self.ledger.rejected_fraction
        if share <= limit:
            return None
        return (
            f"slice {self.window}: {share:.1%} of its samples or entries are rejected or in conflict, "
            f"max_rejected_fraction is {limit:g}: {self.set_aside(blot)}"
        )

    def set_aside(self, blot: Callable[[str], str]) -> str:
        """Say what was rejected or in conflict: counts by reason, the first examples, the next step."""
        return tell_set_aside(self.ledger, self.rejections, self.conflicts, blot)

    def count_within(self, window: Window) -> tuple[int, int]:
        """Count the rows in a window, and those of them with a value."""
        inside = _inside(self.rows.timestamps, window)
        return int(inside.sum()), int((inside & self.rows.has_value).sum())


class SampleCollector:
    """Takes a slice's pages in order, then gives its samples.

    Args:
        window: the slice; samples outside it are counted and left out.
        code_ope: for the column of that name.
    """

    def __init__(self, window: Window, *, code_ope: str, granularity: Granularity) -> None:
        self._window = window
        self._code_ope = code_ope
        self._granularity = granularity
        self._codes: dict[Series, int] = {}
        self._code_of: list[int] = []  # of each entry, as are the next two
        self._timestamps: list[Integers] = []
        self._lengths: list[int] = []
        self._values = array("d")  # of all samples, as they came; NaN for null
        self._rejections: list[PlacedRejection] = []
        self._unknown_fields: frozenset[str] = frozenset()
        self._pages = self._entries = 0

    def add(self, page: Page) -> None:
        """Take the next page."""
        last, timestamps = list[int](), np.empty(0, np.int64)
        for entry in page.entries:
            self._code_of.append(self._codes.setdefault(entry.series, len(self._codes)))
            if entry.timestamps is not last:  # entries of the same grid share it
                last, timestamps = entry.timestamps, np.array(entry.timestamps, np.int64)
            self._timestamps.append(timestamps)
            self._lengths.append(len(entry.values))
            self._values.extend(_floats(entry.values))
        self._pages += 1
        self._entries += page.entry_count
        self._unknown_fields = _some(self._unknown_fields | page.unknown_fields)
        self._rejections += (PlacedRejection(self._pages, rejection) for rejection in page.rejections)

    def finish(self) -> Samples:
        """Sort, keep one row of each, and count."""
        series = sorted(self._codes, key=_nulls_first)
        ranks, timestamps, values = self._joined(series)
        accepted = len(ranks)
        inside = _inside(timestamps, self._window)
        if (within := int(inside.sum())) < accepted:
            ranks, timestamps, values = ranks[inside], timestamps[inside], values[inside]
        (ranks, timestamps, values), conflicts = _unique(ranks, timestamps, values)
        rows = Rows(code_ope=self._code_ope, series=series, ranks=ranks, timestamps=timestamps, values=values)
        used = rows.ranks[_begins(rows.ranks)].tolist()
        rejected = sum(placed.rejection.samples for placed in self._rejections)
        ledger = Ledger(
            pages=self._pages,
            received=accepted + rejected,
            rows=len(rows),
            duplicates=within - len(rows),
            out_of_window=accepted - within,
            rejected=rejected,
            conflicts=len(conflicts[0]),
            null_values=len(rows) - int(rows.has_value.sum()),
            series=len(used),
            expected=self._expected(len(used)),
            observed=self._observed(rows),
            entries=self._entries,
            rejected_entries=sum(placed.rejection.sample is None for placed in self._rejections),
        )
        return Samples(
            window=self._window,
            rows=rows,
            series=frozenset(series[rank] for rank in used),
            ledger=ledger,
            rejections=self._rejections,
            conflicts=[
                Conflict(series[rank], timestamp, value, stays)
                for rank, timestamp, value, stays in zip(*_heads(conflicts), strict=True)
            ],
            unknown_fields=self._unknown_fields,
            unit_doubts=unit_doubts(rows.values),
        )

    def _joined(self, series: Sequence[Series]) -> _Columns:
        """All entries, in the order of their series; those of one as they came."""
        rank_of = {self._codes[one]: rank for rank, one in enumerate(series)}
        ranks = np.array([rank_of[code] for code in self._code_of], np.int32)
        order = np.argsort(ranks, kind="stable")
        lengths = np.array(self._lengths, np.int64)
        timestamps = np.concatenate([np.empty(0, np.int64), *(self._timestamps[at] for at in order)])
        self._timestamps.clear()
        values = np.frombuffer(self._values)
        if not np.all(order[1:] > order[:-1]):
            spans = zip(lengths[order], np.cumsum(lengths)[order], strict=True)
            values = np.concatenate([values[end - length : end] for length, end in spans])
        return np.repeat(ranks[order], lengths[order]), timestamps, values

    def _expected(self, series: int) -> int | None:
        steps = self._granularity.steps_in(self._window)
        return None if steps is None else steps * series

    def _observed(self, rows: Rows) -> int | None:
        if (step := self._granularity.step) is None:
            return None
        return int(_begins(rows.ranks, rows.timestamps // microseconds(step)).sum())


def _floats(values: list[float | None]) -> "array[float]":
    try:
        return array("d", values)  # type: ignore[arg-type]  # as a rule there is no null
    except TypeError:
        return array("d", (math.nan if value is None else value for value in values))


def _heads(conflicts: _Conflicts) -> Iterator[list[Any]]:
    return (column[:EXAMPLES].tolist() for column in conflicts)


def _some(names: frozenset[str]) -> frozenset[str]:
    """An object's footer and a log line hold only so many, and so long ones."""
    return frozenset(sorted(one_line(name[:_LONGEST_NAME]) for name in names)[:_MOST_NAMES])


def _inside(timestamps: Integers, window: Window) -> Flags:
    start, end = (microseconds(bound - EPOCH) for bound in (window.start, window.end))
    return (timestamps >= start) & (timestamps < end)


def _nulls_first(series: Series) -> list[tuple[bool, str]]:
    return [(text is not None, text or "") for text in series]


def _begins(*columns: Codes | Integers) -> Flags:
    """Where a sorted row differs from the one before it."""
    begins = np.ones(len(columns[0]), np.bool_)
    begins[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return begins


def _unique(ranks: Codes, timestamps: Integers, values: Floats) -> tuple[_Columns, _Conflicts]:
    """Sort each series by time; of equal rows a value beats null, else the last one as they came stays."""
    if _rises(ranks, timestamps):  # each series came once, by time: as a rule
        return (ranks, timestamps, values), (ranks[:0], timestamps[:0], values[:0], values[:0])
    order = np.lexsort((~np.isnan(values), timestamps, ranks))
    return _settle(ranks[order], timestamps[order], values[order])


def _rises(ranks: Codes, timestamps: Integers) -> bool:
    return bool(np.all((ranks[1:] != ranks[:-1]) | (timestamps[1:] > timestamps[:-1])))


def _settle(ranks: Codes, timestamps: Integers, values: Floats) -> tuple[_Columns, _Conflicts]:
    """Of sorted rows keep the last one of those that are equal but for their value."""
    stays = np.append(_begins(ranks, timestamps)[1:], True)
    kept = values[stays]
    loses = ~stays
    winners = kept[np.cumsum(stays)[loses]]
    differs = (values[loses] != winners) & ~(np.isnan(values[loses]) & np.isnan(winners))
    in_conflict = np.flatnonzero(loses)[differs]
    conflicts = (ranks[in_conflict], timestamps[in_conflict], values[in_conflict], winners[differs])
    return (ranks[stays], timestamps[stays], kept), conflicts
