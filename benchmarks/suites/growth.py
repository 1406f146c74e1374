"""S3: 1, 10 and 30 days of 576,000 samples: the cost of a further day, and the growth of memory."""

from collections.abc import Sequence

from benchmarks import participants as who
from benchmarks.figures import Figures, Target
from benchmarks.part import pulls
from benchmarks.shape import Shape
from benchmarks.suite import Case, Suite

__all__ = ["PART", "SUITE"]

_DAYS = (1, 10, 30)
_OURS = tuple(Case(participant=who.OURS, days=days) for days in _DAYS)
_AIRFLOW = Case(participant=who.AIRFLOW)
_LIMITS = tuple(Case(participant=who.LIMIT, days=days) for days in _DAYS)

SUITE = Suite(
    name="growth",
    title="S3, growth",
    shape=Shape(circuits=500, page_entries=100, days=_DAYS[-1]),
    cases=(Case(participant=who.PYTHON), _AIRFLOW, *_LIMITS, *_OURS),
)


def _targets(figures: Figures) -> list[Target]:
    """Compare the later days with the earlier ones, and ours with the limit."""
    early, late = _further(figures, _OURS)
    limit = _further(figures, _LIMITS)[1]
    first, *_, last = (figures.of(case).peak_mb.middle for case in _OURS)
    limit_first, *_, limit_last = (figures.of(case).peak_mb.middle for case in _LIMITS)
    note = f"{early:.2f}, then {late:.2f} us"
    return [
        Target(
            "S3: time per further sample, days 11 to 30 against 2 to 10", late / early, 1.1, 0.9, note=note
        ),
        Target(
            "S3: time per further sample, against the limit's", late / limit, 1.35, note=f"{limit:.2f} us"
        ),
        Target(
            "S3: peak memory of 30 days, against one day",
            last / first,
            1.1,
            note=f"{last - first:.0f} MB more; the limit itself: {limit_last - limit_first:.0f} MB more",
        ),
        Target(
            "small machine: peak memory of 30 days, task process plus supervisor",
            last + figures.of(_AIRFLOW).peak_mb.middle,
            1000,
            unit="MB",
        ),
    ]


def _further(figures: Figures, cases: Sequence[Case]) -> tuple[float, float]:
    """Return the microseconds per further sample, from each number of days to the next."""
    one, ten, thirty = (figures.of(case).seconds.middle for case in cases)
    samples = SUITE.shape.samples_a_day / 1e6
    return (
        (ten - one) / samples / (_DAYS[1] - _DAYS[0]),
        (thirty - ten) / samples / (_DAYS[2] - _DAYS[1]),
    )


PART = pulls(SUITE, _targets)
