"""What has landed in a range, and what to pull again: by names and footers alone, no row is read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from airflow_provider_evpl.lake.lake import Lake
from airflow_provider_evpl.lake.layout import group
from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.window import DAY, Window, floor, iso

__all__ = ["Coverage", "Finding", "look_over"]

_MOST_TOLD = 100
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a lake that isn't as it should be.

    Attributes:
        window: within one UTC day.
        kind: `missing`, `overlap`, `foreign`, `incomplete` or `vanished`.
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
        landed: our own objects in it.
    """

    window: Window
    landed: Mapping[Window, Footer]
    findings: list[Finding]

    @property
    def windows(self) -> list[Window]:
        """What to pull again: in order of time, none touches another one of the same UTC day."""
        joined: list[Window] = []
        for one in sorted(finding.window for finding in self.findings):
            last = joined[-1] if joined else None
            if last and one.start <= last.end and floor(one.start, DAY) == floor(last.start, DAY):
                joined[-1] = Window(last.start, max(last.end, one.end))
            else:
                joined.append(one)
        return joined

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
            **{kind: kinds[kind] for kind in ("missing", "overlap", "foreign", "incomplete", "vanished")},
            "findings": self.told,
        }


def look_over(lake: Lake, window: Window, *, slice_length: timedelta, min_coverage: float) -> Coverage:
    """Look for what is missing, doubled, not ours or thin in a range of a lake.

    Args:
        lake: of one operator code at one granularity.
        window: the range.
        slice_length: divides a day; what is missing is told in whole slices of it.
        min_coverage: 0 to 1: of an object's expected samples, which share has to be there.

    Raises:
        EvplError: the store failed or refused.
    """
    found = lake.survey(window)
    own = {one: footer for one, footer in found.items() if footer is not None}
    findings = [
        *_missing(window, found, slice_length),
        *_overlaps(own),
        *(
            Finding(one, "foreign", "an object that this connection didn't land")
            for one, footer in found.items()
            if footer is None
        ),
        *_incomplete(own, min_coverage),
        *_vanished(own),
    ]
    return Coverage(window=window, landed=own, findings=sorted(findings, key=lambda one: one.window))


def _missing(window: Window, landed: Iterable[Window], slice_length: timedelta) -> Iterator[Finding]:
    for gap in _gaps(window, landed):
        start = max(window.start, floor(gap.start, slice_length))
        end = min(window.end, floor(gap.end - _SECOND, slice_length) + slice_length)
        for part in Window(start, end).slices(DAY):
            yield Finding(part, "missing", f"nothing has landed in {gap}")


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
            intervals = ", ".join(map(str, one.replaces))
            yield Finding(one.window, "overlap", f"samples are in two objects: {intervals}")


def _incomplete(own: Mapping[Window, Footer], min_coverage: float) -> Iterator[Finding]:
    for one, footer in own.items():
        if footer.expected and (footer.observed or 0) < min_coverage * footer.expected:
            share = (footer.observed or 0) / footer.expected
            what = f"{footer.observed:,} of {footer.expected:,} expected samples ({share:.1%})"
            yield Finding(one, "incomplete", what)


def _vanished(own: Mapping[Window, Footer]) -> Iterator[Finding]:
    """Of a series that isn't in an object at all, nothing is expected in it."""
    for (before, earlier), (one, footer) in pairwise(own.items()):
        if footer.series < earlier.series:
            yield Finding(one, "vanished", f"{footer.series:,} series, {earlier.series:,} in {before}")
