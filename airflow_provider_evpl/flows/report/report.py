"""Makes the report of a month: one page for the lake, or one for each operator code of a large lake."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from airflow_provider_evpl.config.figures_plan import ReportPlan
from airflow_provider_evpl.errors import EvplNotPublishedError
from airflow_provider_evpl.flows.figures.figures import describe_missing, find_shelves
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.flows.report.build import Builder
from airflow_provider_evpl.flows.report.code_month import CodeMonth
from airflow_provider_evpl.flows.report.model import Changes, Headline
from airflow_provider_evpl.flows.report.page import render
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.months import month_of

__all__ = ["Page", "ReportResult", "build_report", "render_report"]

_MOST_SERIES = 5_000
"""A browser is slow to open a page with more series."""

_MOST_PAGES = 100
_MOST_NOTES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One file of a report.

    Attributes:
        code_ope: the only operator code of the page; None for a page with all codes of the report.
        path: in the store.
        html: the file.
    """

    month: str
    code_ope: str | None
    path: str
    html: bytes
    headline: Headline
    changes: Changes
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportResult:
    """The report of a month, in the store.

    Attributes:
        urls: of the pages, in order, without the connection.
    """

    plan: ReportPlan
    pages: Sequence[Page]
    urls: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON types: the first hundred pages, each with its first hundred notes."""
        shown = [*zip(self.urls, self.pages, strict=True)][:_MOST_PAGES]
        return {
            "month": self.pages[0].month,
            "granularity": self.plan.granularity.text,
            "time_zone": self.plan.time_zone.key,
            "pages": [_as_dict(url, page) for url, page in shown],
            "page_count": len(self.pages),
        }


def build_report(
    store: Store, plan: ReportPlan, *, inventory: Inventory | None, now: datetime
) -> ReportResult:
    """Make the pages of a month, then put them into the store below `reports/`.

    Nothing is put if one of the pages can't be made.

    Args:
        store: of the lake.
        plan: what to report.
        inventory: committed rates; None for a report without Mbit/s.
        now: the time.

    Raises:
        EvplNotPublishedError: the lake has no sample of the month.
        EvplOverlapError: other runs change the lake while it is read.
        EvplStoreError, EvplStoreDeniedError: the store fails or refuses.
    """
    pages = render_report(store, plan, inventory=inventory, now=now)
    for page in pages:
        store.put(page.path, page.html)
    return ReportResult(plan=plan, pages=pages, urls=[store.url(page.path) for page in pages])


def render_report(
    store: Store, plan: ReportPlan, *, inventory: Inventory | None, now: datetime
) -> list[Page]:
    """Make the pages of a month, as `build_report` does, but put nothing.

    Returns:
        One page. A lake with more than 5,000 series has one page for each operator code.
    """
    shelves = find_shelves(store, plan)
    newest_end = max(one.newest_end for one in shelves)
    month = plan.month or month_of(newest_end - timedelta.resolution, plan.time_zone)
    notes = [*describe_missing(store, plan, shelves)]
    builder = Builder(store=store, plan=plan, month=month, inventory=inventory, now=now, notes=notes)
    pages: list[Page] = []
    waiting: list[CodeMonth] = []
    for shelf in shelves:
        waiting.append(builder.compute(shelf))
        if pages or sum(len(one.series) for one in waiting) > _MOST_SERIES:
            pages += [_make_page(builder, [one], one.code_ope) for one in waiting]
            waiting = []
    if not pages and not any(one.newest_end for one in waiting):
        raise EvplNotPublishedError(
            f"The lake has no samples of {month} at granularity {plan.granularity.text}.",
            "Choose another month, or pull a window of it first.",
        )
    if waiting:
        pages.append(_make_page(builder, waiting, plan.codes[0] if len(plan.codes) == 1 else None))
    return pages


def _make_page(builder: Builder, parts: Sequence[CodeMonth], code_ope: str | None) -> Page:
    model = builder.build(parts, has_all_codes=code_ope is None and not builder.plan.codes)
    name = "report.html" if code_ope is None else f"report-op-{quote(code_ope, safe='')}.html"
    granularity = quote(model.granularity, safe="")
    return Page(
        month=model.month,
        code_ope=code_ope,
        path=f"reports/granularity={granularity}/month={model.month}/{name}",
        html=render(model),
        headline=model.headline,
        changes=model.changes,
        notes=model.notes,
    )


def _as_dict(url: str, page: Page) -> dict[str, Any]:
    headline = page.headline
    return {
        "path": url,
        "code_ope": page.code_ope,
        "bytes": len(page.html),
        "circuits": headline.circuits,
        "series": headline.series,
        "samples": headline.samples,
        "coverage": headline.coverage,
        "above_warning": headline.above_warning,
        "above_critical": headline.above_critical,
        "not_judged": headline.not_judged,
        "notes": list(page.notes[:_MOST_NOTES]),
    }
