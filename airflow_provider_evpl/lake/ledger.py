"""Where each sample of a slice went, and which samples were set aside."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from itertools import chain, islice
from math import isnan
from typing import Annotated, Any, TypeAlias

from msgspec import Meta

from airflow_provider_evpl.errors import LONGEST_NAME, one_line
from airflow_provider_evpl.models import NO_ZONE, Rejection, Series
from airflow_provider_evpl.window import EPOCH, iso

__all__ = ["EXAMPLES", "Conflict", "Ledger", "RejectionRecord", "describe_set_aside"]

EXAMPLES = 3
"""How many rejections and conflicts a message shows."""

_MOST_REASONS = 5

_Count: TypeAlias = Annotated[int, Meta(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where the samples of a slice or of a run went.

    `received == rows + duplicates + out_of_window + rejected`. The counts have the same names in an object's
    footer, in the result of the task and in lineage. A slice that isn't made of whole steps has None for
    `expected`, `observed` and `values`.

    Attributes:
        conflicts: duplicates with another value than the row that stays.
        null_values: rows without a value.
        series: distinct series among the rows.
        expected: the steps of the slice times its series, the absent series of earlier objects included.
        observed: distinct pairs of series and step among the rows.
        values: pairs of series and step with a value. None in a footer of an earlier version.
        entries, rejected_entries: elements of the responses, and those rejected as a whole.

    Raises:
        ValueError: the counts contradict each other.
    """

    pages: _Count
    received: _Count
    rows: _Count
    duplicates: _Count
    out_of_window: _Count
    rejected: _Count
    conflicts: _Count
    null_values: _Count
    series: _Count
    expected: _Count | None
    observed: _Count | None
    values: _Count | None = None
    entries: _Count
    rejected_entries: _Count

    def __post_init__(self) -> None:
        """Check the counts against each other."""
        if (self.expected is None) != (self.observed is None):
            raise ValueError("expected and observed: both or neither")
        if self.null_values > self.rows:
            raise ValueError("null_values: more than there are rows")
        if self.values is not None and self.values > (self.observed or 0):
            raise ValueError("values: more than there are steps with a sample")

    @classmethod
    def empty(cls) -> "Ledger":
        """Return the ledger of a run in which nothing has landed."""
        return cls(**dict.fromkeys((field.name for field in fields(cls)), 0))

    def __add__(self, other: "Ledger") -> "Ledger":
        """Add the counts of another slice. A count of None is left out of its sum."""
        others = asdict(other)
        sums: dict[str, Any] = {name: _sum_known(count, others[name]) for name, count in asdict(self).items()}
        return Ledger(**sums)

    def as_result(self) -> dict[str, int | None]:
        """Return the counts that the result of a task has."""
        counts = asdict(self)
        del counts["entries"], counts["rejected_entries"]
        return counts

    @property
    def rejected_fraction(self) -> float:
        """The share of samples rejected or in conflict, or of entries rejected, whichever is larger."""
        of_samples = (self.rejected + self.conflicts) / max(1, self.received)
        return max(of_samples, self.rejected_entries / max(1, self.entries))


def _sum_known(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class RejectionRecord:
    """A rejection and its page, counted from 1 in the order of the report."""

    page: int
    rejection: Rejection

    def __str__(self) -> str:
        """Return the place of the rejection, and the beginning of its JSON."""
        one = self.rejection
        sample = "" if one.sample is None else f" sample {one.sample}"
        return f"page {self.page} entry {one.entry}{sample}: {one_line(one.raw, LONGEST_NAME)}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A duplicate with another value than the row that stays; NaN is null.

    Attributes:
        timestamp: microseconds since the epoch.
        stays: the value of the row that stays.
    """

    series: Series
    timestamp: int
    value: float
    stays: float

    def describe(self, redact: Callable[[str], str]) -> str:
        """Name the series, the time and both values. `redact` removes secrets, which names may contain."""
        name = one_line(redact(" ".join(filter(None, self.series))), LONGEST_NAME)
        moment = iso(EPOCH + timedelta(microseconds=self.timestamp))
        return (
            f"two values of {name} at {moment}: {_number(self.value)}, and {_number(self.stays)}, which stays"
        )


def describe_set_aside(
    ledger: Ledger,
    rejections: Sequence[RejectionRecord],
    conflicts: Sequence[Conflict],
    redact: Callable[[str], str],
) -> str:
    """Say what was set aside: a line of counts by reason, then a line for each of the first examples."""
    reasons = Counter[str]()
    for record in rejections:
        reasons[record.rejection.reason] += record.rejection.samples
    reasons["conflict"] = ledger.conflicts
    shown = dict(reasons.most_common(_MOST_REASONS))
    shown["other reasons"] = reasons.total() - sum(shown.values())
    counts = ", ".join(f"{count} x {reason}" for reason, count in shown.items() if count)
    examples = chain(map(str, rejections), (one.describe(redact) for one in conflicts))
    lines = [counts, *islice(examples, EXAMPLES)]
    if reasons[NO_ZONE]:
        lines.append("If times without a zone are UTC, set naive_timestamps to utc in the connection.")
    return "\n".join(lines)


def _number(value: float) -> str:
    return "null" if isnan(value) else f"{value:g}"
