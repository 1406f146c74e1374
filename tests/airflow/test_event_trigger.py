"""An asset's watcher: windows of the sandbox are told of as they are published."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_evpl.errors import EvplConfigError
from tests.airflow.versions import AIRFLOW_3, is_since, needs
from tests.api.support import replying, serving

if TYPE_CHECKING:
    from airflow_provider_evpl.triggers.event import EvplUtilizationEventTrigger
    from tests.airflow.runs import Lab

HOUR = timedelta(hours=1)
needs_watchers = needs("3.0", "asset watchers")
needs_state = needs("3.3.2", "an asset's state for a watcher")


class Remembered:
    """What Airflow keeps beside an asset, as JSON; of several assets nobody knows which is meant."""

    def __init__(self, before: object = None, *, assets: int = 1) -> None:
        self.values: dict[str, str] = {}
        self._before = json.dumps(before)
        self.is_written = threading.Event()
        self._assets = assets

    async def aget(self, key: str) -> Any:  # noqa: ANN401 Airflow's
        """Give it, or None."""
        if self._assets > 1:
            raise ValueError("Task has 2 concrete inlets and outlets")
        return json.loads(self.values.get(key, self._before))

    async def aset(self, key: str, value: object) -> None:
        """Keep it."""
        self.values[key] = json.dumps(value)
        self.is_written.set()

    async def written(self) -> None:
        """Wait until something was kept."""
        await asyncio.to_thread(self.is_written.wait)


def trigger(remembered: Remembered | None = None, **arguments: Any) -> "EvplUtilizationEventTrigger":  # noqa: ANN401 wrong types are tried too
    """Make a trigger of its JSON, as a triggerer does: hours of the sandbox, whose 12 series are enough."""
    from airflow_provider_evpl.triggers.event import EvplUtilizationEventTrigger

    given: dict[str, Any] = {
        "window_length": "1h",
        "min_series": 12,
        "poke_interval_seconds": 0.001,
    } | arguments
    path, written = EvplUtilizationEventTrigger(**given).serialize()
    assert path == "airflow_provider_evpl.triggers.event.EvplUtilizationEventTrigger"
    again = EvplUtilizationEventTrigger(**json.loads(json.dumps(written)))
    assert again.serialize() == (path, written)
    if is_since("3.3.2"):
        again.asset_state_store = remembered  # type: ignore[assignment] # as much of it as the trigger knows
    return again


async def _at_once() -> None:
    pass


def events(
    watcher: "EvplUtilizationEventTrigger", count: int, then: Callable[[], Awaitable[object]] = _at_once
) -> list[dict[str, Any]]:
    """Run a trigger to so many events, and on until something has happened; then it is stopped."""
    found: list[dict[str, Any]] = []

    async def run() -> None:
        enough = asyncio.Event()

        async def listen() -> None:
            async for event in watcher.run():
                found.append(event.payload)
                if len(found) == count:
                    enough.set()

        async def wait() -> None:
            if count:
                await enough.wait()
            await then()

        tasks = [asyncio.create_task(one) for one in (listen(), wait())]
        done, going = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        for task in done:
            task.result()  # a trigger that raises is no trigger that waits

    asyncio.run(run())
    return found


def bounds(payload: dict[str, Any]) -> tuple[datetime, datetime]:
    """Read the window of an event."""
    start, end = (datetime.fromisoformat(payload[name]) for name in ("window_start", "window_end"))
    return start, end


def _reports(lab: "Lab") -> int:
    return sum(count for path, count in lab.sandbox.requests.items() if "/reports/" in path)


def hour(now: datetime) -> datetime:
    """Go back to the full hour."""
    return now.replace(minute=0, second=0, microsecond=0)


@needs_watchers
def test_it_tells_of_the_newest_window_once(lab: "Lab") -> None:
    """The newest window that is over is told, as the operator takes it; then it waits for the next one."""
    before = hour(datetime.now(UTC))
    requests = _reports(lab)
    [payload, *others] = events(trigger(), 1)
    start, end = bounds(payload)
    assert (end - start, end == hour(end)) == (HOUR, True)
    assert before <= end <= datetime.now(UTC)
    assert len(others) <= (hour(datetime.now(UTC)) != before)  # none, unless an hour has just ended
    assert payload["series"] == 12
    assert _reports(lab) - requests == 3 * (1 + len(others))  # the pages of one step
    assert json.loads(json.dumps(payload)) == payload
    operator = lab.operator(**{name: value for name, value in payload.items() if name != "series"})
    assert operator.code_ope == lab.sandbox.config.code_ope


@needs_state
def test_after_a_restart_it_goes_on(lab: "Lab") -> None:
    """What was told isn't told again; what was over meanwhile is, each window once, in order."""
    remembered = Remembered()
    told = events(trigger(remembered), 1, remembered.written)
    [key] = remembered.values
    until = datetime.fromisoformat(json.loads(remembered.values[key])["until"])
    assert until == bounds(told[-1])[1]
    remembered.values[key] = json.dumps({"open": [], "until": (until - 3 * HOUR).isoformat()})
    windows = [bounds(one) for one in events(trigger(remembered), 3)]
    assert windows[:3] == [(until - n * HOUR, until - (n - 1) * HOUR) for n in (3, 2, 1)]
    assert lab.landed() == []


@needs_state
def test_an_event_that_airflow_may_not_have_yet_is_told_again(lab: "Lab") -> None:
    """A trigger that is stopped right after an event, before its next look, begins there again."""
    remembered = Remembered()
    first, again = (events(trigger(remembered, poke_interval_seconds=3600), 1) for _ in range(2))
    assert remembered.values == {}
    assert again == first
    assert lab.landed() == []


@needs_state
def test_each_watcher_remembers_for_itself(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """Two of one asset don't mix up their windows; one of several assets says that it can't remember."""
    remembered = Remembered()
    lab.connect(code_ope="0042")
    for arguments in ({}, {"code_ope": "0042"}, {"min_series": 5}, {"settle": "1s"}):
        remembered.is_written.clear()
        payloads = events(trigger(remembered, **arguments), 1, remembered.written)
        assert {one["code_ope"] for one in payloads} == {"0042"}
    assert len(remembered.values) == 4
    events(trigger(several := Remembered(assets=2)), 1)
    assert several.values == {}
    assert "several assets have this trigger" in "".join(capfd.readouterr())


@needs_watchers
def test_a_window_that_is_not_published_is_asked_for_again(lab: "Lab") -> None:
    """Too few series, then an API that is away, then enough: one event, and it says how many were seen."""
    with serving(_answering(11, 503, 12)) as server:
        lab.connect(host=server.url)
        [payload, *_] = events(trigger(), 1)
        reports = [one["path"] for one in server.seen if "/reports/" in one["path"]]
    assert payload["series"] == 12
    start, end = bounds(payload)
    last = (end - timedelta(minutes=5)).strftime("%Y-%m-%dT%H%%3A%M%%3A00.000Z")
    assert all(f"startTime={last}" in one for one in reports[:3])
    assert end - start == HOUR


@needs_watchers
def test_what_does_not_pass_is_asked_again_much_later(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """A permanent error is logged without a secret and not hammered; with it mended the watcher goes on."""
    with serving(_answering(403, 12)) as server:
        lab.connect(host=server.url)
        [payload, *_] = events(trigger(poke_interval_seconds=0.01), 1)
    assert payload["series"] == 12
    # Without a supervisor the order to mask a secret is logged itself.
    told = [line for line in "".join(capfd.readouterr()).splitlines() if "MaskSecret" not in line]
    [failure] = [line for line in told if "EvplForbiddenError: report of " in line]
    assert "; next look in 0 s" in failure
    assert not [line for line in told if "a-token" in line]


def _answering(*looks: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer each look by so many series that have a sample at its start, or by an error's status."""
    answers = iter(looks)

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/token"):
            replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
        elif (answer := next(answers)) < 400:
            [start] = parse_qs(urlsplit(handler.path).query)["startTime"]
            replying(json.dumps(_report(answer, start)).encode())(handler)
        else:
            replying(b'{"code": 50, "description": "a-token"}', status=answer)(handler)

    return reply


def _report(series: int, moment: str) -> dict[str, Any]:
    samples = [{"timeStamp": moment, "value": "1"}]
    entries = [
        {"objectInstanceId": str(number), "metric_name": "in", "performanceValues": samples}
        for number in range(series)
    ]
    return {"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": entries}


def _windows(statuses: dict[int, int], told: threading.Event | None = None) -> Callable[[Any], None]:
    """Answer for the hour that began so many hours ago by so many series, or by a status; 12 by default."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/token"):
            return replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
        [start] = parse_qs(urlsplit(handler.path).query)["startTime"]
        ago = hour(datetime.now(UTC)) - hour(datetime.fromisoformat(start))
        answer = statuses.get(ago // HOUR, 12)
        if told is not None and answer == 0:
            told.wait()
        if answer < 400:
            return replying(json.dumps(_report(answer, start)).encode())(handler)
        return replying(b'{"code": 60}', status=answer)(handler)

    return reply


def _since(hours: int) -> dict[str, Any]:
    """What is remembered where the next window began so many hours ago."""
    return {"open": [], "until": (hour(datetime.now(UTC)) - hours * HOUR).isoformat()}


@needs_state
@pytest.mark.parametrize("status", [422, 501])
def test_a_window_that_is_refused_stops_no_other(lab: "Lab", status: int) -> None:
    """Refused for good, or answered against the document: the others are told, and it is asked much later."""
    remembered = Remembered(_since(3))
    watcher = trigger(remembered, poke_interval_seconds=1)
    with serving(_windows({3: status})) as server:
        lab.connect(host=server.url)
        told = events(watcher, 2, remembered.written)
        reports = [one for one in server.seen if "/reports/" in one["path"]]
    assert [hour(datetime.now(UTC)) - bounds(one)[0] for one in told[:2]] == [2 * HOUR, HOUR]
    assert len(reports) == 3
    [written] = remembered.values.values()
    assert len(json.loads(written)["open"]) == 1


@needs_state
def test_a_window_is_told_before_the_next_is_asked_for(lab: "Lab") -> None:
    """An event doesn't wait for the rest of the look."""
    told = threading.Event()

    async def say() -> None:
        told.set()

    with serving(_windows({1: 0}, told)) as server:
        lab.connect(host=server.url, timeout_seconds=2)
        [first, *_] = events(trigger(Remembered(_since(2))), 1, say)
    assert hour(datetime.now(UTC)) - bounds(first)[0] == 2 * HOUR


@needs_watchers
def test_it_asks_nothing_before_the_time_it_was_told(lab: "Lab") -> None:
    """After a `Retry-After` the next look of any window is so much later."""
    asked: list[datetime] = []

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if "/reports/" in handler.path:
            asked.append(datetime.now(UTC))
        if len(asked) == 1 and "/reports/" in handler.path:
            return replying(b'{"code": 53}', status=429, Retry_After="1")(handler)
        return _windows({})(handler)

    with serving(reply) as server:
        lab.connect(host=server.url)
        events(trigger(), 1)
    assert asked[1] - asked[0] >= timedelta(seconds=0.9)


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
    remembered = Broken(_since(3))
    told = events(trigger(remembered), 3, remembered.written)
    assert [hour(datetime.now(UTC)) - bounds(one)[0] for one in told] == [3 * HOUR, 2 * HOUR, HOUR]
    assert remembered.failures == set()
    log = "".join(capfd.readouterr())
    assert "RuntimeError: aget: API_SERVER_ERROR" in log
    assert "RuntimeError: aset: API_SERVER_ERROR" in log
    assert lab.landed() == []


@needs_state
def test_what_it_can_not_read_it_does_not_go_on_from(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """What others wrote is told, and it begins anew."""
    [told, *_] = events(trigger(Remembered({"until": "2026-11-22"})), 1)
    assert hour(datetime.now(UTC)) - bounds(told)[0] == HOUR
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


@needs_watchers
def test_a_look_takes_no_thread_of_the_others(lab: "Lab") -> None:
    """Where the loop has one thread alone it is free while a look is under way."""
    over = threading.Event()

    async def run() -> None:
        asked, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))

        def reply(handler: BaseHTTPRequestHandler) -> None:
            if "/reports/" in handler.path:
                loop.call_soon_threadsafe(asked.set)
                over.wait()
            _windows({})(handler)

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
def test_a_triggerer_that_ends_waits_for_no_answer(lab: "Lab") -> None:
    """Where it is stopped in mid-request the line is hung up: its thread ends, though nobody answers."""
    asked, over = threading.Event(), threading.Event()

    def reply(handler: Any) -> None:  # noqa: ANN401 http.server's
        if handler.path.endswith("/token"):
            replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
        else:
            asked.set()
            over.wait()

    with serving(reply) as server:
        lab.connect(host=server.url, timeout_seconds=100_000)
        assert events(trigger(), 0, lambda: asyncio.to_thread(asked.wait)) == []
        for thread in threading.enumerate():
            if thread.name.startswith("evpl-look"):
                thread.join()
        over.set()


@needs_watchers
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_length", "7h"),
        ("min_series", "many"),
        ("evpl_conn_id", 5),
        ("poke_interval_seconds", 0),
        ("poke_interval_seconds", "often"),
    ],
)
def test_a_wrong_argument_is_an_error_of_the_dag_file(name: str, value: Any) -> None:  # noqa: ANN401 the point is to try anything
    """Where the file is parsed, by the argument's name: a watcher has no task that could fail."""
    with pytest.raises(EvplConfigError, match=f"^{name}"):
        trigger(**{name: value})


@pytest.mark.skipif(AIRFLOW_3, reason="Airflow has asset watchers since 3.0")
def test_without_watchers_it_says_so() -> None:
    """On Airflow 2.11 the trigger's place in a DAG file is an error that names what it needs."""
    with pytest.raises(EvplConfigError, match="needs the asset watchers of Airflow 3"):
        trigger()


@needs_watchers
def test_an_asset_takes_it_through_airflows_serialisation(lab: "Lab") -> None:
    """A DAG scheduled by an asset with the watcher is serialised and back; no secret is in it."""
    from airflow.providers.common.compat.sdk import DAG, Asset
    from airflow.sdk import AssetWatcher
    from airflow.serialization.serialized_objects import DagSerialization

    asset = Asset("evpl_published", watchers=[AssetWatcher(name="hours", trigger=trigger())])
    written = json.dumps(DagSerialization.to_dict(DAG("evpl_watched", schedule=[asset])))
    assert "EvplUtilizationEventTrigger" in written
    assert lab.sandbox.config.client_secret not in written
