"""What a run has landed, and the result of its task."""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.lake.lake import Landing
from airflow_provider_evpl.lake.ledger import Ledger
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import EPOCH, iso, microseconds

__all__ = ["Summary"]

_MOST_SLICES = 100


# A lambda could not be pickled with the task.
def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Summary:
    """What a run landed.

    Attributes:
        now: gives the time: when a slice is pulled, and how late its samples came.
        requests: report requests sent, those without a page included.
        seconds: the duration of the whole pull.
        landings: in the order of time.
    """

    plan: PullPlan
    now: Callable[[], datetime] = _now
    requests: int = 0
    seconds: float = 0.0
    landings: list[Landing] = field(default_factory=list)
    _total: Ledger | None = None
    _more_expected: int = 0
    _series: set[Series] = field(default_factory=set)
    _late_seconds: float | None = None

    def add(self, landing: Landing, samples: Samples) -> None:
        """Count a slice that has just landed."""
        insort(self.landings, landing, key=lambda one: one.window)
        if landing.revisions and landing.revisions.oldest is not None:
            late = (microseconds(self.now() - EPOCH) - landing.revisions.oldest) / 1e6
            self._late_seconds = max(late, self._late_seconds or 0)
        self._series |= samples.series
        self._total = self._total + samples.ledger if self._total else samples.ledger

    def expect_more(self, steps: int) -> None:
        """Add steps to `expected` that became known after their slice had landed."""
        self._more_expected += steps

    @property
    def ledger(self) -> Ledger:
        """The sum of the slices' ledgers; `series` counts the distinct series of all slices."""
        total = self._total or Ledger.empty()
        expected = None if total.expected is None else total.expected + self._more_expected
        return replace(total, expected=expected, series=len(self._series))

    @property
    def dates(self) -> list[str]:
        """The UTC days that have landed, in part or whole: as the lake's folders name them."""
        return sorted({f"{landing.window.start:%Y-%m-%d}" for landing in self.landings})

    def as_dict(self) -> dict[str, object]:
        """Return the task's result, as JSON can hold it: the keys of the contract."""
        ledger = self.ledger
        return {
            "code_ope": self.plan.code_ope,
            "granularity": self.plan.granularity.text,
            "window_start": iso(self.plan.window.start),
            "window_end": iso(self.plan.window.end),
            **ledger.as_result(),
            "requests": self.requests,
            "retries": self.requests - ledger.pages,
            "bytes": sum(landing.bytes for landing in self.landings),
            "seconds": round(self.seconds, 3),
            "revisions": self._revisions(),
            "slice_count": len(self.landings),
            "slices": [_describe(landing) for landing in self._shown_landings()],
        }

    def _revisions(self) -> dict[str, float | None] | None:
        """Sum the revisions of the slices; None if those of a slice are not known."""
        known = [landing.revisions for landing in self.landings if landing.revisions]
        if len(known) < len(self.landings):
            return None
        return {
            "added": sum(one.added for one in known),
            "changed": sum(one.changed for one in known),
            "gone": sum(one.gone for one in known),
            "late_seconds": self._late_seconds,
        }

    def _shown_landings(self) -> list[Landing]:
        """Return all landings. If there are more than a hundred, return the first and the last fifty."""
        if len(self.landings) <= _MOST_SLICES:
            return self.landings
        return self.landings[: _MOST_SLICES // 2] + self.landings[-_MOST_SLICES // 2 :]


def _describe(landing: Landing) -> dict[str, object]:
    return {
        "start": iso(landing.window.start),
        "end": iso(landing.window.end),
        "path": landing.path,
        "rows": landing.rows,
        "bytes": landing.bytes,
        "replaced": landing.replaced,
        "rejected_path": landing.rejected_path,
    }
