"""What changed since the previous month: crossed thresholds, large moves, new and gone series."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from airflow_provider_evpl.config.figures_plan import ReportPlan
from airflow_provider_evpl.flows.report.code_month import CodeMonth, Percentiles
from airflow_provider_evpl.flows.report.model import Changes, Figures, Move
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.months import Month

__all__ = ["find_changes"]

_LARGE_MOVE = 0.05
"""A percentile that moves by this share of `full_scale` or more is listed, if it crosses no threshold."""

_MOST_MOVES = 10

_NORMAL, _WARNING, _CRITICAL = range(3)
_CROSSED = {
    (_NORMAL, _CRITICAL): "above_critical",
    (_WARNING, _CRITICAL): "above_critical",
    (_NORMAL, _WARNING): "above_warning",
    (_CRITICAL, _WARNING): "below_critical",
    (_CRITICAL, _NORMAL): "below_warning",
    (_WARNING, _NORMAL): "below_warning",
}
"""The lists of the page, by the levels before and after."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A series of the month, and the previous month. `index` is that of the page."""

    index: int
    series: Series
    figures: Figures
    previous: Percentiles


def find_changes(parts: Sequence[CodeMonth], month: Month, plan: ReportPlan) -> Changes:
    """Compare the series with those of the previous month. In each list, the largest move is first.

    A series is new if it has samples and had none in the previous month. A series is gone if it had samples
    and has none now. Operator codes of which too little has landed in the previous month
    are not compared.

    Args:
        parts: the operator codes, in the order of the page.
        month: the month of the page.
        plan: the thresholds.
    """
    before = str(month.previous)
    if all(part.previous is None for part in parts):
        share = f"{plan.min_coverage:.0%}".replace("%", " %")
        reason = f"Less than {share} of {before} has landed, so no changes are shown."
        return Changes(month=before, reason=reason)
    pairs = list(_pairs(parts))
    lists = defaultdict[str | None, list[Move]](list)
    for move in sorted(_moves(pairs), key=lambda move: -abs(move.after - move.before)):
        lists[_list_of(move, plan)].append(move)
    return Changes(
        month=before,
        above_critical=tuple(lists["above_critical"]),
        above_warning=tuple(lists["above_warning"]),
        below_critical=tuple(lists["below_critical"]),
        below_warning=tuple(lists["below_warning"]),
        moves=tuple(lists["moves"][:_MOST_MOVES]),
        new=tuple(one.index for one in pairs if one.figures.samples and one.series not in one.previous),
        gone=tuple(chain.from_iterable(_gone(part) for part in parts)),
    )


def _pairs(parts: Sequence[CodeMonth]) -> Iterator[_Pair]:
    first = 0
    for part in parts:
        if part.previous is not None:
            for index, (series, one) in enumerate(zip(part.series, part.figures, strict=True), first):
                yield _Pair(index, series, one.figures, part.previous)
        first += len(part.series)


def _moves(pairs: Sequence[_Pair]) -> Iterator[Move]:
    """Yield the percentiles of all series that are judged in both months."""
    for one in pairs:
        before, after = one.previous.get(one.series), one.figures.percentile
        if before is not None and after is not None:
            yield Move(one.index, before, after)


def _list_of(move: Move, plan: ReportPlan) -> str | None:
    """Return the list that shows a move; None for a small move."""
    levels = _level(move.before, plan), _level(move.after, plan)
    is_large = abs(move.after - move.before) >= _LARGE_MOVE * plan.full_scale
    return _CROSSED.get(levels, "moves" if is_large else None)


def _level(percentile: float, plan: ReportPlan) -> int:
    return (percentile > plan.warning_value) + (percentile > plan.critical_value)


def _gone(part: CodeMonth) -> Iterator[Series]:
    pairs = zip(part.series, part.figures, strict=True)
    present = {series for series, one in pairs if one.figures.samples}
    yield from (one for one in part.previous or () if one not in present)
