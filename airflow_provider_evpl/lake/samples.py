"""The samples of a slice: collected from its pages, unique and sorted, each accounted for in the ledger."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

import numpy as np

from airflow_provider_evpl.errors import LONGEST_NAME, one_line
from airflow_provider_evpl.lake.columns import Codes, Floats, Integers, Rows, is_inside
from airflow_provider_evpl.lake.completeness import Completeness
from airflow_provider_evpl.lake.deduplicate import Conflicts, Deduplicated, deduplicate
from airflow_provider_evpl.lake.ledger import EXAMPLES, Conflict, Ledger, RejectionRecord, describe_set_aside
from airflow_provider_evpl.models import Page, Series
from airflow_provider_evpl.window import Granularity, Window, microseconds

__all__ = ["Circuit", "SampleCollector", "Samples", "find_unit_doubts", "sum_by_circuit"]

_MOST_NAMES = 100
_HIGHEST_PERCENTAGE = 100.0
_HIGHEST_FRACTION = 1.0

Circuit: TypeAlias = tuple[str, str]
"""A circuit's `object_instance_id`, and a `metric_name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The samples of one slice.

    Attributes:
        pulled_at: when the first page was requested.
        rows: unique and sorted.
        series: the distinct series among the rows.
        completeness: None if the slice isn't made of whole steps.
        conflicts: the first `EXAMPLES` of them.
        unknown_fields: paths of fields that Orange's document doesn't have, at most a hundred.
        unit_doubts: reasons why the values may not be percentages.
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
        """Return the slice with the series of earlier objects expected too, each in every step."""
        if self.completeness is None:
            return self
        completeness = self.completeness.expecting(series)
        ledger = replace(self.ledger, expected=completeness.expected)
        return replace(self, completeness=completeness, ledger=ledger)

    def set_aside(self, redact: Callable[[str], str]) -> str:
        """Say what was rejected or in conflict: counts by reason, and the first examples."""
        return describe_set_aside(self.ledger, self.rejections, self.conflicts, redact)

    def count_within(self, window: Window) -> tuple[int, int]:
        """Return the number of rows in a window, and how many of them have a value."""
        if window.contains(self.window):
            return self.ledger.rows, self.ledger.rows - self.ledger.null_values
        inside = is_inside(self.rows.timestamps, window)
        return int(inside.sum()), int((inside & self.rows.has_value).sum())

    def count_circuits(self, window: Window) -> dict[Circuit, tuple[int, int]]:
        """Count for each circuit and metric the rows in a window, and how many of them have a value."""
        flags = [np.ones(len(self.rows), np.bool_), self.rows.has_value]
        if not window.contains(self.window):
            inside = is_inside(self.rows.timestamps, window)
            flags = [one & inside for one in flags]
        columns = (self.rows.count_by_series(one).tolist() for one in flags)
        return sum_by_circuit(zip(self.rows.series, *columns, strict=True))


def sum_by_circuit(counts: Iterable[tuple[Series, int, int]]) -> dict[Circuit, tuple[int, int]]:
    """Sum the rows and values of series by circuit and metric."""
    sums: dict[Circuit, tuple[int, int]] = {}
    for series, rows, values in counts:
        before = sums.get(series[:2], (0, 0))
        sums[series[:2]] = before[0] + rows, before[1] + values
    return sums


class SampleCollector:
    """Takes the pages of a slice in order, then returns its samples.

    Samples outside the slice are counted and left out.
    """

    def __init__(
        self, window: Window, *, code_ope: str, granularity: Granularity, pulled_at: datetime
    ) -> None:
        self._window = window
        self._code_ope = code_ope
        self._granularity = granularity
        self._pulled_at = pulled_at
        self._codes: dict[Series, int] = {}
        # For each entry with samples: the code of its series, and its timestamps.
        self._entry_codes: list[int] = []
        self._grids: list[Integers] = []
        self._last_grid: tuple[list[int], Integers] = [], np.empty(0, np.int64)
        # All samples as they came; NaN is null.
        self._values = array("d")
        self._rejections: list[RejectionRecord] = []
        self._unknown_fields: frozenset[str] = frozenset()
        self._pages = self._entries = 0

    def add(self, page: Page) -> None:
        """Take the next page."""
        for entry in page.entries:
            if entry.values:
                self._entry_codes.append(self._codes.setdefault(entry.series, len(self._codes)))
                self._grids.append(self._grid(entry.timestamps))
                self._values.extend(entry.values)
        self._pages += 1
        self._entries += page.entry_count
        self._unknown_fields = _first_names(self._unknown_fields | page.unknown_fields)
        self._rejections += (RejectionRecord(self._pages, rejection) for rejection in page.rejections)

    def _grid(self, timestamps: list[int]) -> Integers:
        """Return timestamps as an array; consecutive entries with equal timestamps share one."""
        if timestamps != self._last_grid[0]:
            self._last_grid = [*timestamps], np.array(timestamps, np.int64)
        return self._last_grid[1]

    def finish(self) -> Samples:
        """Return the samples of the pages so far, unique and sorted."""
        series = sorted(self._codes, key=_nulls_first)
        found = deduplicate(*self._sort_entries(series), self._window)
        rows = Rows(
            code_ope=self._code_ope,
            series=[series[rank] for rank in found.ranks],
            grids=found.grids,
            values=found.values,
        )
        observed, completeness = self._count_steps(rows)
        return Samples(
            window=self._window,
            pulled_at=self._pulled_at,
            rows=rows,
            series=frozenset(rows.series),
            completeness=completeness,
            ledger=self._count(found, rows, observed, completeness),
            rejections=self._rejections,
            conflicts=_first_conflicts(found.conflicts, series),
            unknown_fields=self._unknown_fields,
            unit_doubts=find_unit_doubts(rows.values),
        )

    def _sort_entries(self, series: list[Series]) -> tuple[Codes, list[Integers], Floats]:
        """Return ranks, grids and values of all entries, sorted by their series.

        Entries of one series stay in the order of the report. A rank is a position in `series`.
        """
        rank_of = {self._codes[one]: rank for rank, one in enumerate(series)}
        ranks = np.array([rank_of[code] for code in self._entry_codes], np.int32)
        order = np.argsort(ranks, kind="stable")
        values = np.frombuffer(self._values)
        if not np.all(order[1:] > order[:-1]):
            lengths = np.array([len(grid) for grid in self._grids])
            spans = zip(lengths[order], np.cumsum(lengths)[order], strict=True)
            values = np.concatenate([values[end - length : end] for length, end in spans])
        return ranks[order], [self._grids[at] for at in order], values

    def _count_steps(self, rows: Rows) -> tuple[int | None, Completeness | None]:
        """Return the observed steps of all series, and how complete the slice is.

        Both are None if the slice isn't made of whole steps.
        """
        step, steps = self._granularity.step, self._granularity.steps_in(self._window)
        if not step or not steps:
            return None, None
        observed, value_steps = rows.count_steps(microseconds(step))
        completeness = Completeness(
            window=self._window, steps=steps, series=rows.series, value_steps=value_steps
        )
        return int(observed.sum()), completeness

    def _count(
        self, found: Deduplicated, rows: Rows, observed: int | None, completeness: Completeness | None
    ) -> Ledger:
        accepted = len(self._values)
        rejected = sum(record.rejection.samples for record in self._rejections)
        return Ledger(
            pages=self._pages,
            received=accepted + rejected,
            rows=len(rows),
            duplicates=found.inside - len(rows),
            out_of_window=accepted - found.inside,
            rejected=rejected,
            conflicts=len(found.conflicts.ranks),
            null_values=len(rows) - int(rows.has_value.sum()),
            series=len(rows.series),
            expected=completeness.expected if completeness else None,
            observed=observed,
            values=completeness.values if completeness else None,
            entries=self._entries,
            rejected_entries=sum(record.rejection.sample is None for record in self._rejections),
        )


def _first_conflicts(conflicts: Conflicts, series: list[Series]) -> list[Conflict]:
    columns = (column[:EXAMPLES].tolist() for column in conflicts)
    return [Conflict(series[rank], *others) for rank, *others in zip(*columns, strict=True)]


def _first_names(names: frozenset[str]) -> frozenset[str]:
    """Keep the first hundred names, and cut long ones, because a footer and a log line have to hold them."""
    return frozenset(sorted(one_line(name, LONGEST_NAME) for name in names)[:_MOST_NAMES])


def _nulls_first(series: Series) -> tuple[bool | str, ...]:
    return tuple([part for text in series for part in (text is not None, text or "")])


def find_unit_doubts(values: Floats) -> frozenset[str]:
    """Return reasons why values may not be percentages of the bandwidth, 0 to 100.

    Percent is MEF's unit [S], and likely Orange's. No value is rescaled.
    """
    return frozenset(_doubts(np.fmin.reduce(values), np.fmax.reduce(values))) if len(values) else frozenset()


def _doubts(low: float, high: float) -> Iterator[str]:
    """Yield the doubts by the lowest and the highest value. If all values are null, both are NaN."""
    if low < 0:
        yield "some values are below 0"
    if high > _HIGHEST_PERCENTAGE:
        yield "some values are above 100, which is right only against a committed rate"
    if low >= 0 and 0 < high <= _HIGHEST_FRACTION:
        yield "all values are from 0 to 1, as fractions would be"
