"""A week of an hourly DAG with a nightly one: what is pulled, and what is there."""

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.window import DAY, Window
from tests.support.fake_api import HOUR, MIDNIGHT, FakeApi, grid
from tests.support.stores import MemoryStore


def _run(api: FakeApi, store: MemoryStore, at: datetime, **arguments: object) -> list[Window]:
    """Run as a scheduler would at a time, and return the intervals that landed."""
    plan = PullPlan.from_arguments(
        arguments, run=RunTimes(logical_date=at), default_code_ope="0042", now=datetime.now(UTC)
    )
    with api.client(requests_per_second=1000.0) as client:
        return [landing.window for landing in pull(client, store, plan, provenance={}).landings]


@pytest.mark.contract("gap.A26")
def test_an_hourly_run_with_two_hours_of_lookback_pulls_three_hours() -> None:
    """Each run lands its own hour and the two before it as three objects, however long the day is."""
    api, store = FakeApi(grid("a", MIDNIGHT - DAY, 3 * 288)), MemoryStore()
    for number in range(30):
        at = MIDNIGHT + number * HOUR + timedelta(minutes=7)
        end = MIDNIGHT + number * HOUR
        landed = _run(api, store, at, window_length="1h", lookback="2h")
        assert landed == [Window(end - n * HOUR, end - (n - 1) * HOUR) for n in (3, 2, 1)]
    assert len(api.indices) == 30 * 3
