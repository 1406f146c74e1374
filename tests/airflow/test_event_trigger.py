"""An asset's watcher: windows of the sandbox are told of as they are published."""

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pendulum
import pytest

from airflow_provider_evpl.errors import EvplConfigError
from tests.support.airflow_versions import AIRFLOW_3, write_dag
from tests.support.airflow_watchers import (
    HOUR,
    Polls,
    Remembered,
    answering,
    bounds,
    events,
    hour,
    join_looks,
    needs_state,
    needs_watchers,
    reports,
    since,
    trigger,
    windows,
)
from tests.support.api import replying, serving

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab


@pytest.mark.contract("names.EvplUtilizationEventTrigger", "trigger.payload")
@needs_watchers
def test_trigger_fires_once_for_the_newest_window(lab: "Lab") -> None:
    """The payload has the operator's arguments. Then the trigger waits for the next window."""
    before = hour(datetime.now(UTC))
    requests = reports(lab)
    [payload, *others] = events(trigger(), 1)
    start, end = bounds(payload)
    assert (end - start, end == hour(end)) == (HOUR, True)
    assert before <= end <= datetime.now(UTC)
    assert len(others) <= (hour(datetime.now(UTC)) != before)  # none, unless an hour has just ended
    assert payload["series"] == 12
    assert reports(lab) - requests == 3 * (1 + len(others))  # the pages of one step
    assert json.loads(json.dumps(payload)) == payload
    operator = lab.operator(**{name: value for name, value in payload.items() if name != "series"})
    assert operator.code_ope == lab.sandbox.config.code_ope


@pytest.mark.contract("trigger.restart")
@needs_state
def test_trigger_continues_after_a_restart(lab: "Lab") -> None:
    """Windows that ended meanwhile fire once each, in order; earlier ones don't fire again."""
    remembered = Remembered()
    told = events(trigger(remembered), 1, remembered.written)
    [key] = remembered.values
    until = datetime.fromisoformat(json.loads(remembered.values[key])["until"])
    assert until == bounds(told[-1])[1]
    remembered.values[key] = json.dumps({"open": [], "until": (until - 3 * HOUR).isoformat()})
    windows = [bounds(one) for one in events(trigger(remembered), 3)]
    assert windows[:3] == [(until - n * HOUR, until - (n - 1) * HOUR) for n in (3, 2, 1)]
    assert lab.landed() == []


@needs_watchers
def test_event_trigger_can_be_copied_after_it_ran(lab: "Lab") -> None:
    """It can be copied and pickled."""
    from tests.support.airflow_runs import copies

    assert lab.sandbox.base_url
    watcher = trigger()
    events(watcher, 1)
    assert [one.serialize() for one in copies(watcher)] == [watcher.serialize()] * 2


@pytest.mark.contract("trigger.restart")
@needs_state
def test_trigger_stopped_right_after_an_event_fires_it_again(lab: "Lab") -> None:
    """Airflow may not have stored the event yet."""
    remembered = Remembered()
    first, again = (events(trigger(remembered, poke_interval_seconds=3600), 1) for _ in range(2))
    assert remembered.values == {}
    assert again == first
    assert lab.landed() == []


@pytest.mark.contract("trigger.restart")
@needs_state
def test_watchers_of_one_asset_keep_separate_state(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """A trigger with several assets keeps no state, and logs a warning."""
    remembered, several = Remembered(), Remembered(assets=2)
    each: list[dict[str, str | int]] = [
        {},
        {"evpl_conn_id": "evpl_other"},
        {"code_ope": "0042"},
        {"granularity": "600s"},
        {"window_length": "2h"},
        {"min_series": 5},
        {"settle": "1s"},
    ]
    now = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
    with serving(windows(now, {})) as server:
        lab.connect(host=server.url, code_ope="0042")
        lab.monkeypatch.setenv("AIRFLOW_CONN_EVPL_OTHER", os.environ["AIRFLOW_CONN_EVPL_DEFAULT"])
        for arguments in each:
            payloads = events(trigger(remembered, **arguments), 0, Polls(lab, 2, now).over)
            assert [one["code_ope"] for one in payloads] == ["0042"], arguments
        events(trigger(several), 0, Polls(lab, 2, now).over)
    assert len(remembered.values) == len(each)
    assert several.values == {}
    assert "Several assets have this trigger" in "".join(capfd.readouterr())


@needs_state
def test_unchanged_state_is_not_saved_again(lab: "Lab") -> None:
    """Four polls, of which the first finds a window: one write."""
    remembered = Remembered()
    now = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
    with serving(windows(now, {})) as server:
        lab.connect(host=server.url)
        assert len(events(trigger(remembered), 0, Polls(lab, 4, now).over)) == 1
    assert remembered.writes == 1


@needs_watchers
def test_unpublished_window_is_requested_again(lab: "Lab") -> None:
    """Too few series, then an error, then enough: one event with the number of series."""
    with serving(answering(11, 503, 12)) as server:
        lab.connect(host=server.url)
        [payload, *_] = events(trigger(), 1)
        reports = [one["path"] for one in server.seen if "/reports/" in one["path"]]
    assert payload["series"] == 12
    start, end = bounds(payload)
    last = (end - timedelta(minutes=5)).strftime("%Y-%m-%dT%H%%3A%M%%3A00.000Z")
    assert all(f"startTime={last}" in one for one in reports[:3])
    assert end - start == HOUR


@pytest.mark.contract("trigger.never-fails")
@needs_watchers
def test_permanent_error_is_logged_and_requested_again_later(
    lab: "Lab", capfd: pytest.CaptureFixture[str]
) -> None:
    """The log has no secret. After the error is fixed, the trigger continues."""
    with serving(answering(403, 12)) as server:
        lab.connect(host=server.url)
        [payload, *_] = events(trigger(poke_interval_seconds=0.01), 1)
    assert payload["series"] == 12
    # Without a supervisor the order to mask a secret is logged itself.
    told = [line for line in "".join(capfd.readouterr()).splitlines() if "MaskSecret" not in line]
    [failure] = [line for line in told if "EvplForbiddenError: report of " in line]
    assert "next request in 0 s" in failure
    assert not [line for line in told if "a-token" in line]


@pytest.mark.contract("trigger.refused-window")
@needs_state
def test_event_fires_before_the_next_window_is_requested(lab: "Lab") -> None:
    """An event doesn't wait for the rest of the poll."""
    told, now = threading.Event(), hour(datetime.now(UTC))

    async def say() -> None:
        told.set()

    with serving(windows(now, {1: 0}, told)) as server:
        lab.connect(host=server.url, timeout_seconds=2)
        [first, *_] = events(trigger(Remembered(since(now - 2 * HOUR))), 1, say)
    assert bounds(first)[0] == now - 2 * HOUR


@needs_watchers
def test_poll_uses_its_own_thread(lab: "Lab") -> None:
    """The event loop's only thread stays free during a poll."""
    over = threading.Event()

    async def run() -> None:
        asked, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))

        def reply(handler: BaseHTTPRequestHandler) -> None:
            if "/reports/" in handler.path:
                loop.call_soon_threadsafe(asked.set)
                over.wait()
            windows(datetime.now(UTC), {})(handler)

        with serving(reply) as server:
            lab.connect(host=server.url, timeout_seconds=100_000)
            watcher = trigger().run()
            look = asyncio.ensure_future(anext(aiter(watcher)))
            try:
                await asked.wait()
                await asyncio.wait_for(asyncio.to_thread(int), 10)
            finally:
                look.cancel()
                await asyncio.gather(look, return_exceptions=True)
                over.set()

    asyncio.run(run())


@needs_watchers
def test_stopped_trigger_aborts_its_request(lab: "Lab") -> None:
    """The thread ends although the server doesn't answer."""
    asked, over = threading.Event(), threading.Event()

    def reply(handler: Any) -> None:  # noqa: ANN401 http.server's
        if handler.path.endswith("/token"):
            replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
        else:
            asked.set()
            over.wait()

    with serving(reply) as server:
        lab.connect(host=server.url, timeout_seconds=100_000)
        try:
            assert events(trigger(), 0, lambda: asyncio.to_thread(asked.wait)) == []
            join_looks()
        finally:
            over.set()


@pytest.mark.contract("trigger.arguments")
@needs_watchers
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_length", "7h"),
        ("min_series", "many"),
        ("evpl_conn_id", ["evpl_default"]),
        ("poke_interval_seconds", 0),
        ("poke_interval_seconds", "often"),
    ],
)
def test_wrong_trigger_argument_is_an_error_when_the_dag_is_parsed(name: str, value: Any) -> None:  # noqa: ANN401 the point is to try anything
    """A watcher has no task that could fail."""
    with pytest.raises(EvplConfigError, match=f"^{name}"):
        trigger(**{name: value})


@pytest.mark.contract("trigger.durations")
@needs_watchers
@pytest.mark.parametrize("hour", [HOUR, pendulum.duration(hours=1)])
def test_trigger_stores_a_duration_as_text(hour: timedelta) -> None:
    """A timedelta of any class becomes `3600s`; text stays as it is."""
    _, stored = trigger(window_length=hour, settle=hour, lookback=hour).serialize()
    assert [stored[name] for name in ("window_length", "settle", "lookback")] == ["3600s"] * 3
    assert trigger(window_length="1h").serialize()[1]["window_length"] == "1h"


@needs_watchers
def test_trigger_arguments_are_json() -> None:
    """Numbers and dates of other classes are stored as text."""
    one = trigger(min_series=Decimal(4), code_ope=date(2026, 11, 22))
    stored = json.loads(json.dumps(one.serialize()[1]))
    assert (stored["min_series"], stored["code_ope"]) == ("4", "2026-11-22")


@pytest.mark.contract("trigger.arguments")
@pytest.mark.skipif(AIRFLOW_3, reason="Airflow has asset watchers since 3.0")
def test_event_trigger_on_airflow_2_11_names_the_needed_version() -> None:
    """The DAG file has an error."""
    with pytest.raises(EvplConfigError, match="needs the asset watchers of Airflow 3"):
        trigger()


@pytest.mark.contract("names.EvplUtilizationEventTrigger")
@needs_watchers
def test_watcher_survives_the_serialization_of_its_dag(lab: "Lab") -> None:
    """No secret is in the serialized DAG."""
    from airflow.providers.common.compat.sdk import DAG, Asset
    from airflow.sdk import AssetWatcher

    asset = Asset("evpl_published", watchers=[AssetWatcher(name="hours", trigger=trigger())])
    written = json.dumps(write_dag(DAG("evpl_watched", schedule=[asset])))
    assert "EvplUtilizationEventTrigger" in written
    assert lab.sandbox.config.client_secret not in written
