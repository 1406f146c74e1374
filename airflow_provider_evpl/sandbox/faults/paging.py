"""Faults in how a report is cut into pages, and in which page is returned."""

from typing import Final

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.report import Report

__all__ = ["PAGING_FAULTS"]


def _repeat(report: Report) -> Report:
    first, rest = report.elements[: report.page_size], report.elements[2 * report.page_size :]
    return report._replace(elements=(*first, *first, *rest))


def _skip(report: Report) -> Report:
    if report.number != 2:  # noqa: PLR2004 the page that is skipped
        return report
    return report._replace(asked=3, counts_pages=True)


def _shift(report: Report, *, by: int) -> Report:
    """Change the collection after the first page has been returned."""
    if report.number == 1:
        return report
    elements = report.elements
    return report._replace(elements=elements[by:] if by > 0 else (*elements[:-by], *elements))


PAGING_FAULTS: Final[tuple[Fault[Report], ...]] = (
    Fault(
        "element-inserted",
        "after page 1 the first element is repeated: every index is 1 higher",
        lambda report: _shift(report, by=-1),
    ),
    Fault(
        "element-removed",
        "after page 1 the first element is removed: every index is 1 lower",
        lambda report: _shift(report, by=1),
    ),
    Fault("page-repeated", "page 2 has the elements of page 1", _repeat),
    Fault(
        "page-short",
        "page 2 has one element fewer than the page size; the report is complete",
        lambda report: report._replace(leading=(report.page_size, max(1, report.page_size - 1))),
    ),
    Fault(
        "page-empty",
        "page 2 has no element, but a next page",
        lambda report: report._replace(leading=(report.page_size, 0)),
    ),
    Fault(
        "page-sizes-growing",
        "page 1 has one element, page 2 two and so on up to the page size; the report is complete",
        lambda report: report._replace(leading=tuple(range(1, report.page_size + 1))),
    ),
    Fault(
        "pagination-by-page",
        "the header pagination counts pages instead of elements",
        lambda report: report._replace(counts_pages=True),
    ),
    Fault("page-skipped", "a request for page 2 returns page 3, with the number 3", _skip),
)
