"""Renders a page of a report with faults as JSON."""

import json
from itertools import chain
from typing import Any, Final

from airflow_provider_evpl.sandbox.data import Network
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
_OF_ENTRIES: Final = (*ENTRY_FAULTS, *NAME_FAULTS)


def render_faulty_page(network: Network, *, page: PageRequest, pull: int, names: frozenset[str]) -> bytes:
    """Render a page. Without faults it is the page of `pages.render_page`.

    Args:
        network: The source of the values.
        page: What the request asks for.
        pull: How often the first element of the window has been requested, this time included.
        names: Names of the faults that are on.
    """
    elements = tuple(Element(series, page.steps) for series in network.series)
    whole = Report(grid=page.steps, elements=elements, page_size=page.size, asked=page.first, pull=pull)
    report = change(whole, seam=_REPORT_FAULTS, names=names)
    head = page_head(number=report.number, total=report.total, has_next=report.has_next)
    entries = chain.from_iterable(_entries(network, element, names=names) for element in report.page)
    body = change({**head, "entries": list(entries)}, seam=PAGE_FAULTS, names=names)
    return json.dumps(body, separators=(",", ":")).encode()


def _entries(network: Network, element: Element, *, names: frozenset[str]) -> list[Any]:
    values = network.values(element.series, steps=element.steps)
    samples = chain.from_iterable(
        _samples(network, element, step=step, value=value, names=names)
        for step, value in zip(element.steps, values, strict=True)
    )
    entry = {**entry_head(element.series), "performanceValues": list(samples)}
    return change([entry], seam=_OF_ENTRIES, names=names) if is_affected(element.series) else [entry]


def _samples(
    network: Network, element: Element, *, step: int, value: float, names: frozenset[str]
) -> list[Any]:
    text = None if step in element.nulls else f"{value:.2f}"
    samples = [{"timeStamp": sample_time(step), "value": text}]
    affected = is_affected(element.series, step=step, granularity_seconds=network.granularity_seconds)
    return change(samples, seam=SAMPLE_FAULTS, names=names) if affected else samples
