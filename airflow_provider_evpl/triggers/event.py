"""Tells an asset of each window that is published, for DAGs that are scheduled by it."""

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

from airflow_provider_evpl.config.arguments import DEFAULT_GRANULARITY, given_arguments, read_name
from airflow_provider_evpl.config.readers import read_number
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplConfigError,
    EvplError,
    EvplForbiddenError,
    EvplPermanentError,
    one_line,
)
from airflow_provider_evpl.hooks.evpl import EvplHook
from airflow_provider_evpl.triggers.thread import Poll, polls_with
from airflow_provider_evpl.version_compat import HAS_ASSET_STATE, HAS_ASSET_WATCHERS

if TYPE_CHECKING:
    from airflow_provider_evpl.config.plans import WaitPlan
    from airflow_provider_evpl.flows.publication import Watch
    from airflow_provider_evpl.flows.watchlist import WatchList
    from airflow_provider_evpl.window import Window

__all__ = ["EvplUtilizationEventTrigger"]

_LONGER_AFTER_A_PERMANENT_ERROR = 12  # nobody hears of it but the log, and it is asked again: not often
_MOST_FAILURES_IN_A_ROW = 3  # then the API itself is probably away, not a window


class EvplUtilizationEventTrigger(BaseEventTrigger):
    """Fires once a window is published up to its last step, for at least `min_series` series; then the next.

    For an `AssetWatcher` (Airflow 3.0). It begins with the newest window that is over, and asks for
    the last step alone. A window that isn't published doesn't hold up the next ones. After a temporary
    error the next poll requests the window again, after all other windows. Three temporary errors in a
    row end a poll. After a permanent error the trigger requests the window again much later; such an
    error stops no other window. Both are logged. From
    Airflow 3.3.2 on, with one asset a trigger, it goes on after a restart where it was: each window
    is told at least once.

    The event's payload is `code_ope, granularity, window_start, window_end` as the operator takes
    them, and `series`: how many were seen, which is enough, not all.

    Arguments are checked as the DAG's file is parsed; they are stored by Airflow, none is a secret.

    Args:
        window_length: length of each window on the UTC grid; must divide a day.
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
        from airflow_provider_evpl.config.plans import WatchPlan

        if not HAS_ASSET_WATCHERS:
            raise EvplConfigError("EvplUtilizationEventTrigger: needs the asset watchers of Airflow 3.0")
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
        self._evpl_conn_id = read_name(given, "evpl_conn_id") or EvplHook.default_conn_name
        self._pause_seconds = read_number(
            poke_interval_seconds, "poke_interval_seconds", (0, inf), above=True
        )
        # JSON has no durations, and no numbers of other classes.
        self._arguments = {
            name: value if isinstance(value, str | int | float | None) else given.get(name)
            for name, value in arguments.items()
        } | {
            name: f"{getattr(self._plan, name) // timedelta(seconds=1)}s"
            for name in ("window_length", "settle", "lookback")
            if isinstance(arguments[name], timedelta)
        }
        self._longer_pause_seconds = _LONGER_AFTER_A_PERMANENT_ERROR * self._pause_seconds
        self._not_before = _now()  # the API may say how long to wait
        self._failures_in_a_row = 0  # temporary errors in the poll that is under way
        self._store: Any = None
        self._remembered: Any = None
        self._has_resumed = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and its arguments, from which a triggerer makes it again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", self._arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Tell of windows, for ever."""
        from airflow_provider_evpl.flows.watchlist import WatchList

        windows = WatchList(self._plan, _now())
        while True:
            pause = self._pause_seconds
            try:
                await self._resume(windows)
                async with aclosing(self._look(windows)) as payloads:
                    async for payload in payloads:
                        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's
            except Exception as error:  # noqa: BLE001 a watcher that fails is started again within a second
                if isinstance(error, EvplPermanentError):
                    pause = self._longer_pause_seconds
                self._tell("no window is asked for", error, pause)
            await asyncio.sleep(max(pause, (self._not_before - _now()).total_seconds()))
            await self._remember(windows)  # Airflow has taken the events by now

    async def _look(self, windows: "WatchList") -> AsyncGenerator[dict[str, Any]]:
        """Request each window that is due, and yield the payload of each published one at once."""
        from airflow_provider_evpl.flows.publication import Watch

        windows.update(_now())
        if not (due := windows.due(_now())):
            return
        self._failures_in_a_row = 0
        client = await EvplHook(self._evpl_conn_id).aget_conn()
        async with polls_with(client) as poll:
            for window in due:
                plan = self._plan.wait_for(window, default_code_ope=client.settings.code_ope)
                watch = Watch(plan, clock=_now)
                if await self._is_published(watch, poll, window, windows):
                    windows.mark_published(window)
                    yield _payload(plan, watch)
                elif self._is_api_away(watch):
                    return

    async def _is_published(self, watch: "Watch", poll: Poll, window: "Window", windows: "WatchList") -> bool:
        """Request one window; a permanent error of a window puts it off, and stops no other window."""
        try:
            is_published = await poll(watch)
        except (EvplAuthError, EvplForbiddenError, EvplConfigError):
            raise
        except Exception as error:  # noqa: BLE001 as in `run`
            pause = self._longer_pause_seconds
            self._tell(f"window {window}", error, pause)
            windows.postpone(window, _now() + timedelta(seconds=pause))
            return False
        self._count(watch, window, windows)
        return is_published

    def _count(self, watch: "Watch", window: "Window", windows: "WatchList") -> None:
        """Count a temporary error, or start the count anew; a permanent error does neither."""
        if watch.has_failed:
            windows.mark_failed(window)
            self._failures_in_a_row += 1
            self._not_before = watch.due
        else:
            windows.mark_answered(window)
            self._failures_in_a_row = 0

    def _is_api_away(self, watch: "Watch") -> bool:
        """Return whether the poll ends here: the API named a time to wait, or failed too often in a row."""
        has_to_wait = watch.has_failed and watch.due > _now()
        return has_to_wait or self._failures_in_a_row == _MOST_FAILURES_IN_A_ROW

    def _tell(self, what: str, error: Exception, pause: float) -> None:
        is_ours = isinstance(error, EvplError)  # then its message says it all
        said = str(error) if is_ours else one_line(error)
        traceback = None if is_ours else error
        self.log.error(
            "%s: %s: %s; next look in %.0f s", what, type(error).__name__, said, pause, exc_info=traceback
        )

    async def _resume(self, windows: "WatchList") -> None:
        """Go on where a triggerer before was, as soon as Airflow can say it."""
        if self._has_resumed:
            return
        self._store = self.asset_state_store if HAS_ASSET_STATE else None
        if self._store is not None:
            try:
                self._remembered = await self._store.aget(self._key())
            except ValueError:
                self.log.warning("several assets have this trigger: after a restart it begins anew")
                self._store = None
        self._has_resumed = True
        if self._remembered is not None:
            try:
                windows.resume(self._remembered)
            except ValueError as error:
                self.log.warning("what was remembered can't be read, it begins anew: %s", one_line(error))

    async def _remember(self, windows: "WatchList") -> None:
        written = windows.as_dict()
        if not self._has_resumed or self._store is None or written == self._remembered:
            return
        try:
            await self._store.aset(self._key(), written)
        except Exception:
            self.log.warning("what was told isn't kept; tried again after the next look", exc_info=True)
        else:
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
