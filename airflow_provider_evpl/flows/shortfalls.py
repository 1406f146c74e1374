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

__all__ = ["Shortfalls"]


class Shortfalls:
    """Counts a run's values by UTC day, and fails slices with less than the plan's `min_coverage`.

    Args:
        summary: of the run; its `expected` grows by what becomes known after a slice has landed.
        fail: takes the error of an incomplete slice.
        redact: removes secrets from a text.
    """

    def __init__(
        self, summary: Summary, *, fail: Callable[[Window, EvplError], None], redact: Callable[[str], str]
    ) -> None:
        self._summary = summary
        self._plan = summary.plan
        self._fail = fail
        self._redact = redact
        self._unchecked: list[Completeness] = []
        self._expected = Counter[datetime]()
        self._values = Counter[datetime]()
        self._worst: dict[datetime, tuple[float, str]] = {}

    def add(self, samples: Samples) -> None:
        """Take a slice that has landed, the newest one first.

        A slice is checked when an older one with samples has landed, because it should have the series of
        that one too.
        """
        if samples.series:
            for one in self._unchecked:
                is_near = one.window.start - samples.window.end < DAY
                more = one.expecting(samples.series) if is_near else one
                self._summary.expect_more(more.expected - one.expected)
                self.check(more)
            self._unchecked.clear()
        if samples.completeness:
            self._unchecked.append(samples.completeness)

    def finish(self) -> None:
        """Check the slices that have no older one."""
        for one in self._unchecked:
            self.check(one)
        self._unchecked.clear()

    def check(self, one: Completeness) -> None:
        """Count the values of a slice, and fail it if a series has too few of them.

        A slice without a sample is incomplete, unless the plan allows empty ones.
        """
        if not one.expected and self._plan.allow_empty:
            return
        self._count(one)
        share = self._plan.min_coverage
        if share and self._plan.own_window.overlaps(one.window) and (not one.expected or one.lacking(share)):
            error = EvplIncompleteError(
                f"slice {one.window.label}: landed with {one.values:,} of {one.expected:,} expected values, "
                f"min_coverage is {share:g}.",
                "Airflow retries. If the error stays, check the circuits below.",
                self._redact(_name_lacks(one, share)),
            )
            self._fail(one.window, error)

    def _count(self, one: Completeness) -> None:
        day = floor(one.window.start, DAY)
        self._expected[day] += one.expected
        self._values[day] += one.values
        share = _share(one.values, one.expected)
        if share < self._worst.get(day, (1.0, ""))[0]:
            self._worst[day] = share, f"slice {one.window.label}: {_name_lacks(one, 1)}"

    def message(self) -> str | None:
        """Say what share of the worst day has landed, what to do, and which series lack values.

        Returns:
            None if no value is missing.
        """
        if not self._worst:
            return None
        shares = {day: _share(self._values[day], self._expected[day]) for day in self._worst}
        day = min(shares, key=lambda one: (shares[one], one))
        more = f"{len(self._worst) - 1:,} more days lack values.\n" if len(self._worst) > 1 else ""
        return self._redact(
            f"{_percent(shares[day])} of {day:%Y-%m-%d}: {self._values[day]:,} of {self._expected[day]:,} "
            f"expected values have landed.\n{more}"
            "To pull late values, set lookback, or min_coverage so that Airflow retries.\n"
            "The example DAG evpl_repair pulls values that stay missing.\n"
            f"{self._worst[day][1]}"
        )


def _name_lacks(one: Completeness, share: float) -> str:
    return name_lacks(one.lacking(share)) if one.expected else "no series has a sample"


def _share(values: int, expected: int) -> float:
    """Return the share of the expected values; 0 if no value is expected."""
    return values / expected if expected else 0.0


def _percent(share: float) -> str:
    """Round down, so that an incomplete day never shows as 100.0 %."""
    return f"{math.floor(share * 1000) / 10:.1f} %"
