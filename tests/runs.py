"""Pulling from the API in memory, for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.fake_api import FakeApi

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
A_DAY = PullPlan(
    code_ope="0042",
    granularity=Granularity("300s"),
    window=Window(MIDNIGHT, MIDNIGHT + DAY),
    slice_length=DAY,
)
HOURS = replace(A_DAY, window=Window(MIDNIGHT, MIDNIGHT + 3 * HOUR), slice_length=HOUR)


def run(api: FakeApi, root: Path, plan: PullPlan = A_DAY, **settings: Any) -> Summary:  # noqa: ANN401 whatever Settings takes
    """Pull once."""
    with api.client(**settings) as client:
        return pull(client, LocalStore(str(root)), plan, provenance={"run_id": "r"})
