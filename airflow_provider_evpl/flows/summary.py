"""What a run tells when it is done."""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.lake.lake import Landing
from airflow_provider_evpl.lake.ledger import Ledger
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import EPOCH, iso, microseconds

__all__ = ["SUMMED", "Summary"]

_MOST_SLICES = 100
SUMMED = (
    "pages",
    "received",
    "rows",
    "duplicates",
    "out_of_window",
    "rejected",
    "conflicts",
    "null_values",
    "expected",
    "observed",
    "values",
)
"""Of the ledgers of a run's slices, what is summed."""


# A lambda could not be pickled with the task.
def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Summary:
    """What a run landed.

    Attributes:
        requests: report requests sent, those without a page included.
        seconds: of the whole pull.
        landings: in the order of time.
        now: gives the time: when a slice is pulled, and how late its samples came.
    """

    plan: PullPlan
    now: Callable[[], datetime] = _now
    requests: int = 0
    seconds: float = 0.0
    landings: list[Landing] = field(default_factory=list)
    _ledgers: list[Ledger] = field(default_factory=list)
    _more_expected: int = 0
    _series: set[Series] = field(default_factory=set)
    _late_seconds: float | None = None

    def add(self, landing: Landing, samples: Samples) -> None:
        """Count a slice that has landed now."""
        insort(self.landings, landing, key=lambda one: one.window)
        if landing.revisions and landing.revisions.oldest is not None:
            late = (microseconds(self.now() - EPOCH) - landing.revisions.oldest) / 1e6
            self._late_seconds = max(late, self._late_seconds or 0)
        self._series |= samples.series
        self._ledgers.append(samples.ledger)

    def expect_more(self, steps: int) -> None:
        """Count steps that a slice should have had, which became known after it had landed."""
        self._more_expected += steps

    @property
    def dates(self) -> list[str]:
        """The UTC days that have landed, in part or whole: as the lake's folders name them."""
        return sorted({f"{landing.window.start:%Y-%m-%d}" for landing in self.landings})

    def as_dict(self) -> dict[str, object]:
        """Write it as JSON can: the keys of the contract's result."""
        sums = {name: self._sum(name) for name in SUMMED}
        if sums["expected"] is not None:
            sums["expected"] += self._more_expected
        return {
            "code_ope": self.plan.code_ope,
            "granularity": self.plan.granularity.text,
            "window_start": iso(self.plan.window.start),
            "window_end": iso(self.plan.window.end),
            **sums,
            "series": len(self._series),
            "requests": self.requests,
            "retries": self.requests - (sums["pages"] or 0),
            "bytes": sum(landing.bytes for landing in self.landings),
            "seconds": round(self.seconds, 3),
            "revisions": self._revisions(),
            "slice_count": len(self.landings),
            "slices": [_slice(landing) for landing in self._ends()],
        }

    def _sum(self, name: str) -> int | None:
        """Sum a field of the ledgers over the slices that have it; None if no slice has it."""
        known = [one for ledger in self._ledgers if (one := getattr(ledger, name)) is not None]
        return sum(known) if known or not self._ledgers else None

    def _revisions(self) -> dict[str, float | None] | None:
        """Sums; None where a slice's are not known."""
        known = [landing.revisions for landing in self.landings if landing.revisions]
        if len(known) < len(self.landings):
            return None
        sums = {name: sum(getattr(one, name) for one in known) for name in ("added", "changed", "gone")}
        return {**sums, "late_seconds": self._late_seconds}

    def _ends(self) -> list[Landing]:
        if len(self.landings) <= _MOST_SLICES:
            return self.landings
        return self.landings[: _MOST_SLICES // 2] + self.landings[-_MOST_SLICES // 2 :]


def _slice(landing: Landing) -> dict[str, object]:
    return {
        "start": iso(landing.window.start),
        "end": iso(landing.window.end),
        "path": landing.path,
        "rows": landing.rows,
        "bytes": landing.bytes,
        "replaced": landing.replaced,
        "rejected_path": landing.rejected_path,
    }
