"""Renders a page of a report with faults as JSON."""

import json
from collections.abc import Callable
from itertools import chain
from typing import Any, Final, TypeAlias

from airflow_provider_evpl.sandbox.data import Network, Series
from airflow_provider_evpl.sandbox.faults.entries import ENTRY_FAULTS
from airflow_provider_evpl.sandbox.faults.fault import change
from airflow_provider_evpl.sandbox.faults.names import NAME_FAULTS
from airflow_provider_evpl.sandbox.faults.pages import PAGE_FAULTS
from airflow_provider_evpl.sandbox.faults.paging import PAGING_FAULTS
from airflow_provider_evpl.sandbox.faults.places import is_affected
from airflow_provider_evpl.sandbox.faults.report import Element, Report
from airflow_provider_evpl.sandbox.faults.rows import ROW_FAULTS
from airflow_provider_evpl.sandbox.faults.samples import SAMPLE_FAULTS
from airflow_provider_evpl.sandbox.faults.times import TIME_FAULTS
from airflow_provider_evpl.sandbox.pages import PageRequest, entry_head, page_head, sample_time

__all__ = ["render_faulty_page"]

_REPORT_FAULTS: Final = (*TIME_FAULTS, *ROW_FAULTS, *PAGING_FAULTS)
_NamesAt: TypeAlias = Callable[..., frozenset[str]]
_OF_ENTRIES: Final = (*ENTRY_FAULTS, *NAME_FAULTS)


def render_faulty_page(
    network: Network, *, page: PageRequest, pull: int, names: frozenset[str], everywhere: bool = False
) -> bytes:
    """Render a page. Without faults it is the page of `pages.render_page`.

    Args:
        network: The source of the values.
        page: What the request asks for.
        pull: How often the first element of the window has been requested, this time included.
        names: Names of the faults that are on.
        everywhere: Whether faults change all entries and samples, not only those of `places`.
    """

    def names_at(series: Series, step: int | None = None) -> frozenset[str]:
        affected = is_affected(series, step=step, granularity_seconds=network.granularity_seconds)
        return names if everywhere or affected else frozenset()

    elements = tuple(Element(series, page.steps) for series in network.series)
    whole = Report(grid=page.steps, elements=elements, page_size=page.size, asked=page.first, pull=pull)
    report = change(whole, seam=_REPORT_FAULTS, names=names)
    head = page_head(number=report.number, total=report.total, has_next=report.has_next)
    entries = chain.from_iterable(_entries(network, element, names_at) for element in report.page)
    body = change({**head, "entries": list(entries)}, seam=PAGE_FAULTS, names=names)
    return json.dumps(body, separators=(",", ":")).encode()


def _entries(network: Network, element: Element, names_at: _NamesAt) -> list[Any]:
    steps = network.published(element.steps)
    values = network.values(element.series, steps=steps)
    samples = chain.from_iterable(
        _samples(element, names_at, step=step, value=value) for step, value in zip(steps, values, strict=True)
    )
    entry = {**entry_head(element.series), "performanceValues": list(samples)}
    return change([entry], seam=_OF_ENTRIES, names=names_at(element.series))


def _samples(element: Element, names_at: _NamesAt, *, step: int, value: float) -> list[Any]:
    text = None if step in element.nulls else f"{value:.2f}"
    samples = [{"timeStamp": sample_time(step), "value": text}]
    return change(samples, seam=SAMPLE_FAULTS, names=names_at(element.series, step))
