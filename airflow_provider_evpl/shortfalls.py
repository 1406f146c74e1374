"""Counts the values that a run should have landed, and says what is missing."""

import math
from collections import Counter
from datetime import datetime

from airflow_provider_evpl.lake.completeness import Completeness, name_lacks
from airflow_provider_evpl.window import DAY, floor

__all__ = ["Shortfalls"]


class Shortfalls:
    """Counts a run's values by UTC day."""

    def __init__(self) -> None:
        self._expected = Counter[datetime]()
        self._values = Counter[datetime]()
        self._worst: dict[datetime, tuple[float, str]] = {}

    def add(self, slice_: Completeness) -> None:
        """Count a slice that has landed."""
        if not slice_.expected:
            return
        day = floor(slice_.window.start, DAY)
        self._expected[day] += slice_.expected
        self._values[day] += slice_.values
        share = slice_.values / slice_.expected
        if share < self._worst.get(day, (1.0, ""))[0]:
            self._worst[day] = share, f"In slice {slice_.window} {name_lacks(slice_.lacking(1))}"

    def message(self) -> str | None:
        """Say what share of the worst day has landed, which series lack values, and what to do.

        Returns:
            None if no value is missing.
        """
        if not self._worst:
            return None
        day = min(self._worst, key=lambda one: (self._share(one), one))
        more = f", and {len(self._worst) - 1} more days lack values" if len(self._worst) > 1 else ""
        return (
            f"{_percent(self._share(day))} of {day:%Y-%m-%d}: {self._values[day]:,} of "
            f"{self._expected[day]:,} expected values have landed{more}. {self._worst[day][1]}. To pull late "
            "values, set lookback, or set min_coverage so that Airflow retries. The example DAG evpl_repair "
            "pulls values that stay missing"
        )

    def _share(self, day: datetime) -> float:
        return self._values[day] / self._expected[day]


def _percent(share: float) -> str:
    """Round down, so that an incomplete day never shows as 100.0 %."""
    return f"{math.floor(share * 1000) / 10:.1f} %"
