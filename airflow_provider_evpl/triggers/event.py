"""Updates an asset for each published window, for DAGs that are scheduled by the asset."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY, WaitPlan, WatchPlan, given_arguments
from airflow_provider_evpl.config.readers import read_number
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplConfigError,
    EvplError,
    EvplForbiddenError,
    EvplPermanentError,
    one_line,
)
from airflow_provider_evpl.hooks.evpl import EvplHook, get_hook
from airflow_provider_evpl.triggers.evpl import polling_thread
from airflow_provider_evpl.version_compat import HAS_ASSET_STATE, HAS_ASSET_WATCHERS

if TYPE_CHECKING:
    from airflow_provider_evpl.flows.publication import Watch
    from airflow_provider_evpl.flows.watchlist import WatchList
    from airflow_provider_evpl.window import Window

__all__ = ["EvplUtilizationEventTrigger"]

# A permanent error is only in the log, and the trigger never fails: it requests again, but seldom.
_INTERVALS_AFTER_PERMANENT_ERROR = 12
# After three temporary errors in a row the API itself is probably down.
_MOST_FAILURES_IN_A_ROW = 3


class EvplUtilizationEventTrigger(BaseEventTrigger):
    """Fires an event for each window of which at least `min_series` series have their last sample.

    Use it in an `AssetWatcher` (Airflow 3.0 or newer). It starts with the newest window that has ended. Each
    poll requests the last step of a window only. A window that isn't published doesn't delay the next ones.

    After a temporary error the next poll requests the window again, after all other windows. Three temporary
    errors in a row end a poll. After a permanent error of a window the trigger requests the window again
    twelve intervals later, and continues with the other windows. Both errors are logged; the trigger itself
    never fails.

    On Airflow 3.3.2 and newer, a trigger with one asset continues after a restart where it stopped. Each
    window fires at least once.

    The payload of an event has `code_ope`, `granularity`, `window_start` and `window_end` as the operator
    takes them, and `series`: the number of series that the poll saw before it had enough.

    The arguments are checked when the DAG file is parsed. Airflow stores them; none is a secret.

    Args:
        window_length: length of each window on the UTC grid; must divide a day.
        min_series: how many series must have their last sample of a window.
        evpl_conn_id: connection of type `evpl`.
        code_ope: operator code. None: the connection's.
        granularity: step of the samples: `300s`, `1h`. Not longer than a window.
        settle: don't request a window until this long after its end.
        lookback: stop requesting a window this long after the first request was due, and log a warning.
        poke_interval_seconds: pause between two polls. Shorter than a window, and long enough for Airflow to
            store an event: after one interval the trigger assumes that Airflow has the event.

    Raises:
        EvplConfigError: an argument is missing or wrong, or this Airflow has no asset watchers.
    """

    def __init__(  # noqa: PLR0913 one argument a setting, by keyword only
        self,
        *,
        window_length: timedelta | str,
        min_series: int,
        evpl_conn_id: str = EvplHook.default_conn_name,
        code_ope: str | None = None,
        granularity: str = DEFAULT_GRANULARITY,
        settle: timedelta | str = "0s",
        lookback: timedelta | str = "7d",
        poke_interval_seconds: float = 300,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        if not HAS_ASSET_WATCHERS:
            raise EvplConfigError(
                "EvplUtilizationEventTrigger: needs the asset watchers of Airflow 3.0.",
                "On Airflow 2.11, use EvplUtilizationSensor.",
            )
        arguments: dict[str, Any] = {
            "window_length": window_length,
            "min_series": min_series,
            "evpl_conn_id": evpl_conn_id,
            "code_ope": code_ope,
            "granularity": granularity,
            "settle": settle,
            "lookback": lookback,
            "poke_interval_seconds": poke_interval_seconds,
        }
        given = given_arguments(arguments)
        self._plan = WatchPlan.from_arguments(given)
        self._hook = get_hook(given)
        self._pause_seconds = read_number(
            poke_interval_seconds, "poke_interval_seconds", (0, inf), above=True
        )
        # JSON has no durations, and only its own kinds of numbers.
        self._arguments = {
            name: value if isinstance(value, str | int | float | None) else given.get(name)
            for name, value in arguments.items()
        } | {
            name: f"{getattr(self._plan, name) // timedelta(seconds=1)}s"
            for name in ("window_length", "settle", "lookback")
            if isinstance(arguments[name], timedelta)
        }
        self._longer_pause_seconds = _INTERVALS_AFTER_PERMANENT_ERROR * self._pause_seconds
        self._not_before = _now()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, from which a triggerer makes the trigger."""
        return f"{type(self).__module__}.{type(self).__qualname__}", self._arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire an event for each published window, forever."""
        from airflow_provider_evpl.flows.watchlist import WatchList

        windows = WatchList(self._plan, _now())
        memory = _Memory(self.asset_state_store if HAS_ASSET_STATE else None, self._memory_key(), self.log)
        while True:
            pause = self._pause_seconds
            try:
                await memory.load(windows)
                async with aclosing(self._poll(windows)) as payloads:
                    async for payload in payloads:
                        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's
            except Exception as error:  # noqa: BLE001 Airflow restarts a trigger that fails within a second
                if isinstance(error, EvplPermanentError):
                    pause = self._longer_pause_seconds
                self._report("Poll", error, pause)
            await asyncio.sleep(max(pause, (self._not_before - _now()).total_seconds()))
            # Airflow has stored the events by now.
            await memory.save(windows)

    async def _poll(self, windows: "WatchList") -> AsyncGenerator[dict[str, Any]]:
        """Request each window that is due, and yield the payload of each published one at once.

        The poll ends early if the API asks to wait, or after three temporary errors in a row.
        """
        from airflow_provider_evpl.flows.publication import Watch

        windows.update(_now())
        if not (due := windows.due(_now())):
            return
        failures_in_a_row = 0
        client = await self._hook.aget_conn()
        async with polling_thread(client) as poll:
            for window in due:
                plan = self._plan.wait_for(window, default_code_ope=client.settings.code_ope)
                watch = Watch(plan, clock=_now)
                try:
                    is_published = await poll(watch)
                except (EvplAuthError, EvplForbiddenError, EvplConfigError):
                    raise
                except Exception as error:  # noqa: BLE001 as in `run`
                    self._put_off(window, windows, error)
                    continue
                if watch.has_failed:
                    windows.mark_failed(window)
                    failures_in_a_row += 1
                    self._not_before = watch.due
                    if watch.due > _now() or failures_in_a_row == _MOST_FAILURES_IN_A_ROW:
                        return
                    continue
                windows.mark_answered(window)
                failures_in_a_row = 0
                if is_published:
                    windows.mark_published(window)
                    yield _payload(plan, watch)

    def _put_off(self, window: "Window", windows: "WatchList", error: Exception) -> None:
        pause = self._longer_pause_seconds
        self._report(f"Window {window.label}", error, pause)
        windows.postpone(window, _now() + timedelta(seconds=pause))

    def _report(self, what: str, error: Exception, pause: float) -> None:
        """Log an error on one line. An error that isn't of this package has a traceback too."""
        is_ours = isinstance(error, EvplError)
        self.log.error(
            "%s failed, next request in %.0f s. %s: %s",
            what,
            pause,
            type(error).__name__,
            " ".join(str(error).splitlines()) if is_ours else one_line(error),
            exc_info=None if is_ours else error,
        )

    def _memory_key(self) -> str:
        """Return a key for this trigger's arguments, because an asset may have several watchers."""
        plan = self._plan
        counts = (plan.granularity.text, str(plan.window_length), plan.min_series, str(plan.settle))
        arguments = (self._hook.evpl_conn_id, plan.code_ope, *counts)
        return f"evpl-{hashlib.sha256(json.dumps(arguments).encode()).hexdigest()}"


class _Memory:
    """Keeps the open windows across restarts, in the state that Airflow stores for an asset.

    Args:
        store: Airflow's store. None before Airflow 3.3.2: then nothing is kept.
        key: the key of this trigger in the store.
        log: the trigger's.
    """

    def __init__(self, store: Any, key: str, log: Any) -> None:  # noqa: ANN401 Airflow's
        self._store = store
        self._key = key
        self._log = log
        self._saved: Any = None
        self._is_loaded = False

    async def load(self, windows: "WatchList") -> None:
        """Continue where the trigger stopped before a restart; after an error, the next poll tries again."""
        if self._is_loaded:
            return
        if self._store is not None:
            try:
                self._saved = await self._store.aget(self._key)
            except ValueError:
                self._log.warning("Several assets have this trigger: it can't continue after a restart")
                self._store = None
        self._is_loaded = True
        if self._saved is not None:
            try:
                windows.resume(self._saved)
            except ValueError as error:
                self._log.warning(
                    "Starting with the newest window, because the saved windows can't be read: %s",
                    one_line(error),
                )

    async def save(self, windows: "WatchList") -> None:
        """Store the open windows if they changed."""
        state = windows.as_dict()
        if not self._is_loaded or self._store is None or state == self._saved:
            return
        try:
            await self._store.aset(self._key, state)
        except Exception:  # noqa: BLE001 the trigger never fails
            self._log.warning("The open windows are not saved; retried after the next poll", exc_info=True)
        else:
            self._saved = state


def _payload(plan: WaitPlan, watch: "Watch") -> dict[str, Any]:
    written = plan.as_dict()
    names = ("code_ope", "granularity", "window_start", "window_end")
    return {name: written[name] for name in names} | {"series": watch.series}


def _now() -> datetime:
    return datetime.now(UTC)
