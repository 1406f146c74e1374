"""An asset's watcher goes on past what fails: a window, Airflow's store, the connection."""

import asyncio
import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_evpl.window import iso
from tests.airflow.watchers import (
    HOUR,
    Remembered,
    asked_for,
    bounds,
    events,
    hour,
    needs_state,
    needs_watchers,
    since,
    trigger,
    windows,
)
from tests.api.support import replying, serving

if TYPE_CHECKING:
    from tests.airflow.runs import Lab


@needs_state
@pytest.mark.parametrize("status", [422, 501])
def test_a_window_that_is_refused_stops_no_other(lab: "Lab", status: int) -> None:
    """Refused for good, or answered against the document: the others are told, and it is asked much later."""
    now = hour(datetime.now(UTC))
    remembered = Remembered(since(now - 3 * HOUR))
    watcher = trigger(remembered, poke_interval_seconds=1)
    with serving(windows(now, {3: status})) as server:
        lab.connect(host=server.url)
        told = events(watcher, 2, remembered.written)
        asked = [asked_for(one["path"]) for one in server.seen if "/reports/" in one["path"]]
    assert [bounds(one)[0] for one in told[:2]] == [now - 2 * HOUR, now - HOUR]
    assert asked[:3] == [now - n * HOUR for n in (3, 2, 1)]
    assert asked.count(now - 3 * HOUR) == 1
    [written] = remembered.values.values()
    assert json.loads(written)["open"] == [iso(now - 3 * HOUR)]


@needs_watchers
def test_it_asks_nothing_before_the_time_it_was_told(lab: "Lab") -> None:
    """After a `Retry-After` the next look of any window is so much later."""
    asked, pauses = list[str](), list[float]()

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if "/reports/" in handler.path:
            asked.append(handler.path)
            if len(asked) == 1:
                return replying(b'{"code": 53}', status=429, Retry_After="3600")(handler)
        return windows(datetime.now(UTC), {})(handler)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    lab.monkeypatch.setattr("airflow_provider_evpl.triggers.event.asyncio", SimpleNamespace(sleep=pause))
    with serving(reply) as server:
        lab.connect(host=server.url)
        events(trigger(poke_interval_seconds=1), 1)
    assert len(asked) >= 2
    assert 3000 < pauses[0] <= 3600


class Broken(Remembered):
    """Fails at first, each way; so do stores that are away."""

    def __init__(self, before: object) -> None:
        super().__init__(before)
        self.failures = {"aget", "aset"}

    async def aget(self, key: str) -> Any:  # noqa: ANN401 Airflow's
        """Give it, the second time."""
        self._fail("aget")
        return await super().aget(key)

    async def aset(self, key: str, value: object) -> None:
        """Keep it, the second time."""
        self._fail("aset")
        await super().aset(key, value)

    def _fail(self, name: str) -> None:
        if name in self.failures:
            self.failures.remove(name)
            raise RuntimeError(f"{name}: API_SERVER_ERROR")


@needs_state
def test_a_store_that_fails_is_asked_again(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """It goes on where it was as soon as that can be read, and tells nothing twice; the log has it all."""
    now = hour(datetime.now(UTC))
    remembered = Broken(since(now - 3 * HOUR))
    told = events(trigger(remembered), 3, remembered.written)
    assert [bounds(one)[0] for one in told[:3]] == [now - n * HOUR for n in (3, 2, 1)]
    assert remembered.failures == set()
    log = "".join(capfd.readouterr())
    assert "RuntimeError: aget: API_SERVER_ERROR" in log
    assert "RuntimeError: aset: API_SERVER_ERROR" in log
    assert lab.landed() == []


@needs_state
def test_what_it_can_not_read_it_does_not_go_on_from(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """What others wrote is told, and it begins anew."""
    now = hour(datetime.now(UTC))
    [told, *_] = events(trigger(Remembered({"until": "2026-11-22"})), 1)
    assert now - HOUR <= bounds(told)[0] <= datetime.now(UTC) - HOUR
    assert "what was remembered can't be read, it begins anew" in "".join(capfd.readouterr())
    assert lab.landed() == []


@needs_watchers
def test_a_connection_that_can_not_be_read_is_asked_again(
    lab: "Lab", capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever reading it raises is logged with its traceback; the next look reads it again."""
    from airflow.providers.common.compat.connection import get_async_connection

    failures = [RuntimeError("API server away")]

    async def broken(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 Airflow's
        if failures:
            raise failures.pop()
        return await get_async_connection(*args, **kwargs)

    lab.monkeypatch.setattr("airflow_provider_evpl.hooks.evpl.get_async_connection", broken)
    assert len(events(trigger(), 1)) == 1
    log = "".join(capfd.readouterr())
    assert "no window is asked for: RuntimeError: API server away" in log
    assert "Traceback" in log
