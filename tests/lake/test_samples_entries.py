"""Entries of many samples, or of none; those of one grid share its list."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.lake.samples import SampleCollector, Samples
from airflow_provider_evpl.models import Entry, Page
from tests.support.lake import (
    FIVE_MINUTES,
    HOUR,
    MIDNIGHT,
    PULLED_AT,
    Answer,
    Row,
    circuit,
    collect,
    fewer,
    hours,
    microseconds,
)

WINDOW = hours(0, 3)
GRIDS = [
    [microseconds(MIDNIGHT + hour * HOUR) for hour in grid] for grid in ([0, 1, 2], [2, 0, 4], [1, 1], [])
]
values = st.sampled_from([None, 1.0, 2.0, -0.0])
entries = st.builds(
    lambda name, grid, given_values: Entry(circuit(name), grid, pack(given_values[: len(grid)])),
    st.sampled_from("abc"),
    st.sampled_from(GRIDS),
    st.lists(values, min_size=3, max_size=3),
)


def _collect(pages: list[list[Entry]]) -> Samples:
    collector = SampleCollector(WINDOW, code_ope="0042", granularity=FIVE_MINUTES, pulled_at=PULLED_AT)
    for one in pages:
        collector.add(
            Page(current_page=None, total_pages=None, has_next=False, entry_count=len(one), entries=one)
        )
    return collector.finish()


def _rows(page: list[Entry]) -> list[Row]:
    return [
        (one.series, timestamp, None if math.isnan(value) else value)
        for one in page
        for timestamp, value in zip(one.timestamps, one.values, strict=True)
    ]


@fewer
@given(st.lists(st.lists(entries, max_size=4), max_size=3))
def test_they_are_the_same_as_entries_of_one_sample(pages: list[list[Entry]]) -> None:
    """How samples are put together on pages is all the same: rows, and what becomes of the others."""
    one_by_one = collect([Answer(_rows(page), []) for page in pages], WINDOW)
    samples = _collect(pages)
    assert samples.rows.table().equals(one_by_one.rows.table())
    assert repr(samples.conflicts) == repr(one_by_one.conflicts)  # nan is a null among them
    assert replace(samples.ledger, entries=0) == replace(one_by_one.ledger, entries=0)
