"""Faults that depend on when a window is pulled: late, expired or unpublished samples."""

from collections.abc import Sequence
from typing import Final

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.report import Report

__all__ = ["TIME_FAULTS"]

_SECOND: Final = 2


def _first_half(report: Report) -> range:
    return report.grid[: len(report.grid) // 2]


def _come_late(report: Report) -> Report:
    if report.pull >= _SECOND:
        return report
    return report.with_steps(lambda steps: _without(steps, report.grid[-1:]))


def _forget(report: Report) -> Report:
    if report.pull < _SECOND:
        return report
    return report.with_steps(lambda steps: _without(steps, _first_half(report)))


def _blank(report: Report) -> Report:
    if report.pull < _SECOND:
        return report
    return report._replace(elements=tuple(one._replace(nulls=_first_half(report)) for one in report.elements))


def _without(steps: Sequence[int], left_out: range) -> Sequence[int]:
    return [step for step in steps if step not in left_out]


TIME_FAULTS: Final[tuple[Fault[Report], ...]] = (
    Fault(
        "samples-late",
        "the last step of a window is missing in its first pull, and present in later pulls",
        _come_late,
    ),
    Fault(
        "retention-empty",
        "from the second pull of a window on, the first half of its steps is missing",
        _forget,
    ),
    Fault(
        "retention-null",
        "from the second pull of a window on, the first half of its steps has null values",
        _blank,
    ),
    Fault(
        "window-unpublished",
        "no window has an entry",
        lambda report: report._replace(elements=()),
    ),
    Fault(
        "window-without-samples",
        "every window has its entries, but no samples",
        lambda report: report.with_steps(lambda _: ()),
    ),
)
