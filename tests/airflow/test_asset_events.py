"""What a pull tells of the lake's assets, and who is woken by that: as Airflow's own scheduler has it."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.airflow_versions import is_since, make_scheduler, needs
from tests.support.network import Request, proxied

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

READERS = ("evpl_on_samples", "evpl_on_each_day", "evpl_on_each_month")
Woken = list[tuple[str | None, datetime | None]]


def _run(lab: "Lab", dag_id: str) -> tuple[dict[str, Any], dict[str, Woken], list[tuple[str, Any]]]:
    """Run a DAG once, by its schedule.

    Returns:
        Its result; of each reader the partition keys and dates of the runs that it got; the assets of the
        events that woke them, and what they say.
    """
    scheduler = make_scheduler(dag_id, *READERS)
    with scheduler.awake():
        scheduler.schedule()
        (outcome,) = scheduler.finish(dag_id, "scheduled")
        scheduler.schedule()
    assert outcome.state == "success"
    assert outcome.result is not None
    woken = {reader: sorted(scheduler.partitions(reader), key=str) for reader in READERS}
    events = [event for reader in READERS for event in scheduler.events(reader)]
    return outcome.result, woken, [event for event in events if event[0].startswith(lab.root)]


def _without(days: Collection[int]) -> Any:  # noqa: ANN401 a function of requests
    """Where a whole one of these days is asked for, ask for a second between two steps: there is nothing."""

    def ask(request: Request) -> Request:
        target = request.target
        for day in days:
            whole = f"startTime=2026-11-{day}T00%3A00%3A00.000Z&endTime=2026-11-{day + 1}T00%3A00%3A00.000Z"
            none = f"startTime=2026-11-{day}T00%3A00%3A01.000Z&endTime=2026-11-{day}T00%3A00%3A02.000Z"
            target = target.replace(whole, none)
        return request._replace(target=target)

    return ask


@pytest.mark.contract("names.samples_asset", "assets.samples_asset", "assets.days_asset", "assets.extra")
@pytest.mark.contract("assets.nothing-landed")
@pytest.mark.parametrize(
    ("dag_id", "gone", "days"),
    [
        ("evpl_days", (), [18, 19]),
        ("evpl_days", (18, 19), []),
        pytest.param("evpl_days_partitioned", (19,), [18], marks=needs("3.3", "partitions at runtime")),
    ],
)
def test_asset_triggers_one_run_per_landed_day(
    lab: "Lab", dag_id: str, gone: Collection[int], days: list[int]
) -> None:
    """A monthly reader runs once. A day that was kept triggers no run, also if it is the run's own."""
    with proxied(lab.sandbox.base_url, _without(gone)) as proxy:
        lab.connect(host=proxy.url)
        for day in gone:
            lab.execute(window_start=f"2026-11-{day}", window_end=f"2026-11-{day + 1}", slice_length="12h")
        result, woken, extras = _run(lab, dag_id)
    by_day = [(f"2026-11-{day}", datetime(2026, 11, day, tzinfo=UTC)) for day in days]
    by_month = [("2026-11", datetime(2026, 11, 1, tzinfo=UTC))] if days else []
    assert woken == {
        "evpl_on_samples": [(None, None)] if days and dag_id == "evpl_days" else [],
        "evpl_on_each_day": by_day if is_since("3.3") else [],
        "evpl_on_each_month": by_month if is_since("3.3") else [],
    }
    del result["slices"]
    told = result | {"dates": [f"2026-11-{day}" for day in days]}
    assert all(extra == (result if uri.endswith("date") else told) for uri, extra in extras)
    assert bool(extras) == bool(days)
