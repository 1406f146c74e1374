"""What has landed in a range, and what to pull again: by names and footers alone, no row is read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_evpl.lake.lake import Lake
from airflow_provider_evpl.lake.layout import group
from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.window import DAY, EPOCH, Window, iso

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["Coverage", "Finding", "look_over"]

_KINDS = ("missing", "empty", "overlap", "foreign", "incomplete", "vanished")
_MOST_TOLD = 100
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a lake that isn't as it should be.

    Attributes:
        window: within one UTC day.
        kind: `missing`, `empty`, `overlap`, `foreign`, `incomplete` or `vanished`.
        detail: for people.
    """

    window: Window
    kind: str
    detail: str

    def __str__(self) -> str:
        """Tell it."""
        return f"{self.window} {self.kind}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How a range of a lake was found.

    Attributes:
        window: the range.
        landed: our own objects in it, in order of time.
    """

    window: Window
    landed: Mapping[Window, Footer]
    findings: list[Finding]

    @property
    def windows(self) -> list[Window]:
        """What to pull again: in order of time, without overlap, each within one UTC day.

        Those that only touch stay apart: where one can't be mended, the other still can. What isn't ours
        is not among them, nor what lies over it: a pull would refuse both.
        """
        joined: list[Window] = []
        for one in sorted(finding.window for finding in self.findings if finding.kind != "foreign"):
            if joined and one.start < joined[-1].end:
                joined[-1] = Window(joined[-1].start, max(joined[-1].end, one.end))
            else:
                joined.append(one)
        foreign = [finding.window for finding in self.findings if finding.kind == "foreign"]
        return [one for one in joined if not any(map(one.overlaps, foreign))]

    @property
    def told(self) -> list[str]:
        """The first hundred findings, for people."""
        return [str(finding) for finding in self.findings[:_MOST_TOLD]]

    def as_dict(self) -> dict[str, object]:
        """Write it as JSON can, small: counts, and the first hundred findings."""
        kinds = Counter(finding.kind for finding in self.findings)
        return {
            "window_start": iso(self.window.start),
            "window_end": iso(self.window.end),
            "objects": len(self.landed),
            "rows": sum(footer.rows for footer in self.landed.values()),
            "expected": sum(footer.expected or 0 for footer in self.landed.values()),
            "observed": sum(footer.observed or 0 for footer in self.landed.values()),
            **{kind: kinds[kind] for kind in _KINDS},
            "findings": self.told,
        }


def look_over(lake: Lake, window: Window, *, min_coverage: float) -> Coverage:
    """Look for what is missing, doubled, not ours or thin in a range of a lake.

    Args:
        lake: of one operator code at one granularity.
        window: the range.
        min_coverage: 0 to 1: of an object's expected samples, which share has to be there.

    Raises:
        EvplError: the store failed or refused.
    """
    found = lake.survey(window)
    own = {one: footer for one, footer in found.items() if footer is not None}
    findings = [
        *_missing(window, found),
        *_overlaps(own),
        *(
            Finding(one, "foreign", "an object that this connection didn't land")
            for one, footer in found.items()
            if footer is None
        ),
        *(Finding(one, "empty", "no sample has landed") for one in _largest(own) if not own[one].rows),
        *_incomplete(own, min_coverage),
        *_vanished(own),
    ]
    return Coverage(window=window, landed=own, findings=sorted(findings, key=lambda one: one.window))


def _missing(window: Window, landed: Iterable[Window]) -> Iterator[Finding]:
    for gap in _gaps(window, landed):
        for part in gap.slices(DAY):
            yield Finding(part, "missing", "nothing has landed")


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
            some = ", ".join(map(str, one.replaces[:_MOST_NAMED]))
            what = f"{len(one.replaces)} objects have the same samples: {some}"
            yield Finding(one.window, "overlap", what)


def _incomplete(own: Mapping[Window, Footer], min_coverage: float) -> Iterator[Finding]:
    for one, footer in own.items():
        if footer.expected and (footer.observed or 0) < min_coverage * footer.expected:
            share = (footer.observed or 0) / footer.expected
            what = f"{footer.observed:,} of {footer.expected:,} expected samples ({share:.1%})"
            yield Finding(one, "incomplete", what)


def _vanished(own: Mapping[Window, Footer]) -> Iterator[Finding]:
    """Of a series that isn't in an object at all, nothing is expected in it.

    Held against the last object of the same length that has any: an hour has fewer than a day.
    """
    last: dict[timedelta, tuple[Window, int]] = {}
    for one in _largest(own):
        if own[one].rows:
            before, series = last.get(one.length, (one, 0))
            if own[one].series < series:
                yield Finding(one, "vanished", f"{own[one].series:,} series, {series:,} in {before}")
            last[one.length] = one, own[one].series


def _largest(own: Iterable[Window]) -> Iterator[Window]:
    """Leave out what lies in others, in order of time: left-overs of killed runs, the larger ones count."""
    seen_to = EPOCH
    for one in sorted(own, key=lambda one: (one.start, -one.length)):
        if one.end > seen_to:
            seen_to = one.end
            yield one
