"""Finds what a range of a lake lacks, and which windows to pull again."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_evpl.errors import name_some
from airflow_provider_evpl.flows.findings import Finding, Outcome, judge_age
from airflow_provider_evpl.flows.roster import Lacking, Roster
from airflow_provider_evpl.lake.contents import UnreadableError
from airflow_provider_evpl.lake.layout import group, largest
from airflow_provider_evpl.lake.objects import Foreign, Objects
from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Window, floor, iso

__all__ = ["Coverage", "find_gaps"]

_KINDS = ("missing", "empty", "overlap", "foreign", "absent", "vanished", "null")
_MOST_MESSAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was found in a range of a lake.

    Attributes:
        window: the range.
        objects: how many of ours overlap the range.
        foreign: windows that a pull would refuse, also those beside the range.
        rows, observed, values, expected: sums over our objects, without those that lie in others; the last
            three without objects that aren't made of whole steps.
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

        Windows that only touch stay apart, because one that can't be completed must not block the other.
        What a foreign object overlaps is left out, because a pull would refuse it.
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
        """How many findings are given up."""
        return len(self._with(Outcome.GIVEN_UP))

    @property
    def messages(self) -> list[str]:
        """The first hundred findings, for people."""
        return [str(finding) for finding in self.findings[:_MOST_MESSAGES]]

    def _with(self, outcome: Outcome) -> list[Finding]:
        return [one for one in self.findings if one.outcome is outcome]

    def as_dict(self) -> dict[str, object]:
        """Write it as JSON can, small: counts, and the first hundred findings."""
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


def find_gaps(
    objects: Objects,
    window: Window,
    *,
    min_coverage: float,
    now: datetime,
    give_up_after: timedelta | None,
) -> Coverage:
    """Find what a range of a lake lacks, what it has twice, and what isn't ours.

    Series are compared by name. Each is expected from its first UTC day in the range until `give_up_after`
    after its last one. Footers are read, and the rows of some objects: of one for each distinct set of
    series, and of those that lack values.

    Args:
        objects: of one operator code at one granularity.
        window: the range.
        min_coverage: 0 to 1: in which share of an object's steps each series must have a value.
        now: the time, for the age of what was found.
        give_up_after: how long a window is pulled again that no pull mends; None for ever.

    Raises:
        EvplError: the store failed or refused.
    """
    whole_days = objects.survey(_in_whole_days(window))
    found = {one: what for one, what in whole_days.items() if one.overlaps(window)}
    own = {one: footer for one, footer in found.items() if not isinstance(footer, Foreign)}
    contents = [_Content.read(objects, one, own[one]) for one in largest(own)]
    days = defaultdict[datetime, list[frozenset[Series]]](list)
    for content in contents:
        days[content.day].append(content.series)
    roster = Roster(days, give_up_after)
    whole = [
        _Whole(content, content.steps, judge_age(content.window, content.footer, now, give_up_after))
        for content in contents
        if content.steps
    ]
    findings = [
        *_missing(objects, window, found),
        *_overlaps(own),
        *(Finding(one, "foreign", text, Outcome.FOREIGN) for one, text in _foreign(found)),
        *(finding for one in whole if (finding := _find_incomplete(objects, one, roster, min_coverage))),
    ]
    return Coverage(
        window=window,
        objects=len(own),
        rows=sum(content.footer.ledger.rows for content in contents),
        expected=sum(one.steps * len(roster.expected(one.content.day)) for one in whole),
        observed=sum(one.content.footer.ledger.observed or 0 for one in whole),
        values=sum(one.content.values for one in whole),
        findings=sorted(findings, key=lambda one: one.window),
        foreign=[one for one, what in whole_days.items() if isinstance(what, Foreign)],
    )


def _in_whole_days(window: Window) -> Window:
    """Widen a window to whole UTC days: what a pull of a part of a day would meet."""
    return Window(floor(window.start, DAY), floor(window.end - timedelta(seconds=1), DAY) + DAY)


def _missing(objects: Objects, window: Window, landed: Iterable[Window]) -> Iterator[Finding]:
    gaps = [part for gap in _gaps(window, landed) for part in gap.slices(DAY)]
    first_day = objects.first_day() if gaps else None
    for part in gaps:
        is_before = first_day is not None and part.end <= first_day
        outcome = Outcome.BEFORE_FIRST_DAY if is_before else Outcome.RETURNED
        yield Finding(part, "missing", "nothing has landed", outcome)


def _gaps(window: Window, landed: Iterable[Window]) -> Iterator[Window]:
    """What no landed interval holds; these are in order."""
    covered = window.start
    for one in landed:
        if one.start > covered:
            yield Window(covered, one.start)
        covered = max(covered, one.end)
    if covered < window.end:
        yield Window(covered, window.end)


def _overlaps(own: Mapping[Window, Footer]) -> Iterator[Finding]:
    for one in group(own, own):
        if len(one.replaces) > 1:
            what = (
                f"{len(one.replaces)} objects have the same samples: {name_some([*map(str, one.replaces)])}"
            )
            yield Finding(one.window, "overlap", what)


def _foreign(found: Mapping[Window, Footer | Foreign]) -> Iterator[tuple[Window, str]]:
    for one, what in found.items():
        if isinstance(what, Foreign):
            yield one, f"an object that this connection didn't land: it {what.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """The contents of one object.

    Attributes:
        day: the beginning of its UTC day.
        steps: of its interval; None if that isn't made of whole steps.
        series: none of an object that can't be read.
        values: steps of series that have a value.
        lowest_share: the lowest share of steps with a value that a series has; None if not known.
        problem: why its rows can't be read.
    """

    window: Window
    footer: Footer
    day: datetime
    steps: int | None
    series: frozenset[Series]
    values: int
    lowest_share: float | None
    problem: UnreadableError | None = None

    @classmethod
    def read(cls, objects: Objects, window: Window, footer: Footer) -> "_Content":
        """Read what an object has.

        The footer says it, but for the names of the series. An object of an earlier version is counted by its
        rows.
        """
        series, values, share = frozenset[Series](), footer.ledger.values or 0, footer.lowest_share
        problem, steps = None, objects.steps_in(window)
        try:
            if footer.series_digest is None:
                counts = objects.count(window)
                series = objects.share(frozenset(counts))
                values = sum(one.value_steps for one in counts.values())
                fewest = min((one.value_steps for one in counts.values()), default=0)
                share = fewest / steps if steps else None
            else:
                series = objects.series(window, footer)
        except UnreadableError as error:
            problem = error
        return cls(
            window=window,
            footer=footer,
            day=floor(window.start, DAY),
            steps=steps,
            series=series,
            values=values,
            lowest_share=share,
            problem=problem,
        )


class _Whole(NamedTuple):
    """An object that is made of whole steps.

    Attributes:
        steps: of its interval.
        outcome: what happens to its window if it lacks values.
    """

    content: _Content
    steps: int
    outcome: Outcome


def _find_incomplete(objects: Objects, one: _Whole, roster: Roster, min_coverage: float) -> Finding | None:
    """Return the finding of an object; None if it is complete."""
    content, outcome = one.content, one.outcome
    if content.footer.ledger.rows == 0:
        return Finding(content.window, "empty", "no sample has landed", outcome)
    try:
        lacking = _find_lacking(objects, one, roster, min_coverage)
    except UnreadableError as error:
        return Finding(content.window, "absent", f"its rows can't be read: {error}", outcome)
    if lacking.kind is None:
        return None
    if lacking.kind == "vanished" and not lacking.is_first_day:
        outcome = Outcome.LATER_DAY
    return Finding(content.window, lacking.kind, str(lacking), outcome)


def _find_lacking(objects: Objects, one: _Whole, roster: Roster, min_coverage: float) -> Lacking:
    content = one.content
    if content.problem:
        raise content.problem
    is_low = content.lowest_share is not None and content.lowest_share < min_coverage
    return roster.find_lacking(
        content.day,
        content.series,
        counts=objects.count(content.window) if is_low else {},
        steps=one.steps,
        min_coverage=min_coverage,
    )
