"""Tells an asset of each window that is published, for DAGs that are scheduled by it."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_evpl.errors import EvplConfigError, EvplPermanentError
from airflow_provider_evpl.features import HAS_ASSET_STATE, HAS_ASSET_WATCHERS
from airflow_provider_evpl.fields import read_argument, read_number
from airflow_provider_evpl.hooks.evpl import EvplHook

if TYPE_CHECKING:
    from airflow_provider_evpl.api.client import Client
    from airflow_provider_evpl.published import Watch
    from airflow_provider_evpl.wait_plan import WaitPlan
    from airflow_provider_evpl.watch_list import WatchList
    from airflow_provider_evpl.window import Window

__all__ = ["EvplUtilizationEventTrigger"]

_LONGER_AFTER_A_PERMANENT_ERROR = 12  # nobody hears of it but the log, and it is asked again: not often


class EvplUtilizationEventTrigger(BaseEventTrigger):
    """Fires once a window is published up to its last step, for at least `min_series` series; then the next.

    For an `AssetWatcher` (Airflow 3.0). It begins with the newest window that is over, and asks for
    the last step alone. A window that isn't published doesn't hold up the next ones. What may pass
    is logged and asked again at the next look, what won't is logged and asked again much later. From
    Airflow 3.3.2 on, with one asset a trigger, it goes on after a restart where it was: each window
    is told at least once.

    The event's payload is `code_ope, granularity, window_start, window_end` as the operator takes
    them, and `series`: how many were seen, which is enough, not all.

    Arguments are checked as the DAG's file is parsed; they are stored by Airflow, none is a secret.

    Args:
        window_length: of each window on the UTC grid, as text: divides a day.
        min_series: so many series must have their last sample of a window.
        evpl_conn_id: connection of type `evpl`.
        code_ope: operator code; None takes the connection's.
        granularity: step of the samples: `300s`, `1h`; not longer than a window.
        settle: for so long after its end a window is left alone.
        lookback: for so long after that it is asked for, then it is passed over, with a warning.
        poke_interval_seconds: between two looks; shorter than a window, and not below the seconds that
            Airflow needs to take an event: after one interval it counts as told.

    Raises:
        EvplConfigError: an argument is missing or wrong; or this Airflow has no asset watchers.
    """

    def __init__(  # noqa: PLR0913 one argument a setting, by keyword only
        self,
        *,
        window_length: str,
        min_series: int,
        evpl_conn_id: str = EvplHook.default_conn_name,
        code_ope: str | None = None,
        granularity: str = "300s",
        settle: str = "0s",
        lookback: str = "7d",
        poke_interval_seconds: float = 300,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        from airflow_provider_evpl.watch_list import WatchPlan

        if not HAS_ASSET_WATCHERS:
            raise EvplConfigError("EvplUtilizationEventTrigger: needs the asset watchers of Airflow 3.0")
        self._arguments = {
            "window_length": window_length,
            "min_series": min_series,
            "evpl_conn_id": evpl_conn_id,
            "code_ope": code_ope,
            "granularity": granularity,
            "settle": settle,
            "lookback": lookback,
            "poke_interval_seconds": poke_interval_seconds,
        }
        self._plan = WatchPlan.from_arguments(self._arguments)
        self._evpl_conn_id = read_argument(evpl_conn_id, "evpl_conn_id") or EvplHook.default_conn_name
        self._pause_seconds = read_number(
            poke_interval_seconds, "poke_interval_seconds", (0, inf), above=True
        )
        self._remembered: Any = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and its arguments, from which a triggerer makes it again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", self._arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Tell of windows, for ever."""
        windows = await self._resume()
        while True:
            pause = self._pause_seconds
            try:
                for window, payload in await self._look(windows):
                    windows.told(window)
                    yield TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's
            except EvplPermanentError as error:
                pause *= _LONGER_AFTER_A_PERMANENT_ERROR
                self.log.error("%s: %s; next look in %.0f s", type(error).__name__, error, pause)  # noqa: TRY400 its message says it all
            await asyncio.sleep(pause)
            await self._remember(windows)  # Airflow has taken the events by now

    async def _look(self, windows: "WatchList") -> "list[tuple[Window, dict[str, Any]]]":
        windows.go_on(_now())
        if not windows.windows:
            return []
        with await EvplHook(self._evpl_conn_id).aget_conn() as client:
            try:
                return await asyncio.to_thread(self._published, windows.windows, client)
            finally:
                client.stop()  # where the triggerer ends, a look may be under way

    def _published(
        self, windows: "tuple[Window, ...]", client: "Client"
    ) -> "list[tuple[Window, dict[str, Any]]]":
        from airflow_provider_evpl.published import Watch

        found = []
        for window in windows:
            plan = self._plan.wait_for(window, default_code_ope=client.settings.code_ope)
            watch = Watch(plan, clock=_now)
            if watch.look(client):
                found.append((window, _payload(plan, watch)))
            elif watch.series is None:  # the API is away
                break
        return found

    async def _resume(self) -> "WatchList":
        from airflow_provider_evpl.watch_list import WatchList

        windows = WatchList(self._plan, _now())
        self._store = self.asset_state_store if HAS_ASSET_STATE else None
        if self._store is not None:
            try:
                self._remembered = await self._store.aget(self._key())
            except ValueError:
                self.log.warning("several assets have this trigger: after a restart it begins anew")
                self._store = None
        if self._remembered:
            windows.resume(self._remembered)
        return windows

    async def _remember(self, windows: "WatchList") -> None:
        written = windows.as_dict()
        if self._store is not None and written != self._remembered:
            await self._store.aset(self._key(), written)
            self._remembered = written

    def _key(self) -> str:
        """Whose windows are meant: an asset may have several watchers."""
        plan = self._plan
        counts = (plan.granularity.text, str(plan.window_length), plan.min_series, str(plan.settle))
        whose = (self._evpl_conn_id, plan.code_ope, *counts)
        return f"evpl-{hashlib.sha256(json.dumps(whose).encode()).hexdigest()}"


def _payload(plan: "WaitPlan", watch: "Watch") -> dict[str, Any]:
    written = plan.as_dict()
    names = ("code_ope", "granularity", "window_start", "window_end")
    return {name: written[name] for name in names} | {"series": watch.series}


def _now() -> datetime:
    return datetime.now(UTC)
