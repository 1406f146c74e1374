"""S1: 1,152,000 samples on 20 pages that come at once, so that the work is all there is."""

from benchmarks import participants as who
from benchmarks.figures import Figures, Target, times
from benchmarks.shape import Shape
from benchmarks.suite import Case, Suite

__all__ = ["SUITE", "targets"]

_LIMITS = (Case(participant=who.LIMIT, in_flight=1), Case(participant=who.LIMIT))
_OURS = Case(participant=who.OURS)
_PEERS = tuple(
    Case(participant=one, in_flight=1)
    for one in (who.STREAM, who.DELTA, who.DLT_ARROW, who.RECIPE, who.HTTP_OPERATOR, who.DLT_ROWS)
)
_STREAM, _DELTA, _DLT_ARROW, _RECIPE, _HTTP, _DLT_ROWS = _PEERS

SUITE = Suite(
    name="cpu",
    title="S1, CPU-bound",
    shape=Shape(circuits=1000, page_entries=200),
    cases=(
        *(Case(participant=one) for one in (who.PYTHON, who.AIRFLOW, who.AIRFLOW_OF_HTTP)),
        Case(participant=who.DOWNLOAD),
        *_LIMITS,
        Case(participant=who.CORE),
        _OURS,
        *_PEERS,
    ),
)
_SAMPLES = SUITE.shape.samples_a_day


def targets(figures: Figures) -> list[Target]:
    """Hold ours against the limit and the peers, by the medians."""
    ours = figures.of(_OURS)
    limits = [figures.of(one) for one in _LIMITS]
    cpu = ours.cpu.middle
    bytes_ = ours.bytes.middle
    shares = ((_RECIPE, 10), (_HTTP, 10), (_STREAM, 3), (_DLT_ROWS, 20))
    return [
        times("S1: CPU of the work, against the limit", cpu / min(one.cpu.middle for one in limits), 1.4),
        times("S1: time, against the limit", ours.seconds.middle / min(one.seconds.middle for one in limits), 1.6),
        *(
            times(
                f"S1: CPU of the work, against {case.participant.title}: 1/{share}",
                cpu / figures.of(case).cpu.middle,
                1 / share,
            )
            for case, share in shares
        ),
        Target("S1: peak memory, Airflow in the process", "under 250 MB", f"{ours.peak_mb.middle:.0f} MB",
            is_met=ours.peak_mb.middle < 250),
        times("files: bytes, against dlt's per row", bytes_ / figures.of(_DLT_ROWS).bytes.middle, 1 / 3),
        times("files: bytes, against unsorted pandas'", bytes_ / figures.of(_RECIPE).bytes.middle, 1 / 3),
        times("files: bytes, against the limit's", bytes_ / min(one.bytes.middle for one in limits), 1.05),
    ]
