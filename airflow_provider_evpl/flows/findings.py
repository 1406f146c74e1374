"""What is wrong in a lake, and whether it is pulled again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.window import Window

__all__ = ["Finding", "Outcome", "judge_age"]


class Outcome(Enum):
    """What happens to the window of a finding.

    The value says it for people.
    """

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
        detail: for people.
        outcome: whether the window is pulled again, and if not, why.
    """

    window: Window
    kind: str
    detail: str
    outcome: Outcome = Outcome.RETURNED

    def __str__(self) -> str:
        """Say what was found where, and what happens to it."""
        return f"{self.window} {self.kind}: {'; '.join(filter(None, (self.detail, self.outcome.value)))}"


def judge_age(window: Window, footer: Footer, now: datetime, give_up_after: timedelta | None) -> Outcome:
    """Decide whether an object that lacks values is pulled again.

    The age of an object counts from the end of its window, or from its first pull if that is later. It is
    pulled again when its age has doubled since its last pull: often at first, then ever more seldom. It is
    given up if its last pull came at an age above `give_up_after`, or if its age is above twice that.

    Args:
        window: the object's interval.
        footer: says when the object was pulled first and last.
        now: the time.
        give_up_after: None never gives up, and never waits.
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
    """Leave out a time that lies ahead: the clock of some worker was wrong."""
    return moment if moment is not None and moment <= now else None
