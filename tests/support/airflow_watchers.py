"""An asset's watcher, what Airflow remembers for it, and an API that answers by the hour."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.support.airflow_versions import is_since, needs
from tests.support.api import replying

if TYPE_CHECKING:
    from airflow_provider_evpl.triggers.event import EvplUtilizationEventTrigger
    from tests.support.airflow_runs import Lab


HOUR = timedelta(hours=1)
needs_watchers = needs("3.0", "asset watchers")
needs_state = needs("3.3.2", "an asset's state for a watcher")


class Remembered:
    """What Airflow keeps beside an asset, as JSON; of several assets nobody knows which is meant.

    Attributes:
        values: what is kept, by key.
        writes: how often something was written.
    """

    def __init__(self, before: object = None, *, assets: int = 1) -> None:
        self.values: dict[str, str] = {}
        self.writes = 0
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
        self.writes += 1
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


class Polls:
    """Lets so many polls follow each other without a pause, at one moment; the next pause has no end.

    Attributes:
        pauses: how many seconds each poll would have waited for the next.
    """

    def __init__(self, lab: "Lab", count: int, now: datetime) -> None:
        self.pauses: list[float] = []
        self._count = count
        self._are_over = asyncio.Event()
        module = "airflow_provider_evpl.triggers.event"
        lab.monkeypatch.setattr(f"{module}.asyncio", SimpleNamespace(sleep=self._pause))
        lab.monkeypatch.setattr(f"{module}._now", lambda: now)

    async def over(self) -> None:
        """Wait for the end of the last poll."""
        await self._are_over.wait()

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == self._count:
            self._are_over.set()
            await asyncio.Event().wait()


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


def join_looks() -> None:
    """Wait for the threads of all looks: a trigger that ends aborts their requests, though nobody answers."""
    for thread in threading.enumerate():
        if thread.name.startswith("evpl-poll"):
            thread.join(10)
            assert not thread.is_alive(), "the request of a look goes on"


def bounds(payload: dict[str, Any]) -> tuple[datetime, datetime]:
    """Read the window of an event."""
    start, end = (datetime.fromisoformat(payload[name]) for name in ("window_start", "window_end"))
    return start, end


def reports(lab: "Lab") -> int:
    """Count the requests for reports so far."""
    return sum(count for path, count in lab.sandbox.requests.items() if "/reports/" in path)


def hour(now: datetime) -> datetime:
    """Go back to the full hour."""
    return now.replace(minute=0, second=0, microsecond=0)


def answering(*looks: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer each look by so many series that have a sample at its start, or by an error's status."""
    answers = iter(looks)

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/token"):
            replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
        elif (answer := next(answers)) < 400:
            replying(json.dumps(_report(answer, handler.path)).encode())(handler)
        else:
            replying(b'{"code": 50, "description": "a-token"}', status=answer)(handler)

    return reply


def _start_of(path: str) -> str:
    [start] = parse_qs(urlsplit(path).query)["startTime"]
    return start


def _report(series: int, path: str) -> dict[str, Any]:
    samples = [{"timeStamp": _start_of(path), "value": "1"}]
    entries = [
        {"objectInstanceId": str(number), "metric_name": "in", "performanceValues": samples}
        for number in range(series)
    ]
    return {"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": entries}


def asked_for(path: str) -> datetime:
    """Read the hour that a request for a report is of."""
    return hour(datetime.fromisoformat(_start_of(path)))


def windows(
    now: datetime, statuses: dict[int, int], told: threading.Event | None = None
) -> Callable[[Any], None]:
    """Answer for the hour that began so many hours before one by so many series, or a status; else by 12."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/token"):
            return replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
        answer = statuses.get((hour(now) - asked_for(handler.path)) // HOUR, 12)
        if told is not None and answer == 0:
            told.wait()
        if answer < 400:
            return replying(json.dumps(_report(answer, handler.path)).encode())(handler)
        return replying(b'{"code": 60}', status=answer)(handler)

    return reply


def since(moment: datetime) -> dict[str, Any]:
    """What is remembered where the next window begins then."""
    return {"open": [], "until": moment.isoformat()}
