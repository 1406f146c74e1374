"""Faults in which samples a report has, and in their order."""

from typing import Final

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.places import is_affected
from airflow_provider_evpl.sandbox.faults.report import Report

__all__ = ["ROW_FAULTS"]


def _split(report: Report) -> Report:
    first = report.with_steps(lambda steps: steps[: len(steps) // 2])
    second = report.with_steps(lambda steps: steps[len(steps) // 2 :])
    return report._replace(elements=(*first.elements, *second.elements))


def _repeat(report: Report) -> Report:
    again = (one for one in report.elements if is_affected(one.series))
    return report._replace(elements=(*report.elements, *again))


ROW_FAULTS: Final[tuple[Fault[Report], ...]] = (
    Fault(
        "end-inclusive",
        "the step at the end of the window, or next after it, is returned too",
        lambda report: report.with_steps(lambda steps: [*steps, report.grid.stop]),
    ),
    Fault(
        "start-early",
        "the step before the window is returned too",
        lambda report: report.with_steps(lambda steps: [report.grid.start - report.grid.step, *steps]),
    ),
    Fault(
        "start-exclusive",
        "the step at the start of the window is missing",
        lambda report: report.with_steps(lambda steps: [step for step in steps if step != report.grid.start]),
    ),
    Fault(
        "window-cut",
        "the second half of the window's steps is missing",
        lambda report: report.with_steps(lambda steps: steps[: len(steps) // 2]),
    ),
    Fault(
        "steps-coarser",
        "every other step is missing, as if the granularity were twice the requested one",
        lambda report: report.with_steps(lambda steps: steps[::2]),
    ),
    Fault(
        "samples-descending",
        "samples are in reverse order of time",
        lambda report: report.with_steps(lambda steps: steps[::-1]),
    ),
    Fault("series-split", "each series is two entries, on two pages: first half and second half", _split),
    Fault("entry-repeated", "after the last entry, the entries of end A of circuit 1 are repeated", _repeat),
)
