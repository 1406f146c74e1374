"""Waits until a window of EVPL utilization is published."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
)

from airflow_provider_evpl import errors
from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY, WaitPlan, given_fields
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.errors import EvplPermanentError, one_line
from airflow_provider_evpl.hooks.evpl import EvplHook, get_hook
from airflow_provider_evpl.triggers.deferral import read_deferrable

if TYPE_CHECKING:
    from typing import NoReturn

    from airflow.providers.common.compat.sdk import Context

__all__ = ["EvplUtilizationSensor"]

# The trigger ends the wait and reports the last poll. Without a triggerer, Airflow ends it this much later.
_GRACE = timedelta(minutes=5)
_PERMANENT = {
    name: error
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, EvplPermanentError)
}


class EvplUtilizationSensor(BaseSensorOperator):
    """Waits until at least `min_series` series have their last sample of a window.

    Each poll requests the last step of the window only. A temporary error (a rate limit, an unavailable
    service) is logged, and the sensor polls again. A permanent error fails the task at once. The sensor also
    waits for a window that ends in the future.

    The window is found as in the pull operator. All arguments are template fields. Each may be text; `None`
    and blank text mean "not given".

    `poke_interval`, `timeout`, `soft_fail` and `mode` work as in each sensor of Airflow. A deferred sensor
    polls once per `poke_interval`.

    Args:
        min_series: how many series must have their last sample of the window.
        evpl_conn_id: connection of type `evpl`.
        code_ope: operator code. None: the connection's.
        granularity: step of the samples: `300s`, `1h`. Months and years have no last step.
        window_start: start of the window: a moment with a zone, or a date. Needs `window_end`.
        window_end: end of the window, not included.
        window_length: wait for the last full window of this length on the UTC grid.
        settle: send no request until this long after the end of the window.
        deferrable: wait without a worker slot. None: Airflow's `[operators] default_deferrable`.
    """

    template_fields: Sequence[str] = (
        "min_series",
        "evpl_conn_id",
        "code_ope",
        "granularity",
        "window_start",
        "window_end",
        "window_length",
        "settle",
        "deferrable",
    )

    def __init__(  # noqa: PLR0913 one argument a setting, by keyword only
        self,
        *,
        min_series: int | str,
        evpl_conn_id: str = EvplHook.default_conn_name,
        code_ope: str | None = None,
        granularity: str = DEFAULT_GRANULARITY,
        window_start: datetime | str | None = None,
        window_end: datetime | str | None = None,
        window_length: timedelta | str | None = None,
        settle: timedelta | str = timedelta(),
        deferrable: bool | str | None = None,
        **kwargs: Any,  # noqa: ANN401 BaseSensorOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.min_series = min_series
        self.evpl_conn_id = evpl_conn_id
        self.code_ope = code_ope
        self.granularity = granularity
        self.window_start = window_start
        self.window_end = window_end
        self.window_length = window_length
        self.settle = settle
        self.deferrable = deferrable
        self._last_poll = "see the log of earlier polls"
        self._not_before = datetime.min.replace(tzinfo=UTC)

    def execute(self, context: "Context") -> None:
        """Wait for the window.

        Raises:
            AirflowFailException: waiting longer won't help. Its cause is the typed error.
            AirflowSensorTimeout: the window was not published in time. The message has the last poll.
            AirflowSkipException: instead of both, with `soft_fail`.
        """
        with self._reporting_last_poll():
            super().execute(context)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: "Context"
    ) -> None:
        """Continue after the trigger, or after Airflow's own timeout."""
        with self._reporting_last_poll():
            super().resume_execution(next_method, next_kwargs, context)

    def poke(self, context: "Context") -> bool:
        """Poll once. If the window is not published and the sensor is deferrable, defer.

        Raises:
            AirflowFailException: polling again won't help. Its cause is the typed error.
            TaskDeferred: the trigger continues to poll.
        """
        try:
            is_deferrable = read_deferrable(given_fields(self))
            is_published, plan = self._poll(context)
        except EvplPermanentError as error:
            self._last_poll = str(error)
            raise AirflowFailException(error.what) from error
        if is_deferrable and not is_published:
            self._defer(plan)
        return is_published

    def execute_complete(self, context: "Context", event: Mapping[str, str] | None = None) -> None:  # noqa: ARG002 Airflow gives both
        """End the task as the trigger's event says.

        Raises:
            AirflowFailException: waiting longer won't help. Its cause is the typed error.
            AirflowSensorTimeout: the window was not published in time. The message has the last poll.
            AirflowException: the event is not one of this provider's trigger.
        """
        match event:
            case {"status": "published", "message": str(message)}:
                self.log.info("%s", " ".join(message.splitlines()))
            case {"status": "timed_out", "message": str(message)}:
                self._last_poll = message
                raise AirflowSensorTimeout(f"Sensor has timed out; the timeout is {self.timeout} seconds.")
            case {"status": "failed", "error": str(name), "message": str(message)} if name in _PERMANENT:
                self._last_poll = message
                error = _PERMANENT[name](*message.split("\n", 2))
                raise AirflowFailException(error.what) from error
            case _:
                raise AirflowException(
                    f"The event is not one of this provider's trigger.\nEvent: {one_line(event)}"
                )

    @contextmanager
    def _reporting_last_poll(self) -> Iterator[None]:
        try:
            yield
        except (AirflowSensorTimeout, AirflowSkipException) as error:
            raise type(error)(f"{error}\nLast poll: {self._last_poll}") from error.__cause__

    def _poll(self, context: "Context") -> tuple[bool, WaitPlan]:
        """Return whether the window is published, and the plan for the next poll."""
        from airflow_provider_evpl.flows.publication import Watch

        given = given_fields(self)
        with get_hook(given).get_conn(retries=False) as client:
            plan = guarded(
                lambda: WaitPlan.from_arguments(
                    given,
                    run=RunTimes.from_context(context),
                    default_code_ope=client.settings.code_ope,
                ),
                client.settings.client_secret,
            )
            plan = replace(plan, due=max(plan.due, self._not_before))
            watch = Watch(plan, clock=lambda: datetime.now(UTC))
            is_published = watch.poll(client)
        self._last_poll, self._not_before = str(watch), watch.due
        return is_published, replace(plan, due=watch.due)

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """In the mode `reschedule`, include a wait that the API asked for: the next poll is a new process."""
        interval = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        if not self.reschedule:
            return interval
        wait = (self._not_before - datetime.now(UTC)).total_seconds()
        return max(interval, min(wait, self.timeout - run_duration()))

    def _defer(self, plan: WaitPlan) -> "NoReturn":
        from airflow_provider_evpl.triggers.evpl import EvplUtilizationTrigger

        timeout = timedelta(seconds=self.timeout)
        trigger = EvplUtilizationTrigger(
            evpl_conn_id=get_hook(given_fields(self)).evpl_conn_id,
            plan=plan.as_dict(),
            poke_interval_seconds=self.poke_interval,
            deadline=(datetime.now(UTC) + timeout).isoformat(),
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout + _GRACE)
