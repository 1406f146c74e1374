"""The findings of a check of a lake, and the windows to pull again."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.window import Window, iso

__all__ = ["Coverage", "Finding", "Outcome", "outcome_by_age"]

_KINDS = ("missing", "empty", "overlap", "foreign", "absent", "vanished", "null")
_MOST_MESSAGES = 100


class Outcome(Enum):
    """What happens to the window of a finding; the value is a text for people."""

    RETURNED = ""
    WAITS = "not pulled again yet: due when its age has doubled since its last pull"
    GIVEN_UP = (
        "given up: its pulls did not complete it. To force a pull, give its start and end to the pull "
        "operator as window_start and window_end, or set give_up_after=None"
    )
    FOREIGN = "a pull would refuse it: move the object away"
    LATER_DAY = "not pulled again: only the first day without the series is"
    BEFORE_FIRST_DAY = "not pulled again: the data set begins later. Use a backfill for it"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a lake that isn't as it should be.

    Attributes:
        window: within one UTC day.
        kind: `missing`, `empty`, `overlap`, `foreign`, `absent`, `vanished` or `null`.
        detail: a text for people.
        outcome: whether the window is pulled again, and if not, why.
    """

    window: Window
    kind: str
    detail: str
    outcome: Outcome = Outcome.RETURNED

    def __str__(self) -> str:
        """Say what was found where, and what happens to its window."""
        texts = filter(None, (self.detail, self.outcome.value))
        return f"{self.window.label} {self.kind}: {'; '.join(texts)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was found in a range of a lake.

    The sums leave out objects that lie inside others. `expected`, `observed` and `values` also leave out
    objects that aren't made of whole steps.

    Attributes:
        window: the range.
        objects: number of our objects that overlap the range.
        rows, expected, observed, values: sums over our objects.
        foreign: windows that a pull would refuse, also those beside the range.
    """

    window: Window
    objects: int
    rows: int
    expected: int
    observed: int
    values: int
    findings: list[Finding]
    foreign: list[Window]

    @property
    def windows(self) -> list[Window]:
        """The windows to pull again: in order of time, without overlap, each within one UTC day.

        Adjacent windows are not merged, so that a window that can't be completed does not block the next one.
        Windows that a foreign object overlaps are left out, because a pull would refuse them.
        """
        joined: list[Window] = []
        for one in sorted(finding.window for finding in self._with(Outcome.RETURNED)):
            if joined and one.start < joined[-1].end:
                joined[-1] = Window(joined[-1].start, max(joined[-1].end, one.end))
            else:
                joined.append(one)
        return [one for one in joined if not any(map(one.overlaps, self.foreign))]

    @property
    def gaps(self) -> list[Finding]:
        """All findings but the days before the data set's first one."""
        return [one for one in self.findings if one.outcome is not Outcome.BEFORE_FIRST_DAY]

    @property
    def given_up(self) -> int:
        """The number of findings that are given up."""
        return len(self._with(Outcome.GIVEN_UP))

    @property
    def messages(self) -> list[str]:
        """The first hundred findings, for people."""
        return [str(finding) for finding in self.findings[:_MOST_MESSAGES]]

    def _with(self, outcome: Outcome) -> list[Finding]:
        return [one for one in self.findings if one.outcome is outcome]

    def as_dict(self) -> dict[str, object]:
        """Return counts and the first hundred findings, small enough for XCom."""
        kinds = Counter(finding.kind for finding in self.findings)
        return {
            "window_start": iso(self.window.start),
            "window_end": iso(self.window.end),
            "objects": self.objects,
            "rows": self.rows,
            "expected": self.expected,
            "observed": self.observed,
            "values": self.values,
            **{kind: kinds[kind] for kind in _KINDS},
            "given_up": self.given_up,
            "findings": self.messages,
        }


def outcome_by_age(window: Window, footer: Footer, now: datetime, give_up_after: timedelta | None) -> Outcome:
    """Decide whether an object that lacks values is pulled again.

    The age of an object counts from the end of its window, or from its first pull if that is later. The
    object is pulled again when its age has doubled since its last pull: often at first, then less and less.
    It is given up if its last pull came at an age above `give_up_after`, or if its age is above twice that.
    With None for `give_up_after` it is never given up, and pulled again at once.
    """
    if give_up_after is None:
        return Outcome.RETURNED
    last_pull = _past(footer.pulled_at, now) or window.end
    begin = max(window.end, _past(footer.first_pulled_at, now) or last_pull)
    age, age_at_last_pull = now - begin, last_pull - begin
    if age_at_last_pull > give_up_after or age > 2 * give_up_after:
        return Outcome.GIVEN_UP
    return Outcome.WAITS if age < 2 * age_at_last_pull else Outcome.RETURNED


def _past(moment: datetime | None, now: datetime) -> datetime | None:
    """Return None for a time in the future, because the clock of the worker that wrote it was wrong."""
    return moment if moment is not None and moment <= now else None
