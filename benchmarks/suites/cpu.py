"""S1: 1,152,000 samples on 20 pages without latency, so that only the CPU counts."""

from benchmarks import participants as who
from benchmarks.figures import Figures, Target
from benchmarks.part import pulls
from benchmarks.shape import Shape
from benchmarks.suite import Case, Suite

__all__ = ["PART", "SUITE"]

_LIMITS = (Case(participant=who.LIMIT, in_flight=1), Case(participant=who.LIMIT))
_AIRFLOW = Case(participant=who.AIRFLOW)
_CORE = Case(participant=who.CORE)
_OURS = Case(participant=who.OURS)
_PEERS = tuple(
    Case(participant=one, in_flight=1)
    for one in (who.STREAM, who.DELTA, who.DLT_ARROW, who.RECIPE, who.HTTP_OPERATOR, who.DLT_ROWS)
)
_STREAM, _, _, _RECIPE, _HTTP_OPERATOR, _DLT_ROWS = _PEERS
_SHARES = ((_RECIPE, 1 / 10), (_HTTP_OPERATOR, 1 / 10), (_STREAM, 1 / 3), (_DLT_ROWS, 1 / 20))

SUITE = Suite(
    name="cpu",
    title="S1, CPU-bound",
    shape=Shape(circuits=1000, page_entries=200),
    cases=(
        Case(participant=who.PYTHON),
        _AIRFLOW,
        Case(participant=who.AIRFLOW_OF_HTTP),
        Case(participant=who.DOWNLOAD),
        *_LIMITS,
        _CORE,
        _OURS,
        *_PEERS,
    ),
)


def _targets(figures: Figures) -> list[Target]:
    """Compare ours with the peers, and with the limit: the better of one and four pages in flight."""
    ours = figures.of(_OURS)
    limits = [figures.of(one) for one in _LIMITS]
    cpu, seconds = ours.cpu.middle, ours.seconds.middle
    least = min(one.cpu.middle for one in limits)
    return [
        Target(
            "S1: CPU of the core's work, against the limit",
            figures.of(_CORE).cpu.middle / least,
            1.15,
        ),
        Target("S1: CPU of the operator's work in Airflow, against the limit", cpu / least, 1.3),
        Target(
            "S1: time of the work, against the limit",
            seconds / min(one.seconds.middle for one in limits),
            1.6,
        ),
        *(
            Target(
                f"S1: CPU of the work, against {one.participant.title}",
                cpu / figures.of(one).cpu.middle,
                share,
                note=f"the limit itself: {least / figures.of(one).cpu.middle:.3g}",
            )
            for one, share in _SHARES
        ),
        _memory(figures),
        *_files(figures),
    ]


def _memory(figures: Figures) -> Target:
    peak = figures.of(_OURS).peak_mb.middle
    each = 1e6 * (peak - figures.of(_AIRFLOW).peak_mb.middle) / SUITE.shape.samples_a_day
    note = f"above Airflow's own {each:.0f} bytes a sample, libraries included"
    return Target("S1: peak memory, Airflow in the process", peak, 250, unit="MB", note=note)


def _files(figures: Figures) -> list[Target]:
    ours, limit, recipe, dlt = (
        figures.of(one).bytes.middle for one in (_OURS, _LIMITS[0], _RECIPE, _DLT_ROWS)
    )
    return [
        Target("S1: bytes written, against dlt's per row", ours / dlt, 1 / 3),
        Target("S1: bytes written, against pandas'", ours / recipe, 1 / 3, note="its rows come sorted"),
        Target("S1: bytes written, against the limit's", ours / limit, 1.05),
    ]


PART = pulls(SUITE, _targets)
