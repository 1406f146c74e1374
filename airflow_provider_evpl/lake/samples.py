"""A slice's samples: from pages to unique, sorted columns, and the ledger that accounts for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from airflow_provider_evpl.fields import one_line
from airflow_provider_evpl.lake.columns import Codes, Flags, Floats, Integers, make_table
from airflow_provider_evpl.lake.ledger import EXAMPLES, Conflict, Ledger, PlacedRejection, tell_set_aside
from airflow_provider_evpl.lake.units import unit_doubts
from airflow_provider_evpl.page import Page, Series
from airflow_provider_evpl.window import EPOCH, Granularity, Window, microseconds

__all__ = ["SampleCollector", "Samples"]

_MOST_NAMES = 100
_LONGEST_NAME = 200

_Rows: TypeAlias = tuple[Codes, Integers, Floats]
_Conflicts: TypeAlias = tuple[Codes, Integers, Floats, Floats]
"""Series, time, value, and the value that stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """All that was pulled of one slice.

    Attributes:
        table: rows as `TABLE_SCHEMA` says, unique and sorted.
        timestamps, has_value: of the rows, for counting without touching the table.
        series: the distinct series among the rows.
        conflicts: the first `EXAMPLES` of them.
        unknown_fields: paths of names that Orange's document doesn't have, at most a hundred.
        unit_doubts: what their values say against a percentage.
    """

    window: Window
    table: pa.Table
    timestamps: Integers
    has_value: Flags
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
        inside = _inside(self.timestamps, window)
        return int(inside.sum()), int((inside & self.has_value).sum())


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
        self._chunks: list[_Rows] = []
        self._rejections: list[PlacedRejection] = []
        self._unknown_fields: frozenset[str] = frozenset()
        self._pages = self._entries = 0

    def add(self, page: Page) -> None:
        """Take the next page."""
        codes = [self._codes.setdefault(entry.series, len(self._codes)) for entry in page.entries]
        lengths = [len(entry.timestamps) for entry in page.entries]
        count = sum(lengths)
        self._chunks.append(
            (
                np.repeat(np.array(codes, np.int32), lengths),
                np.fromiter(chain.from_iterable(entry.timestamps for entry in page.entries), np.int64, count),
                np.array(list(chain.from_iterable(entry.values for entry in page.entries)), np.float64),
            )
        )
        self._pages += 1
        self._entries += page.entry_count
        self._unknown_fields = _some(self._unknown_fields | page.unknown_fields)
        self._rejections += (PlacedRejection(self._pages, rejection) for rejection in page.rejections)

    def finish(self) -> Samples:
        """Sort, keep one row of each, and count."""
        codes, timestamps, values = self._joined()
        accepted = len(codes)
        inside = _inside(timestamps, self._window)
        rows, conflicts = _unique(_ranks(self._codes)[codes][inside], timestamps[inside], values[inside])
        series = sorted(self._codes, key=_nulls_first)
        ranks, row_timestamps, row_values = rows
        used = np.unique(ranks)
        rejected = sum(placed.rejection.samples for placed in self._rejections)
        ledger = Ledger(
            pages=self._pages,
            received=accepted + rejected,
            rows=len(ranks),
            duplicates=int(inside.sum()) - len(ranks),
            out_of_window=accepted - int(inside.sum()),
            rejected=rejected,
            conflicts=len(conflicts[0]),
            null_values=int(np.isnan(row_values).sum()),
            series=len(used),
            expected=self._expected(len(used)),
            observed=self._observed(ranks, row_timestamps),
            entries=self._entries,
            rejected_entries=sum(placed.rejection.sample is None for placed in self._rejections),
        )
        has_value = ~np.isnan(row_values)
        return Samples(
            window=self._window,
            table=make_table(self._code_ope, series, ranks, row_timestamps, row_values),
            timestamps=row_timestamps,
            has_value=has_value,
            series=frozenset(series[rank] for rank in used.tolist()),
            ledger=ledger,
            rejections=self._rejections,
            conflicts=[
                Conflict(series[rank], timestamp, value, stays)
                for rank, timestamp, value, stays in zip(*_heads(conflicts), strict=True)
            ],
            unknown_fields=self._unknown_fields,
            unit_doubts=unit_doubts(row_values[has_value]),
        )

    def _joined(self) -> _Rows:
        empty = (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64))
        codes, timestamps, values = (
            np.concatenate(parts) for parts in zip(empty, *self._chunks, strict=True)
        )
        self._chunks.clear()
        return codes, timestamps, values

    def _expected(self, series: int) -> int | None:
        steps = self._granularity.steps_in(self._window)
        return None if steps is None else steps * series

    def _observed(self, ranks: Codes, timestamps: Integers) -> int | None:
        if (step := self._granularity.step) is None:
            return None
        steps = timestamps // microseconds(step)
        return len(ranks) and 1 + int(((ranks[1:] != ranks[:-1]) | (steps[1:] != steps[:-1])).sum())


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


def _ranks(codes: dict[Series, int]) -> Codes:
    """From a series' code, given in order of arrival, to its place in the sort order."""
    ranks = np.empty(len(codes), np.int32)
    for rank, series in enumerate(sorted(codes, key=_nulls_first)):
        ranks[codes[series]] = rank
    return ranks


def _unique(ranks: Codes, timestamps: Integers, values: Floats) -> tuple[_Rows, _Conflicts]:
    """Sort by series and time; of equal ones a value beats null, else the last one in page order stays."""
    order = np.lexsort((~np.isnan(values), timestamps, ranks))
    ranks, timestamps, values = ranks[order], timestamps[order], values[order]
    stays = np.ones(len(order), np.bool_)
    stays[:-1] = (ranks[1:] != ranks[:-1]) | (timestamps[1:] != timestamps[:-1])
    kept = values[stays]
    loses = ~stays
    winners = kept[np.cumsum(stays)[loses]]
    differs = (values[loses] != winners) & ~(np.isnan(values[loses]) & np.isnan(winners))
    in_conflict = np.flatnonzero(loses)[differs]
    conflicts = (ranks[in_conflict], timestamps[in_conflict], values[in_conflict], winners[differs])
    return (ranks[stays], timestamps[stays], kept), conflicts
