"""Waits in the triggerer until a window is published."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_evpl.config.plans import WaitPlan
from airflow_provider_evpl.errors import EvplConfigError, EvplPermanentError
from airflow_provider_evpl.hooks.evpl import EvplHook

if TYPE_CHECKING:
    from airflow_provider_evpl.api.client import Client
    from airflow_provider_evpl.flows.publication import Watch

__all__ = ["EvplUtilizationTrigger", "polling_thread"]

_Poll = Callable[["Watch"], Awaitable[bool]]
_SHORTEST_PAUSE_SECONDS = 1.0
# A poll that is under way may last this long after the deadline. Airflow ends the wait a minute later.
_LAST_POLL_SECONDS = 240.0
# Airflow reports a secrets backend that is down as a missing connection.
_MOST_READS = 3


class EvplUtilizationTrigger(BaseTrigger):
    """Polls until a window is published or the deadline is over; continues a deferred sensor.

    After a temporary error, and after the first two failed reads of the connection, the trigger logs the
    error and polls again. Requests are sent in a thread of the trigger.

    The trigger fires one event. Its `status` is `published`, `timed_out` or `failed`, its `message` has the
    last poll. If it failed, `error` is the name of the error's class.

    Args:
        evpl_conn_id: connection of type `evpl`. The trigger reads it, so that no argument is a secret.
        plan: what to wait for, from `WaitPlan.as_dict`.
        poke_interval_seconds: pause between two polls, at least a second.
        deadline: time of the last poll, in ISO 8601. A poll that is still under way four minutes later is
            aborted.
    """

    def __init__(
        self, *, evpl_conn_id: str, plan: dict[str, str | int], poke_interval_seconds: float, deadline: str
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self._evpl_conn_id = evpl_conn_id
        self._plan = plan
        self._poke_interval_seconds = poke_interval_seconds
        self._deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, from which a triggerer makes the trigger."""
        arguments = {
            "evpl_conn_id": self._evpl_conn_id,
            "plan": self._plan,
            "poke_interval_seconds": self._poke_interval_seconds,
            "deadline": self._deadline,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire the event."""
        try:
            async with polling_thread(await self._connect()) as poll:
                event = await self._wait(poll)
        except EvplPermanentError as error:
            event = {"status": "failed", "error": type(error).__name__, "message": str(error)}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def _connect(self) -> "Client":
        hook = EvplHook(self._evpl_conn_id)
        for read in range(1, _MOST_READS):
            try:
                return await hook.aget_conn()
            except EvplConfigError as error:
                text = " ".join(str(error).splitlines())
                self.log.warning("Reading the connection failed (%d of %d): %s", read, _MOST_READS, text)
                await self._pause(self._pause_seconds)
        return await hook.aget_conn()

    async def _wait(self, poll: _Poll) -> dict[str, str]:
        from airflow_provider_evpl.flows.publication import Watch

        watch = Watch(WaitPlan.from_dict(self._plan), clock=_now)
        is_last = False
        while not is_last:
            is_last = await self._pause(max(self._pause_seconds, _seconds_until(watch.due)))
            try:
                if await asyncio.wait_for(poll(watch), self._seconds_left + _LAST_POLL_SECONDS):
                    return {"status": "published", "message": str(watch)}
            except TimeoutError:
                return {"status": "timed_out", "message": f"{watch}\nThe last poll was still under way."}
        return {"status": "timed_out", "message": str(watch)}

    async def _pause(self, seconds: float) -> bool:
        """Sleep, but not beyond the deadline. Return whether the deadline is reached."""
        left = self._seconds_left
        await asyncio.sleep(max(0, min(left, seconds)))
        return left <= seconds

    @property
    def _pause_seconds(self) -> float:
        return max(self._poke_interval_seconds, _SHORTEST_PAUSE_SECONDS)

    @property
    def _seconds_left(self) -> float:
        return _seconds_until(datetime.fromisoformat(self._deadline))


@asynccontextmanager
async def polling_thread(client: "Client") -> AsyncIterator[_Poll]:
    """Yield a function that runs `watch.poll` in a dedicated thread.

    All triggers share the few threads of the event loop, so a poll takes none of them. On exit the client is
    stopped and closed. That aborts a poll that is under way, and its thread ends.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="evpl-poll")

    def poll(watch: "Watch") -> Awaitable[bool]:
        # Airflow's logging depends on the context.
        run = copy_context().run
        return asyncio.get_running_loop().run_in_executor(pool, run, watch.poll, client)

    with client:
        try:
            yield poll
        finally:
            client.stop()
            pool.shutdown(wait=False)


def _now() -> datetime:
    return datetime.now(UTC)


def _seconds_until(moment: datetime) -> float:
    return (moment - _now()).total_seconds()
