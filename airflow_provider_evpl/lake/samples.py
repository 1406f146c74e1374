"""A slice's samples: from pages to unique, sorted columns, and the ledger that accounts for each."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

import numpy as np
import pyarrow as pa

from airflow_provider_evpl.lake.columns import Codes, Flags, Floats, Integers, make_table
from airflow_provider_evpl.lake.units import unit_doubts
from airflow_provider_evpl.records import Page, Rejection, Series
from airflow_provider_evpl.window import EPOCH, Granularity, Window

__all__ = ["Ledger", "PlacedRejection", "SampleCollector", "Samples"]


_EXAMPLES = 3
_REASONS = 5
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where each sample received went: `received == rows + duplicates + out_of_window + rejected`.

    Attributes:
        conflicts: duplicates with another value than the row that stays.
        null_values: rows without a value.
        series: distinct series among the rows.
        expected: series times the grid moments of the slice; None where the granularity has no
            fixed length.
        observed: distinct pairs of series and grid step among the rows; None likewise.
        entries, rejected_entries: elements of the answers, and those rejected as a whole.
    """

    pages: int
    received: int
    rows: int
    duplicates: int
    out_of_window: int
    rejected: int
    conflicts: int
    null_values: int
    series: int
    expected: int | None
    observed: int | None
    entries: int
    rejected_entries: int

    @property
    def rejected_fraction(self) -> float:
        """The share of samples rejected or in conflict, or of entries rejected, whichever is larger."""
        of_samples = (self.rejected + self.conflicts) / max(1, self.received)
        return max(of_samples, self.rejected_entries / max(1, self.entries))


@dataclass(frozen=True, slots=True)
class PlacedRejection:
    """A rejection and its page, counted from 1 in the order of the report."""

    page: int
    rejection: Rejection

    def __str__(self) -> str:
        """Where it is, and the beginning of its JSON."""
        place = f"page {self.page} entry {self.rejection.entry}"
        return f"{place}: {self.rejection.raw[:_SHOWN_CHARACTERS]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """All that was pulled of one slice.

    Attributes:
        table: rows as `TABLE_SCHEMA` says, unique and sorted.
        timestamps, has_value: of the rows, for counting without touching the table.
        series: the distinct series among the rows.
        unit_doubts: what their values say against a percentage.
    """

    window: Window
    table: pa.Table
    timestamps: Integers
    has_value: Flags
    series: frozenset[Series]
    ledger: Ledger
    rejections: list[PlacedRejection]
    unknown_fields: frozenset[str]
    unit_doubts: frozenset[str]

    def refusal(self, limit: float) -> str | None:
        """Say why too much of it is rejected: counts by reason, the first examples; None where it is not.

        Args:
            limit: 0 to 1: the largest share of samples rejected or in conflict, or of entries rejected.
        """
        share = self.ledger.rejected_fraction
        if share <= limit:
            return None
        reasons = Counter[str]()
        for placed in self.rejections:
            reasons[placed.rejection.reason] += placed.rejection.samples
        reasons["conflict"] = self.ledger.conflicts
        counts = [f"{count} x {reason}" for reason, count in reasons.most_common(_REASONS) if count]
        examples = "; ".join(map(str, self.rejections[:_EXAMPLES]))
        return (
            f"slice {self.window}: {share:.1%} of its samples or entries are rejected or in conflict, "
            f"max_rejected_fraction is {limit:g}: {', '.join(counts)}"
            + (f"; for example {examples}" if examples else "")
        )

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
        self._chunks: list[tuple[Codes, Integers, Floats]] = []
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
        self._unknown_fields |= page.unknown_fields
        self._rejections += (PlacedRejection(self._pages, rejection) for rejection in page.rejections)

    def finish(self) -> Samples:
        """Sort, keep one row of each, and count."""
        codes, timestamps, values = self._joined()
        accepted = len(codes)
        inside = _inside(timestamps, self._window)
        columns, conflicts = _unique(_ranks(self._codes)[codes][inside], timestamps[inside], values[inside])
        series = sorted(self._codes, key=_nulls_first)
        ranks, row_timestamps, row_values = columns
        used = np.unique(ranks)
        rejected = sum(placed.rejection.samples for placed in self._rejections)
        ledger = Ledger(
            pages=self._pages,
            received=accepted + rejected,
            rows=len(ranks),
            duplicates=int(inside.sum()) - len(ranks),
            out_of_window=accepted - int(inside.sum()),
            rejected=rejected,
            conflicts=conflicts,
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
            unknown_fields=self._unknown_fields,
            unit_doubts=unit_doubts(row_values[has_value]),
        )

    def _joined(self) -> tuple[Codes, Integers, Floats]:
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
        steps = timestamps // _microseconds(step)
        return len(ranks) and 1 + int(((ranks[1:] != ranks[:-1]) | (steps[1:] != steps[:-1])).sum())


def _inside(timestamps: Integers, window: Window) -> Flags:
    start, end = (_microseconds(bound - EPOCH) for bound in (window.start, window.end))
    return (timestamps >= start) & (timestamps < end)


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _nulls_first(series: Series) -> list[tuple[bool, str]]:
    return [(text is not None, text or "") for text in series]


def _ranks(codes: dict[Series, int]) -> Codes:
    """From a series' code, given in order of arrival, to its place in the sort order."""
    ranks = np.empty(len(codes), np.int32)
    for rank, series in enumerate(sorted(codes, key=_nulls_first)):
        ranks[codes[series]] = rank
    return ranks


def _unique(ranks: Codes, timestamps: Integers, values: Floats) -> tuple[tuple[Codes, Integers, Floats], int]:
    """Sort by series and time; of equal ones a value beats null, else the last one in page order stays."""
    order = np.lexsort((~np.isnan(values), timestamps, ranks))
    ranks, timestamps, values = ranks[order], timestamps[order], values[order]
    stays = np.ones(len(order), np.bool_)
    stays[:-1] = (ranks[1:] != ranks[:-1]) | (timestamps[1:] != timestamps[:-1])
    kept = values[stays]
    loses = ~stays
    winners = kept[np.cumsum(stays)[loses]] if loses.any() else values[:0]
    differs = (values[loses] != winners) & ~(np.isnan(values[loses]) & np.isnan(winners))
    return (ranks[stays], timestamps[stays], kept), int(differs.sum())
