"""The 95th percentiles of weeks, which the months of a run share."""

from collections.abc import Hashable, Sequence

from airflow_provider_evpl.flows.figures.engine import LandedObject, RowSource
from airflow_provider_evpl.window import Window

__all__ = ["KnownWeeks", "Percentiles"]

Percentiles = dict[Hashable, float | None]
"""Of one week, by what has them. None if there are too few values."""


class KnownWeeks:
    """Keeps the percentiles of a month's weeks, because most are also weeks of the next month."""

    def __init__(self) -> None:
        self._known: dict[Window, tuple[list[LandedObject], Percentiles]] = {}

    def of(self, source: RowSource, weeks: Sequence[Window]) -> list[Percentiles]:
        """Return what is known of each week, to add to.

        Nothing is known of a week that was no week of the last call, or whose objects are other ones now.
        """
        known = {}
        for week in weeks:
            objects, found = self._known.get(week, ([], {}))
            current = source.objects(week)
            known[week] = (current, found if objects == current else {})
        self._known = known
        return [found for _, found in known.values()]
