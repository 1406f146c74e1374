"""Renders one page of a report as JSON. Only the entries of the page are computed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from airflow_provider_evpl.sandbox.data import Network, Series

__all__ = ["PageRequest", "entry_head", "page_head", "render_page", "sample_time"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PageRequest(NamedTuple):
    """What a request asks for.

    Attributes:
        steps: Grid steps in seconds since the epoch.
        first: Index of the first element, from 1. An element is an entry [A].
        size: Elements on a page.
    """

    steps: range
    first: int
    size: int


def render_page(network: Network, *, page: PageRequest) -> bytes:
    """Render a page: one entry per series, its samples in order of time.

    An index in the middle of a page returns a page of full length from there on. Beyond the last element
    there are no entries and `hasNext` is false. An empty collection has one page [A].
    """
    chosen = network.series[page.first - 1 : page.first - 1 + page.size]
    head = page_head(
        number=(page.first - 1) // page.size + 1,
        total=max(1, -(-len(network.series) // page.size)),
        has_next=page.first - 1 + page.size < len(network.series),
    )
    prefixes = [f'{{"timeStamp":"{sample_time(step)}","value":"' for step in page.steps]
    entries = (_entry(network, series, page.steps, prefixes) for series in chosen)
    return _with_array(head, "entries", ",".join(entries)).encode()


def page_head(*, number: int, total: int, has_next: bool) -> dict[str, object]:
    """Return the fields of a page before its entries."""
    return {"currentPage": number, "totalPages": total, "hasNext": has_next}


def entry_head(series: Series) -> dict[str, str]:
    """Return the fields of an entry before its samples."""
    return {
        "objectType": series.object_type,
        "objectInstanceId": series.object_instance_id,
        "metric_name": series.metric_name,
        "pop_country": series.pop_country,
        "pop_name": series.pop_name,
        "pop_section_name": series.pop_section_name,
    }


def sample_time(step: int) -> str:
    """Format seconds since the epoch as the API does: UTC, milliseconds, `Z`."""
    moment = (_EPOCH + timedelta(seconds=step)).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _entry(network: Network, series: Series, steps: range, prefixes: list[str]) -> str:
    values = network.values(series, steps=steps)
    samples = [f'{prefix}{value:.2f}"}}' for prefix, value in zip(prefixes, values, strict=True)]
    return _with_array(entry_head(series), "performanceValues", ",".join(samples))


def _with_array(head: Mapping[str, object], name: str, elements: str) -> str:
    """Add an array that is already text to a JSON object."""
    return f'{json.dumps(head, separators=(",", ":"))[:-1]},"{name}":[{elements}]}}'
