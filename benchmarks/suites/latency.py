"""S2: 200 pages with a latency of 200 ms, so that nearly all time is waiting."""

from math import ceil

from benchmarks import participants as who
from benchmarks.figures import Figures, Target
from benchmarks.part import pulls
from benchmarks.shape import Shape
from benchmarks.suite import Case, Suite

__all__ = ["PART", "SUITE"]

_LATENCY_SECONDS = 0.2
_PACE = 25.0
_MANY = 8
# Eight pages in flight need 40 requests per second.
_PACE_OF_MANY = 100.0


def _cases(participant: who.Participant) -> tuple[Case, Case, Case]:
    return (
        Case(participant=participant, in_flight=1, requests_per_second=_PACE),
        Case(participant=participant, in_flight=4, requests_per_second=_PACE),
        Case(participant=participant, in_flight=_MANY, requests_per_second=_PACE_OF_MANY),
    )


_OURS = _cases(who.OURS)
_LIMITS = _cases(who.LIMIT)
_DOWNLOAD = Case(participant=who.DOWNLOAD, in_flight=1)

SUITE = Suite(
    name="latency",
    title="S2, latency-bound",
    shape=Shape(circuits=500, page_entries=10),
    latency_seconds=_LATENCY_SECONDS,
    cases=(
        *(Case(participant=one) for one in (who.PYTHON, who.AIRFLOW)),
        _DOWNLOAD,
        *_LIMITS,
        *_OURS,
    ),
)


def _targets(figures: Figures) -> list[Target]:
    """Compare ours with the limit, with the waiting alone, and with the ideal."""
    one, four, eight = (figures.of(case).seconds.middle for case in _OURS)
    limit = figures.of(_LIMITS[1]).seconds.middle
    waiting = figures.of(_DOWNLOAD).seconds.middle
    ideal = _LATENCY_SECONDS * (1 + ceil((SUITE.shape.pages_a_day - 1) / _MANY))
    return [
        Target("S2: time, 4 in flight, against the limit with 4", four / limit, 1.05),
        Target(
            "S2: time, 1 in flight, against download alone",
            one / waiting,
            1.01,
            note=f"the limit itself: {figures.of(_LIMITS[0]).seconds.middle / waiting:.3g}",
        ),
        Target("S2: 8 in flight, share of the ideal", ideal / eight, low=0.9, note=f"ideal {ideal:.1f} s"),
    ]


PART = pulls(SUITE, _targets)
