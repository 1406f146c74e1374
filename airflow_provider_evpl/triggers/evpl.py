"""Waits in the triggerer until a window is published."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_evpl.errors import EvplConfigError, EvplPermanentError
from airflow_provider_evpl.hooks.evpl import EvplHook
from airflow_provider_evpl.triggers.thread import Poll, polls_with

if TYPE_CHECKING:
    from airflow_provider_evpl.api.client import Client

__all__ = ["EvplUtilizationTrigger"]

_SHORTEST_PAUSE_SECONDS = 1.0
_LAST_LOOK_SECONDS = 240.0  # after the deadline; a minute later Airflow itself ends the wait
_READS = 3  # of the connection: Airflow takes a secrets backend that is away for one that isn't there


class EvplUtilizationTrigger(BaseTrigger):
    """Looks now and then whether a window is published, after the sensor's own first look.

    Requests are sent in a thread of its own. An error that may pass is logged, and waits for the next
    look; so does a connection that can't be read, up to the third time.
    It fires one event: `status` is `published`, `timed_out` or `failed`, `message` says what was
    seen last; a failure's `error` is the name of its class.

    Args:
        evpl_conn_id: connection of type `evpl`, read here: no secret is an argument.
        plan: of `WaitPlan.as_dict`.
        poke_interval_seconds: between two looks; a second at least.
        deadline: ISO 8601; at this moment it looks for the last time, and four minutes later a look that
            is under way still is given up.
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
        """Name the class and its arguments, from which a triggerer makes it again."""
        arguments = {
            "evpl_conn_id": self._evpl_conn_id,
            "plan": self._plan,
            "poke_interval_seconds": self._poke_interval_seconds,
            "deadline": self._deadline,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then tell how it ended."""
        try:
            async with polls_with(await self._connect()) as poll:
                event = await self._wait(poll)
        except EvplPermanentError as error:
            event = {"status": "failed", "error": type(error).__name__, "message": str(error)}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def _connect(self) -> "Client":
        for read in range(1, _READS):
            try:
                return await EvplHook(self._evpl_conn_id).aget_conn()
            except EvplConfigError as error:
                self.log.warning("%s (%d of %d times)", error, read, _READS)
                await self._rest(self._pause_seconds)
        return await EvplHook(self._evpl_conn_id).aget_conn()

    async def _wait(self, poll: Poll) -> dict[str, str]:
        from airflow_provider_evpl.config.plans import WaitPlan
        from airflow_provider_evpl.flows.publication import Watch

        watch = Watch(WaitPlan.from_dict(self._plan), clock=_now)
        is_last = False
        while not is_last:
            is_last = await self._rest(max(self._pause_seconds, _seconds_until(watch.due)))
            try:
                if await asyncio.wait_for(poll(watch), self._seconds_left + _LAST_LOOK_SECONDS):
                    return {"status": "published", "message": str(watch)}
            except TimeoutError:
                return {"status": "timed_out", "message": f"{watch}; the last look was still under way"}
        return {"status": "timed_out", "message": str(watch)}

    async def _rest(self, seconds: float) -> bool:
        """Pause, up to the deadline; whether it is there."""
        left = self._seconds_left
        await asyncio.sleep(max(0, min(left, seconds)))
        return left <= seconds

    @property
    def _pause_seconds(self) -> float:
        return max(self._poke_interval_seconds, _SHORTEST_PAUSE_SECONDS)

    @property
    def _seconds_left(self) -> float:
        return _seconds_until(datetime.fromisoformat(self._deadline))


def _now() -> datetime:
    return datetime.now(UTC)


def _seconds_until(moment: datetime) -> float:
    return (moment - _now()).total_seconds()
