"""An asset's watcher goes on past what fails: a window, Airflow's store, the connection."""

import asyncio
import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_evpl.window import iso
from tests.support.airflow_watchers import (
    HOUR,
    Polls,
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
from tests.support.api import replying, serving

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


@pytest.mark.contract("trigger.refused-window")
@needs_state
@pytest.mark.parametrize("status", [422, 501])
def test_permanent_error_of_a_window_stops_no_other_window(lab: "Lab", status: int) -> None:
    """The other windows fire; the failed window is requested again much later."""
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


def polled(lab: "Lab", statuses: dict[int, int], polls: int) -> tuple[list[int], list[int]]:
    """Return the published and the requested hours of so many polls, counted back from now."""
    now, oldest = hour(NOW), max(statuses)
    with serving(windows(now, statuses)) as server:
        lab.connect(host=server.url)
        watcher = trigger(Remembered(since(now - oldest * HOUR)))
        published = events(watcher, 0, Polls(lab, polls, NOW).over)
        requests = [asked_for(one["path"]) for one in server.seen if "/reports/" in one["path"]]
    return [(now - bounds(one)[0]) // HOUR for one in published], [(now - one) // HOUR for one in requests]


@pytest.mark.contract("trigger.temporary-error")
@needs_state
def test_a_failing_window_holds_up_no_published_window(lab: "Lab") -> None:
    """The oldest window always answers 500: the newer windows fire in the first poll."""
    assert polled(lab, {5: 500}, polls=4) == ([4, 3, 2, 1], [5, 4, 3, 2, 1, 5, 5, 5])


@needs_state
def test_failing_windows_hold_up_published_windows_for_one_poll(lab: "Lab") -> None:
    """Three failures end the first poll; the second poll requests the other windows first."""
    statuses = dict.fromkeys((7, 6, 5), 500)
    assert polled(lab, statuses, polls=2) == ([4, 3, 2, 1], [7, 6, 5, 4, 3, 2, 1, 7, 6, 5])


@pytest.mark.contract("trigger.temporary-error")
@needs_state
def test_three_failures_in_a_row_end_a_poll(lab: "Lab") -> None:
    """An API that is away gets three requests a poll, and each window has its turn."""
    statuses = dict.fromkeys(range(1, 8), 500)
    assert polled(lab, statuses, polls=4) == ([], [7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3])


@pytest.mark.contract("trigger.temporary-error")
@needs_state
@pytest.mark.parametrize(("series", "published"), [(11, [1]), (12, [4, 1])])
def test_response_resets_the_count_of_failures(lab: "Lab", series: int, published: list[int]) -> None:
    """Two failures, a response (enough series or too few), two failures: the poll requests each window."""
    statuses = {6: 500, 5: 503, 4: series, 3: 500, 2: 503}
    assert polled(lab, statuses, polls=1) == (published, [6, 5, 4, 3, 2, 1])


@pytest.mark.contract("trigger.refused-window")
@needs_state
def test_permanent_errors_of_windows_end_no_poll(lab: "Lab") -> None:
    """Any number of them leaves the poll going."""
    statuses = {6: 422, 5: 501, 4: 422, 3: 501, 2: 422}
    assert polled(lab, statuses, polls=2) == ([1], [6, 5, 4, 3, 2, 1])


@pytest.mark.contract("trigger.refused-window")
@needs_state
def test_permanent_error_does_not_reset_the_count_of_failures(lab: "Lab") -> None:
    """A permanent error between temporary ones: the third temporary error ends the poll."""
    statuses = {5: 500, 4: 422, 3: 500, 2: 500}
    assert polled(lab, statuses, polls=2) == ([1], [5, 4, 3, 2, 1, 5, 3, 2])


@pytest.mark.contract("trigger.never-fails")
@needs_state
def test_window_with_retry_after_is_requested_last(lab: "Lab") -> None:
    """A `Retry-After` ends the poll at the first failure; the next poll starts with the other windows."""
    now = hour(NOW)

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if "/reports/" in handler.path and asked_for(handler.path) == now - 3 * HOUR:
            return replying(b'{"code": 5}', status=503, Retry_After="7200")(handler)
        return windows(now, {})(handler)

    polls = Polls(lab, 2, NOW)
    with serving(reply) as server:
        lab.connect(host=server.url)
        published = events(trigger(Remembered(since(now - 3 * HOUR))), 0, polls.over)
        requests = [asked_for(one["path"]) for one in server.seen if "/reports/" in one["path"]]
    assert [bounds(one)[0] for one in published] == [now - 2 * HOUR, now - HOUR]
    assert requests == [now - hours * HOUR for hours in (3, 2, 1, 3)]
    assert polls.pauses == [7200, 7200]


@pytest.mark.contract("trigger.never-fails")
@needs_watchers
def test_trigger_sends_no_request_before_retry_after(lab: "Lab") -> None:
    """The next poll of any window waits."""
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


@pytest.mark.contract("trigger.never-fails")
@needs_state
def test_failing_state_store_is_retried(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """The trigger continues from the saved state when it can be read; no window fires twice."""
    now = hour(datetime.now(UTC))
    remembered = Broken(since(now - 3 * HOUR))
    told = events(trigger(remembered), 3, remembered.written)
    assert [bounds(one)[0] for one in told[:3]] == [now - n * HOUR for n in (3, 2, 1)]
    assert remembered.failures == set()
    log = "".join(capfd.readouterr())
    assert "RuntimeError: aget: API_SERVER_ERROR" in log
    assert "RuntimeError: aset: API_SERVER_ERROR" in log
    assert lab.landed() == []


@pytest.mark.contract("trigger.never-fails")
@needs_state
def test_unreadable_state_starts_with_the_newest_window(
    lab: "Lab", capfd: pytest.CaptureFixture[str]
) -> None:
    """The log has a warning."""
    now = hour(datetime.now(UTC))
    [told, *_] = events(trigger(Remembered({"until": "2026-11-22"})), 1)
    assert now - HOUR <= bounds(told)[0] <= datetime.now(UTC) - HOUR
    assert "the saved windows can't be read" in "".join(capfd.readouterr())
    assert lab.landed() == []


@pytest.mark.contract("trigger.never-fails")
@needs_watchers
def test_trigger_reads_the_connection_again_after_an_unexpected_error(
    lab: "Lab", capfd: pytest.CaptureFixture[str]
) -> None:
    """The error is logged with its traceback."""
    from airflow.providers.common.compat.connection import get_async_connection

    failures = [RuntimeError("API server away")]

    async def broken(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 Airflow's
        if failures:
            raise failures.pop()
        return await get_async_connection(*args, **kwargs)

    lab.monkeypatch.setattr("airflow_provider_evpl.hooks.evpl.get_async_connection", broken)
    assert len(events(trigger(), 1)) == 1
    log = "".join(capfd.readouterr())
    assert "RuntimeError: API server away" in log
    assert "Traceback" in log
