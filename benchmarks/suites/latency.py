"""S2: 200 pages that each let wait for 200 ms, so that the waiting is nearly all there is."""

from math import ceil

from benchmarks import participants as who
from benchmarks.figures import Figures, Target, times
from benchmarks.shape import Shape
from benchmarks.suite import Case, Suite

__all__ = ["SUITE", "targets"]

_LATENCY_SECONDS = 0.2
_PACE = 25.0
_MANY = 8


def _cases(participant: who.Participant) -> tuple[Case, Case, Case]:
    """One, four and eight in flight; eight need a pace that lets them: 40 a second."""
    return (
        Case(participant=participant, in_flight=1, requests_per_second=_PACE),
        Case(participant=participant, in_flight=4, requests_per_second=_PACE),
        Case(participant=participant, in_flight=_MANY, requests_per_second=100.0),
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


def targets(figures: Figures) -> list[Target]:
    """Hold ours against the limit, the waiting alone, and the ideal."""
    one, four, eight = (figures.of(case).seconds.middle for case in _OURS)
    waiting = figures.of(_DOWNLOAD).seconds.middle
    ideal = _LATENCY_SECONDS * (1 + ceil((SUITE.shape.pages_a_day - 1) / _MANY))
    share = ideal / eight
    return [
        times(
            "S2: time, 4 in flight, against the limit with 4", four / figures.of(_LIMITS[1]).seconds.middle, 1.05
        ),
        times("S2: time, 1 in flight, against download alone (1.02: nothing on top)", one / waiting, 1.02),
        Target("S2: 8 in flight, of the ideal", "at least 0.9", f"{share:.2f}", is_met=share >= 0.9),
    ]
