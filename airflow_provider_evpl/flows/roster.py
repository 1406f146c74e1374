"""The series that a lake should have on each UTC day, and those of them that an object lacks."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_evpl.errors import name_some
from airflow_provider_evpl.lake.completeness import Lack, name_lacks
from airflow_provider_evpl.lake.contents import Counts
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY

__all__ = ["Lacking", "Roster"]


class Roster:
    """The series that are expected on each UTC day of a range.

    A series is expected from its first day until `give_up_after` after its last day.
    """

    def __init__(
        self, days: Mapping[datetime, Iterable[frozenset[Series]]], give_up_after: timedelta | None
    ) -> None:
        self._give_up_after = give_up_after
        self._first: dict[Series, datetime] = {}
        self._last: dict[Series, datetime] = {}
        self._expected: dict[datetime, frozenset[Series]] = {}
        for day in sorted(days):
            for series in frozenset[Series]().union(*set(days[day])):
                self._first.setdefault(series, day)
                self._last[series] = day

    def days(self) -> dict[Series, tuple[datetime, datetime]]:
        """Return the first and the last UTC day of each series."""
        return {one: (first, self._last[one]) for one, first in self._first.items()}

    def expected(self, day: datetime) -> frozenset[Series]:
        """Return the series that each object of a UTC day should have."""
        if day not in self._expected:
            started = (one for one, first in self._first.items() if first <= day)
            self._expected[day] = frozenset(one for one in started if not self._is_forgotten(one, day))
        return self._expected[day]

    def _is_forgotten(self, series: Series, day: datetime) -> bool:
        return self._give_up_after is not None and day >= self._last[series] + DAY + self._give_up_after

    def find_lacking(
        self,
        day: datetime,
        present: frozenset[Series],
        *,
        counts: Mapping[Series, Counts],
        steps: int,
        min_coverage: float,
    ) -> "Lacking":
        """Find the series of which an object of a UTC day has too few values.

        `counts` may leave out complete series.
        """
        gone = sorted(self.expected(day) - present, key=lambda one: one.label) if min_coverage > 0 else []
        absent = [Lack(one, 0, steps) for one in gone if self._last[one] >= day]
        vanished = [one for one in gone if self._last[one] < day]
        null = list[Lack]()
        for series, one in counts.items():
            if one.value_steps / steps < min_coverage:
                kind = null if one.observed / steps >= min_coverage else absent
                kind.append(Lack(series, one.value_steps, steps))
        return Lacking(
            absent=_by_values(absent),
            null=_by_values(null),
            vanished=vanished,
            is_first_day=any(self._last[one] + DAY == day for one in vanished),
            renamed=self._find_renamed([*vanished, *(one.series for one in absent)], present),
        )

    def _find_renamed(
        self, lacking: Iterable[Series], present: Iterable[Series]
    ) -> list[tuple[Series, Series]]:
        """Find pairs of series of the same circuit and metric: one series ends where the other begins.

        A renamed PoP shows as such a pair.
        """
        old = {series[:2]: series for series in lacking}
        pairs = ((old[one[:2]], one) for one in present if one[:2] in old)
        return [(was, now) for was, now in pairs if self._first[was] < self._first[now] >= self._last[was]]


class Lacking(NamedTuple):
    """The series of which an object has too few values.

    Attributes:
        absent: missing or incomplete series whose last day isn't past.
        null: series with enough samples, of which too many have no value.
        vanished: series whose last day is past.
        is_first_day: whether the day is the first one without one of the vanished series.
        renamed: pairs of a series that lacks values and a new one of the same circuit and metric.
    """

    absent: list[Lack]
    null: list[Lack]
    vanished: list[Series]
    is_first_day: bool
    renamed: list[tuple[Series, Series]]

    @property
    def kind(self) -> str | None:
        """The first of `absent`, `null` and `vanished` that has a series; None if no series lacks values."""
        kinds = {"absent": self.absent, "null": self.null, "vanished": self.vanished}
        return next((kind for kind, series in kinds.items() if series), None)

    def __str__(self) -> str:
        """Name up to five series of each kind, and say how many there are."""
        vanished = name_some([one.label for one in self.vanished])
        renamed = name_some([f"{was.label} to {now.label}" for was, now in self.renamed])
        parts = (
            name_lacks(self.absent) if self.absent else "",
            f"samples without a value: {name_lacks(self.null)}" if self.null else "",
            f"{len(self.vanished):,} series have no more samples: {vanished}" if self.vanished else "",
            f"perhaps renamed: {renamed}" if self.renamed else "",
        )
        return "; ".join(filter(None, parts))


def _by_values(lacks: list[Lack]) -> list[Lack]:
    return sorted(lacks, key=lambda one: one.values)
