"""Where each sample of a slice went, and what was set aside."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from math import isnan

from airflow_provider_evpl.errors import LONGEST_NAME, one_line
from airflow_provider_evpl.models import NO_ZONE, Rejection, Series
from airflow_provider_evpl.window import EPOCH, iso

__all__ = ["EXAMPLES", "Conflict", "Ledger", "RejectionRecord", "describe_set_aside"]

EXAMPLES = 3
"""How many are shown, so that no more conflicts need be kept."""

_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where each sample received went: `received == rows + duplicates + out_of_window + rejected`.

    Attributes:
        conflicts: duplicates with another value than the row that stays.
        null_values: rows without a value.
        series: distinct series among the rows.
        expected: the steps of the slice times its series, the absent series of earlier objects included.
        observed: distinct pairs of series and step among the rows.
        values: pairs of series and step with a value. All three are None if the slice isn't made of whole
            steps.
        entries, rejected_entries: elements of the answers, and those rejected as a whole.
    """

    pages: int
    received: int
    rows: int
    duplicates: int
    out_of_window: int
    rejected: int
    conflicts: int
    null_values: int
    series: int
    expected: int | None
    observed: int | None
    values: int | None
    entries: int
    rejected_entries: int

    @property
    def rejected_fraction(self) -> float:
        """The share of samples rejected or in conflict, or of entries rejected, whichever is larger."""
        of_samples = (self.rejected + self.conflicts) / max(1, self.received)
        return max(of_samples, self.rejected_entries / max(1, self.entries))


@dataclass(frozen=True, slots=True)
class RejectionRecord:
    """A rejection and its page, counted from 1 in the order of the report."""

    page: int
    rejection: Rejection

    def __str__(self) -> str:
        """Where it is, and the beginning of its JSON."""
        one = self.rejection
        sample = "" if one.sample is None else f" sample {one.sample}"
        return f"page {self.page} entry {one.entry}{sample}: {one_line(one.raw, LONGEST_NAME)}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A duplicate with another value than the row that stays; NaN is null.

    Attributes:
        timestamp: microseconds since the epoch.
    """

    series: Series
    timestamp: int
    value: float
    stays: float

    def describe(self, redact: Callable[[str], str]) -> str:
        """Say which sample it is, and both values; names may echo a secret, so they go through `redact`."""
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
    """Say what was set aside: a line of counts by reason, then a line for each of the first examples.

    Args:
        ledger: the counts.
        rejections: all of them, without secrets.
        conflicts: the first `EXAMPLES`.
        redact: takes secrets out of a text.
    """
    reasons = Counter[str]()
    for placed in rejections:
        reasons[placed.rejection.reason] += placed.rejection.samples
    reasons["conflict"] = ledger.conflicts
    shown = dict(reasons.most_common(_REASONS))
    shown["other reasons"] = reasons.total() - sum(shown.values())
    counts = ", ".join(f"{count} x {reason}" for reason, count in shown.items() if count)
    examples = chain(map(str, rejections), (one.describe(redact) for one in conflicts))
    lines = [counts, *islice(examples, EXAMPLES)]
    if reasons[NO_ZONE]:
        lines.append("If times without a zone are UTC, set naive_timestamps to utc in the connection.")
    return "\n".join(lines)


def _number(value: float) -> str:
    return "null" if isnan(value) else f"{value:g}"
