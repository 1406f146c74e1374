"""A slice's samples: from pages to unique, sorted columns, and the ledger that accounts for each."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np

from airflow_provider_evpl.errors import LONGEST_NAME, one_line
from airflow_provider_evpl.lake.columns import Codes, Floats, Grids, Integers, Rows, count_steps
from airflow_provider_evpl.lake.completeness import Completeness
from airflow_provider_evpl.lake.deduplicate import Conflicts, deduplicate, is_inside
from airflow_provider_evpl.lake.ledger import EXAMPLES, Conflict, Ledger, RejectionRecord, describe_set_aside
from airflow_provider_evpl.models import Entry, Page, Series
from airflow_provider_evpl.window import Granularity, Window, microseconds

__all__ = ["Circuit", "SampleCollector", "Samples", "sum_by_circuit", "unit_doubts"]

_MOST_NAMES = 100


Circuit: TypeAlias = tuple[str, str]
"""A circuit's `object_instance_id`, and a `metric_name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """All that was pulled of one slice.

    Attributes:
        pulled_at: when the first page was requested.
        rows: unique and sorted.
        series: the distinct series among the rows.
        completeness: None if the slice isn't made of whole steps.
        conflicts: the first `EXAMPLES` of them.
        unknown_fields: paths of names that Orange's document doesn't have, at most a hundred.
        unit_doubts: what their values say against a percentage.
    """

    window: Window
    pulled_at: datetime
    rows: Rows
    series: frozenset[Series]
    completeness: Completeness | None
    ledger: Ledger
    rejections: list[RejectionRecord]
    conflicts: list[Conflict]
    unknown_fields: frozenset[str]
    unit_doubts: frozenset[str]

    def expecting(self, series: AbstractSet[Series]) -> "Samples":
        """Return the slice with the series of earlier objects expected too, in every step."""
        if self.completeness is None:
            return self
        completeness = self.completeness.expecting(series)
        ledger = replace(self.ledger, expected=completeness.expected)
        return replace(self, completeness=completeness, ledger=ledger)

    def set_aside(self, redact: Callable[[str], str]) -> str:
        """Say what was rejected or in conflict: counts by reason, and the first examples."""
        return describe_set_aside(self.ledger, self.rejections, self.conflicts, redact)

    def count_within(self, window: Window) -> tuple[int, int]:
        """Count the rows in a window, and those of them with a value."""
        if window.contains(self.window):
            return self.ledger.rows, self.ledger.rows - self.ledger.null_values
        inside = is_inside(self.rows.timestamps, window)
        return int(inside.sum()), int((inside & self.rows.has_value).sum())

    def count_circuits(self, window: Window) -> dict[Circuit, tuple[int, int]]:
        """For each circuit and metric count the rows in a window, and those of them with a value."""
        flags = [np.ones(len(self.rows), np.bool_), self.rows.has_value]
        if not window.contains(self.window):
            inside = is_inside(self.rows.timestamps, window)
            flags = [one & inside for one in flags]
        columns = (np.add.reduceat(one, self.rows.begins, dtype=np.int64).tolist() for one in flags)
        return sum_by_circuit(zip(self.rows.series, *columns, strict=True))


def sum_by_circuit(counts: Iterable[tuple[Series, int, int]]) -> dict[Circuit, tuple[int, int]]:
    """Sum pairs of numbers of series, such as rows and values, by circuit and metric."""
    sums: dict[Circuit, tuple[int, int]] = {}
    for series, rows, values in counts:
        before = sums.get(series[:2], (0, 0))
        sums[series[:2]] = before[0] + rows, before[1] + values
    return sums


class SampleCollector:
    """Takes a slice's pages in order, then gives its samples.

    Args:
        window: the slice; samples outside it are counted and left out.
        code_ope: for the column of that name.
        pulled_at: when the first page was requested.
    """

    def __init__(
        self, window: Window, *, code_ope: str, granularity: Granularity, pulled_at: datetime
    ) -> None:
        self._window = window
        self._code_ope = code_ope
        self._granularity = granularity
        self._pulled_at = pulled_at
        self._codes: dict[Series, int] = {}
        self._code_of: list[int] = []  # of each entry with samples, as are the grids
        self._grids: list[Integers] = []
        self._last: tuple[list[int], Integers] = [], np.empty(0, np.int64)
        self._values = array("d")  # of all samples, as they came; NaN for null
        self._rejections: list[RejectionRecord] = []
        self._unknown_fields: frozenset[str] = frozenset()
        self._pages = self._entries = 0

    def add(self, page: Page) -> None:
        """Take the next page."""
        for entry in filter(_has_samples, page.entries):
            self._code_of.append(self._codes.setdefault(entry.series, len(self._codes)))
            self._grids.append(self._grid(entry.timestamps))
            self._values.extend(entry.values)
        self._pages += 1
        self._entries += page.entry_count
        self._unknown_fields = _some(self._unknown_fields | page.unknown_fields)
        self._rejections += (RejectionRecord(self._pages, rejection) for rejection in page.rejections)

    def _grid(self, timestamps: list[int]) -> Integers:
        """One array for as long as entries have the same."""
        if timestamps != self._last[0]:
            self._last = [*timestamps], np.array(timestamps, np.int64)
        return self._last[1]

    def finish(self) -> Samples:
        """Sort, keep one row of each, and count."""
        series = sorted(self._codes, key=_nulls_first)
        ranks, grids, values, within, conflicts = deduplicate(*self._in_order(series), self._window)
        rows = Rows(
            code_ope=self._code_ope, series=[series[rank] for rank in ranks], grids=grids, values=values
        )
        step, steps = self._granularity.step, self._granularity.steps_in(self._window)
        completeness, observed = None, None
        if step and steps:
            observed, value_steps = _count_steps(rows, microseconds(step))
            completeness = Completeness(
                window=self._window, steps=steps, series=rows.series, value_steps=value_steps
            )
        accepted = len(self._values)
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
            series=len(rows.series),
            expected=completeness.expected if completeness else None,
            observed=None if observed is None else int(observed.sum()),
            values=completeness.values if completeness else None,
            entries=self._entries,
            rejected_entries=sum(placed.rejection.sample is None for placed in self._rejections),
        )
        return Samples(
            window=self._window,
            pulled_at=self._pulled_at,
            rows=rows,
            series=frozenset(rows.series),
            completeness=completeness,
            ledger=ledger,
            rejections=self._rejections,
            conflicts=[
                Conflict(series[rank], timestamp, value, stays)
                for rank, timestamp, value, stays in zip(*_heads(conflicts), strict=True)
            ],
            unknown_fields=self._unknown_fields,
            unit_doubts=unit_doubts(rows.values),
        )

    def _in_order(self, series: Sequence[Series]) -> tuple[Codes, list[Integers], Floats]:
        """Ranks, grids and values of all entries with samples, by their series; those of one as they came."""
        rank_of = {self._codes[one]: rank for rank, one in enumerate(series)}
        ranks = np.array([rank_of[code] for code in self._code_of], np.int32)
        order = np.argsort(ranks, kind="stable")
        values = np.frombuffer(self._values)
        if not np.all(order[1:] > order[:-1]):
            lengths = np.array([len(grid) for grid in self._grids])
            spans = zip(lengths[order], np.cumsum(lengths)[order], strict=True)
            values = np.concatenate([values[end - length : end] for length, end in spans])
        return ranks[order], [self._grids[at] for at in order], values


def _count_steps(rows: Rows, step: int) -> tuple[Integers, Integers]:
    """For each series count the steps with a sample, and those with a value."""
    observed = Grids(rows.grids).count_steps(step)
    has_value = rows.has_value
    if np.all(has_value):
        return observed, observed
    lengths = np.add.reduceat(has_value, rows.begins, dtype=np.int64)
    return observed, count_steps(lengths, rows.timestamps[has_value], step)


def _has_samples(entry: Entry) -> bool:
    return bool(entry.values)


def _heads(conflicts: Conflicts) -> Iterator[list[Any]]:
    return (column[:EXAMPLES].tolist() for column in conflicts)


def _some(names: frozenset[str]) -> frozenset[str]:
    """An object's footer and a log line hold only so many, and so long ones."""
    return frozenset(sorted(one_line(name, LONGEST_NAME) for name in names)[:_MOST_NAMES])


def _nulls_first(series: Series) -> tuple[bool | str, ...]:
    return tuple([part for text in series for part in (text is not None, text or "")])


_HIGHEST_PERCENTAGE = 100.0
_HIGHEST_FRACTION = 1.0


def unit_doubts(values: Floats) -> frozenset[str]:
    """Say what speaks against a percentage, 0 to 100, of the bandwidth: MEF's unit [S], likely Orange's.

    Args:
        values: of a slice, NaN for null; nothing is ever rescaled.
    """
    return frozenset(_doubts(np.fmin.reduce(values), np.fmax.reduce(values))) if len(values) else frozenset()


def _doubts(low: float, high: float) -> Iterator[str]:
    """Of nulls alone both are NaN, of which nothing is true."""
    if low < 0:
        yield "some values are below 0"
    if high > _HIGHEST_PERCENTAGE:
        yield "some values are above 100, which is right only against a committed rate"
    if low >= 0 and 0 < high <= _HIGHEST_FRACTION:
        yield "all values are from 0 to 1, as fractions would be"
