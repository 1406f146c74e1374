"""Waits in the triggerer until a window is published."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_evpl.errors import EvplPermanentError
from airflow_provider_evpl.hooks.evpl import EvplHook

if TYPE_CHECKING:
    from airflow_provider_evpl.api.client import Client

__all__ = ["EvplUtilizationTrigger"]


class EvplUtilizationTrigger(BaseTrigger):
    """Looks now and then whether a window is published, after the sensor's own first look.

    Requests are sent in a thread. An error that may pass is logged, and waits for the next look.
    It fires one event: `status` is `published`, `timed_out` or `failed`, `message` says what was
    seen last; a failure's `error` is the name of its class.

    Args:
        evpl_conn_id: connection of type `evpl`, read here: no secret is an argument.
        plan: of `WaitPlan.as_dict`.
        poke_interval_seconds: between two looks.
        deadline: ISO 8601; at this moment it looks for the last time.
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
            with await EvplHook(self._evpl_conn_id).aget_conn() as client:
                try:
                    event = await self._wait(client)
                finally:
                    client.stop()  # where the triggerer ends, a look may be under way
        except EvplPermanentError as error:
            event = {"status": "failed", "error": type(error).__name__, "message": str(error)}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def _wait(self, client: "Client") -> dict[str, str]:
        from airflow_provider_evpl.published import Watch
        from airflow_provider_evpl.wait_plan import WaitPlan

        plan = WaitPlan.from_dict(self._plan)
        watch = Watch(plan, clock=_now)
        is_last = False
        while not is_last:
            left = _seconds_until(datetime.fromisoformat(self._deadline))
            pause = max(self._poke_interval_seconds, _seconds_until(plan.due))
            is_last = left <= pause
            await asyncio.sleep(max(0, min(left, pause)))
            if await asyncio.to_thread(watch.look, client):
                return {"status": "published", "message": str(watch)}
        return {"status": "timed_out", "message": str(watch)}


def _now() -> datetime:
    return datetime.now(UTC)


def _seconds_until(moment: datetime) -> float:
    return (moment - _now()).total_seconds()
