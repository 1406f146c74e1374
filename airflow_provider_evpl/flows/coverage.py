"""Reads a range of a lake, and finds what it lacks, what it has twice, and what others wrote."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_evpl.errors import name_some
from airflow_provider_evpl.flows.findings import Coverage, Finding, Outcome, outcome_by_age
from airflow_provider_evpl.flows.roster import Lacking, Roster
from airflow_provider_evpl.lake.contents import UnreadableError
from airflow_provider_evpl.lake.layout import group, largest
from airflow_provider_evpl.lake.objects import Foreign, Objects
from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Window, floor

__all__ = ["find_gaps"]


def find_gaps(
    objects: Objects,
    window: Window,
    *,
    min_coverage: float,
    now: datetime,
    give_up_after: timedelta | None,
) -> Coverage:
    """Find what a range of a lake lacks, what it has twice, and what this connection didn't land.

    Series are compared by name. Each is expected from its first UTC day in the range until `give_up_after`
    after its last one. All footers are read. Rows are read only from objects that lack values, and from one
    object for each distinct set of series.

    Args:
        objects: of one operator code at one granularity.
        window: the range.
        min_coverage: 0 to 1: in which share of an object's steps each series must have a value.
        now: the time, for the age of the findings.
        give_up_after: how long an incomplete window is pulled again; None means forever.
    """
    whole_days = objects.survey(_in_whole_days(window))
    found = {one: what for one, what in whole_days.items() if one.overlaps(window)}
    own = {one: footer for one, footer in found.items() if not isinstance(footer, Foreign)}
    contents = [_Content.read(objects, one, own[one]) for one in largest(own)]
    days = defaultdict[datetime, list[frozenset[Series]]](list)
    for content in contents:
        days[content.day].append(content.series)
    roster = Roster(days, give_up_after)
    whole = [content for content in contents if content.steps]
    ages = ((one, outcome_by_age(one.window, one.footer, now, give_up_after)) for one in whole)
    incomplete = (_find_incomplete(objects, *one, roster, min_coverage) for one in ages)
    findings = [
        *_missing(objects, window, found),
        *_overlaps(own),
        *(Finding(one, "foreign", text, Outcome.FOREIGN) for one, text in _foreign(found)),
        *filter(None, incomplete),
    ]
    return Coverage(
        window=window,
        objects=len(own),
        rows=sum(content.footer.ledger.rows for content in contents),
        expected=sum(one.steps * len(roster.expected(one.day)) for one in whole),
        observed=sum(one.footer.ledger.observed or 0 for one in whole),
        values=sum(one.values for one in whole),
        findings=sorted(findings, key=lambda one: one.window),
        foreign=[one for one, what in whole_days.items() if isinstance(what, Foreign)],
    )


def _in_whole_days(window: Window) -> Window:
    """Widen a window to whole UTC days, because a pull of a part of a day meets all objects of the day."""
    return Window(floor(window.start, DAY), floor(window.end - timedelta(seconds=1), DAY) + DAY)


def _missing(objects: Objects, window: Window, landed: Iterable[Window]) -> Iterator[Finding]:
    gaps = [part for gap in _gaps(window, landed) for part in gap.slices(DAY)]
    first_day = objects.first_day() if gaps else None
    for part in gaps:
        is_before = first_day is not None and part.end <= first_day
        outcome = Outcome.BEFORE_FIRST_DAY if is_before else Outcome.RETURNED
        yield Finding(part, "missing", "nothing has landed", outcome)


def _gaps(window: Window, landed: Iterable[Window]) -> Iterator[Window]:
    """Yield the parts of a window that no landed interval holds. The intervals are in order of time."""
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
            names = name_some([landed.label for landed in one.replaces])
            yield Finding(
                one.window, "overlap", f"{len(one.replaces)} objects have the same samples: {names}"
            )


def _foreign(found: Mapping[Window, Footer | Foreign]) -> Iterator[tuple[Window, str]]:
    for one, what in found.items():
        if isinstance(what, Foreign):
            yield one, f"an object that this connection didn't land: it {what.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """The contents of one object.

    Attributes:
        day: the beginning of its UTC day.
        steps: number of steps of its interval; 0 if the interval isn't made of whole steps.
        series: empty if the object can't be read.
        values: number of pairs of series and step with a value.
        lowest_share: the lowest share of steps with a value of any series; None if not known.
        problem: why the rows can't be read; None if they can.
    """

    window: Window
    footer: Footer
    day: datetime
    steps: int
    series: frozenset[Series]
    values: int
    lowest_share: float | None
    problem: UnreadableError | None = None

    @classmethod
    def read(cls, objects: Objects, window: Window, footer: Footer) -> "_Content":
        """Read the contents of an object.

        The footer has all but the names of the series. The rows of an object of an earlier version are
        counted, because its footer has less.
        """
        series, values, share = frozenset[Series](), footer.ledger.values or 0, footer.lowest_share
        problem, steps = None, objects.steps_in(window) or 0
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


def _find_incomplete(
    objects: Objects, content: _Content, outcome: Outcome, roster: Roster, min_coverage: float
) -> Finding | None:
    """Return the finding of an object that is made of whole steps; None if it is complete."""
    if content.footer.ledger.rows == 0:
        return Finding(content.window, "empty", "no sample has landed", outcome)
    try:
        lacking = _find_lacking(objects, content, roster, min_coverage)
    except UnreadableError as error:
        return Finding(content.window, "absent", f"its rows can't be read: {error}", outcome)
    if lacking.kind is None:
        return None
    if lacking.kind == "vanished" and not lacking.is_first_day:
        outcome = Outcome.LATER_DAY
    return Finding(content.window, lacking.kind, str(lacking), outcome)


def _find_lacking(objects: Objects, content: _Content, roster: Roster, min_coverage: float) -> Lacking:
    if content.problem:
        raise content.problem
    is_low = content.lowest_share is not None and content.lowest_share < min_coverage
    return roster.find_lacking(
        content.day,
        content.series,
        counts=objects.count(content.window) if is_low else {},
        steps=content.steps,
        min_coverage=min_coverage,
    )
