"""Counts the values that a run should have landed, and says what is missing."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from airflow_provider_evpl.errors import EvplError, EvplIncompleteError
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.completeness import Completeness, name_lacks
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.window import DAY, Window, floor

__all__ = ["CoverageCheck"]


class CoverageCheck:
    """Counts a run's values by UTC day, and fails slices with less than the plan's `min_coverage`.

    Args:
        summary: of the run; its `expected` grows by what becomes known after a slice has landed.
        fail: takes the error of an incomplete slice.
        redact: takes secrets out of a text.
    """

    def __init__(
        self, summary: Summary, *, fail: Callable[[Window, EvplError], None], redact: Callable[[str], str]
    ) -> None:
        self._summary = summary
        self._plan = summary.plan
        self._fail = fail
        self._redact = redact
        self._newer: list[Completeness] = []
        self._expected = Counter[datetime]()
        self._values = Counter[datetime]()
        self._worst: dict[datetime, tuple[float, str]] = {}

    def add(self, samples: Samples) -> None:
        """Take a slice that has landed, the newest one first.

        A slice is checked when an older one with samples has landed, because it should have the series of
        that one too.
        """
        if samples.series:
            for one in self._newer:
                is_near = one.window.start - samples.window.end < DAY
                more = one.expecting(samples.series) if is_near else one
                self._summary.expect_more(more.expected - one.expected)
                self.check(more)
            self._newer.clear()
        if samples.completeness:
            self._newer.append(samples.completeness)

    def finish(self) -> None:
        """Check the slices that have no older one."""
        for one in self._newer:
            self.check(one)
        self._newer.clear()

    def check(self, one: Completeness) -> None:
        """Count the values of a slice, and fail it if a series has too few of them.

        A slice without a sample is incomplete, unless the plan allows empty ones.
        """
        if not one.expected and self._plan.allow_empty:
            return
        self._count(one)
        share = self._plan.min_coverage
        if share and self._plan.own_window.overlaps(one.window) and (not one.expected or one.lacking(share)):
            message = (
                f"slice {one.window}: landed with {one.values:,} of {one.expected:,} expected values, "
                f"min_coverage is {share:g}: {_tell(one, share)}. Run again later; if the error stays, check "
                "these circuits"
            )
            self._fail(one.window, EvplIncompleteError(self._redact(message)))

    def _count(self, one: Completeness) -> None:
        day = floor(one.window.start, DAY)
        self._expected[day] += one.expected
        self._values[day] += one.values
        share = _share(one.values, one.expected)
        if share < self._worst.get(day, (1.0, ""))[0]:
            self._worst[day] = share, f"In slice {one.window} {_tell(one, 1)}"

    def message(self) -> str | None:
        """Say what share of the worst day has landed, which series lack values, and what to do.

        Returns:
            None if no value is missing.
        """
        if not self._worst:
            return None
        shares = {day: _share(self._values[day], self._expected[day]) for day in self._worst}
        day = min(shares, key=lambda one: (shares[one], one))
        more = f", and {len(self._worst) - 1} more days lack values" if len(self._worst) > 1 else ""
        return (
            f"{_percent(shares[day])} of {day:%Y-%m-%d}: {self._values[day]:,} of "
            f"{self._expected[day]:,} expected values have landed{more}. {self._worst[day][1]}. To pull late "
            "values, set lookback, or set min_coverage so that Airflow retries. The example DAG evpl_repair "
            "pulls values that stay missing"
        )


def _tell(one: Completeness, share: float) -> str:
    return name_lacks(one.lacking(share)) if one.expected else "no series has a sample"


def _share(values: int, expected: int) -> float:
    """Return the share of the expected values; 0 if no value is expected."""
    return values / expected if expected else 0.0


def _percent(share: float) -> str:
    """Round down, so that an incomplete day never shows as 100.0 %."""
    return f"{math.floor(share * 1000) / 10:.1f} %"
