"""Which slices of a run have fewer values than expected, and what to say of them."""

import math
from collections import Counter
from datetime import datetime

from airflow_provider_evpl.fields import name_some
from airflow_provider_evpl.lake.samples import Lack, Samples
from airflow_provider_evpl.window import DAY, Window, floor

__all__ = ["Shortfalls", "tell_lacks"]


class Shortfalls:
    """Counts the values of a run's slices by UTC day; as text it says what is missing, or nothing."""

    def __init__(self) -> None:
        self._expected = Counter[datetime]()
        self._values = Counter[datetime]()
        self._worst: dict[datetime, tuple[float, Window, list[Lack]]] = {}

    def add(self, samples: Samples) -> None:
        """Count a slice; one that isn't made of whole steps has no expected values."""
        expected, values = samples.ledger.expected, samples.ledger.values
        if not expected or values is None:
            return
        day = floor(samples.window.start, DAY)
        self._expected[day] += expected
        self._values[day] += values
        share = values / expected
        if share < 1 and share < self._worst.get(day, (1.0,))[0]:
            self._worst[day] = share, samples.window, samples.lacking(1)

    def __str__(self) -> str:
        """Say what share of the worst day is there, which series lack values, and what to do."""
        if not self._worst:
            return ""
        day = min(self._worst, key=lambda one: (self._share(one), one))
        _, window, lacks = self._worst[day]
        more = f", and {len(self._worst) - 1} more days lack values" if len(self._worst) > 1 else ""
        return (
            f"{_percent(self._share(day))} of {day:%Y-%m-%d}: {self._values[day]:,} of "
            f"{self._expected[day]:,} expected values have landed{more}. In slice {window} "
            f"{tell_lacks(lacks)}. If they are only late, set lookback to pull them with a later run, or "
            "min_coverage to let Airflow retry; evpl_repair pulls what stays away"
        )

    def _share(self, day: datetime) -> float:
        return self._values[day] / self._expected[day]


def tell_lacks(lacks: list[Lack]) -> str:
    """Name the first five series that lack values, and say how many there are."""
    return f"{len(lacks):,} series lack values: {name_some([*map(str, lacks)])}"


def _percent(share: float) -> str:
    """Round down: what isn't whole never looks so."""
    return f"{math.floor(share * 1000) / 10:.1f} %"
