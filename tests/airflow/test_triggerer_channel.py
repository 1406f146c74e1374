"""Triggers and the channel to Airflow's supervisor: only the event loop uses the channel."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync

from tests.support.airflow_versions import needs
from tests.support.airflow_watchers import answering, events, trigger
from tests.support.api import serving

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab


class Channel:
    """A triggerer's channel as in Airflow 3.0 and 3.1: only the event loop's thread may use it.

    Attributes:
        masked: the secrets that the supervisor was told to mask.
        threads: the threads that used the channel.
    """

    def __init__(self) -> None:
        self.masked: list[object] = []
        self.threads: set[threading.Thread] = set()

    def send(self, message: Any) -> None:  # noqa: ANN401 Airflow's
        """Send a message from synchronous code, in Airflow's own words of 3.0 and 3.1."""
        async_to_sync(self.asend)(message)

    async def asend(self, message: Any) -> None:  # noqa: ANN401 Airflow's
        """Send a message, and wait for the answer."""
        self.threads.add(threading.current_thread())
        self.masked.append(message.value)


def _sensor_trigger() -> list[Any]:
    from airflow_provider_evpl.triggers.evpl import EvplUtilizationTrigger

    plan: dict[str, str | int] = {
        "code_ope": "0042",
        "granularity": "300s",
        "window_start": "2026-11-20T00:00:00Z",
        "window_end": "2026-11-21T00:00:00Z",
        "min_series": 1,
        "due": "2026-11-21T00:00:00Z",
    }
    deadline = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    one = EvplUtilizationTrigger(
        evpl_conn_id="evpl_default", plan=plan, poke_interval_seconds=1, deadline=deadline
    )

    async def run() -> list[Any]:
        return [event.payload async for event in one.run()]

    return asyncio.run(run())


@needs("3.0", "a supervisor of the triggerer")
@pytest.mark.parametrize("run", [_sensor_trigger, lambda: events(trigger(), 1)], ids=["sensor", "event"])
def test_secrets_reach_the_supervisor_through_the_event_loop(
    lab: "Lab", run: Callable[[], list[Any]]
) -> None:
    """The client secret and the token are masked; the threads that request pages leave the channel alone."""
    from airflow.sdk.execution_time import task_runner

    channel = Channel()
    lab.monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", channel, raising=False)
    with serving(answering(12)) as server:
        lab.connect(host=server.url)
        assert run()
    assert {lab.sandbox.config.client_secret, "a-token"} <= set(map(str, channel.masked))
    assert channel.threads == {threading.main_thread()}
