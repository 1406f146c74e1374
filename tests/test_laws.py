"""Laws of the whole flow, over random data, windows and pages."""

import tempfile
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.api.client import Query
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.errors import EvplNotPublishedError
from airflow_provider_evpl.flows.pull import pull, pull_slice
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.support.fake_api import HOUR, MIDNIGHT, FakeApi, Sample
from tests.support.lake_files import objects, rows

STEP = Granularity("1800s")
FAST = 1000.0

samples = st.lists(
    st.builds(
        Sample,
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(0, 95).map(lambda n: MIDNIGHT + n * timedelta(minutes=30)),
        st.one_of(st.sampled_from(["1", "2.5", " 3 ", 4, None, ""]), st.sampled_from(["n/a", "1_0", True])),
    ),
    min_size=1,
    max_size=40,
)


class GenerousApi(FakeApi):
    """Answers with all that it has, whatever it is asked for."""

    def _entries(self, start: datetime, end: datetime) -> list[dict[str, object]]:
        return super()._entries(min(start, MIDNIGHT), max(end, MIDNIGHT + 2 * DAY))


def _plan(first: int, hours: int, slice_hours: int) -> PullPlan:
    """Plan to pull some hours of the two days."""
    start = MIDNIGHT + first * HOUR
    window = Window(start, min(start + hours * HOUR, MIDNIGHT + 2 * DAY))
    return PullPlan(code_ope="0042", granularity=STEP, window=window, slice_length=slice_hours * HOUR)


def _bytes(folder: str) -> list[tuple[str, bytes]]:
    return [(path, (Path(folder) / path).read_bytes()) for path in objects(Path(folder))]


@pytest.mark.contract("lake.rerun")
@settings(max_examples=40)
@given(samples, st.sampled_from([6, 12, 24]))
def test_a_rerun_converges(data: list[Sample], slice_hours: int) -> None:
    """The same run again gives the same objects with the same rows, whatever the API sent."""
    plan = replace(_plan(0, 48, slice_hours), max_rejected_fraction=1.0, allow_empty=True)
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        for time in ("03:00", "04:00"):
            with FakeApi(data, page_size=2).client(requests_per_second=FAST) as client:
                pull(client, LocalStore(folder), plan, provenance={"pulled_at": time})
            seen.append((objects(Path(folder)), rows(Path(folder))))
    assert seen[0] == seen[1]


@pytest.mark.contract("result.conflicts")
@settings(max_examples=60)
@given(samples, st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_page_size_does_not_matter(data: list[Sample], one: int, other: int, parallelism: int) -> None:
    """The same samples on other pages, more of them in flight, are the same rows and the same ledger."""
    window = Window(MIDNIGHT, MIDNIGHT + DAY)
    pulled = []
    for page_size, flying in ((one, 1), (other, parallelism)):
        api = FakeApi(data, page_size=page_size)
        with api.client(requests_per_second=FAST, page_parallelism=flying) as client:
            pulled.append(pull_slice(client, Query(code_ope="0042", granularity=STEP, window=window)))
    assert pulled[0].rows.table().equals(pulled[1].rows.table())
    assert asdict(pulled[0].ledger) | {"pages": 0} == asdict(pulled[1].ledger) | {"pages": 0}


@pytest.mark.contract("result.received", "result.rows", "gap.A8")
@settings(max_examples=100)
@given(samples, st.integers(0, 47), st.integers(1, 24))
def test_the_ledger_adds_up(data: list[Sample], first: int, hours: int) -> None:
    """Each sample received is one: rejected wherever it lies, else outside, else a duplicate or a row."""
    window = _plan(first, hours, 24).window
    api = GenerousApi(data)
    with api.client(requests_per_second=FAST) as client:
        ledger = pull_slice(client, Query(code_ope="0042", granularity=STEP, window=window)).ledger
    readable = [one for one in data if one.value not in ("n/a", "1_0", True)]
    inside = [one for one in readable if window.start <= one.timestamp < window.end]
    assert ledger.received == len(data)
    assert ledger.received == ledger.rows + ledger.duplicates + ledger.out_of_window + ledger.rejected
    assert ledger.rejected == len(data) - len(readable)
    assert ledger.out_of_window == len(readable) - len(inside)
    assert ledger.rows == ledger.observed == len({one[:2] for one in inside})
    assert ledger.expected == len({one.name for one in inside}) * 2 * window.length // HOUR


@settings(max_examples=30)
@given(samples)
def test_an_unpublished_window_leaves_the_lake_as_it_was(data: list[Sample]) -> None:
    """Whatever has landed, an API that has nothing any more changes no byte."""
    plan = replace(_plan(0, 48, 24), max_rejected_fraction=1.0)
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(folder)
        with FakeApi(data).client(requests_per_second=FAST) as client:
            pull(client, store, replace(plan, allow_empty=True), provenance={})
        before = _bytes(folder)
        with FakeApi().client() as client, pytest.raises(EvplNotPublishedError):
            pull(client, store, plan, provenance={})
        assert _bytes(folder) == before
