"""S3: 1, 10 and 30 days of 576,000 samples: what one more costs, and whether memory stays."""

from benchmarks import participants as who
from benchmarks.figures import Figures, Target, times
from benchmarks.shape import Shape
from benchmarks.suite import Case, Suite

__all__ = ["SUITE", "further", "targets"]

_DAYS = (1, 10, 30)
_OURS = tuple(Case(participant=who.OURS, days=days) for days in _DAYS)
_LIMITS = tuple(Case(participant=who.LIMIT, days=days) for days in _DAYS)

SUITE = Suite(
    name="growth",
    title="S3, growth",
    shape=Shape(circuits=500, page_entries=100, days=_DAYS[-1]),
    cases=(*(Case(participant=one) for one in (who.PYTHON, who.AIRFLOW)), *_LIMITS, *_OURS),
)


def further(figures: Figures, cases: tuple[Case, ...]) -> list[float]:
    """Give microseconds per further sample, from each number of days to the next."""
    seconds = [figures.of(case).seconds.middle for case in cases]
    samples = [SUITE.shape.samples_a_day * case.days for case in cases]
    steps = zip(seconds, seconds[1:], samples, samples[1:], strict=False)
    return [1e6 * (after - before) / (most - least) for before, after, least, most in steps]


def targets(figures: Figures) -> list[Target]:
    """Hold the later steps against the earlier, and ours against the limit."""
    ours, limits = further(figures, _OURS), further(figures, _LIMITS)
    change = ours[1] / ours[0]
    first, *_, last = (figures.of(case).peak_mb.middle for case in _OURS)
    return [
        Target(
            "S3: time per further sample, days 11 to 30 against 2 to 10",
            "0.9 to 1.1",
            f"{change:.2f} ({ours[0]:.2f}, then {ours[1]:.2f} us)",
            is_met=0.9 <= change <= 1.1,
        ),
        times("S3: time per further sample, against the limit's", ours[1] / limits[1], 1.35),
        times("S3: peak memory of 30 days, against that of one", last / first, 1.1),
    ]
