"""Waits until a window of EVPL utilisation is published."""

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
from airflow_provider_evpl.config.arguments import DEFAULT_GRANULARITY, given_fields, read_name
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.errors import EvplConfigError, EvplPermanentError, one_line
from airflow_provider_evpl.hooks.evpl import EvplHook
from airflow_provider_evpl.triggers.deferral import read_deferrable

if TYPE_CHECKING:
    from typing import NoReturn

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.config.plans import WaitPlan

__all__ = ["EvplUtilizationSensor"]

# The trigger ends the wait and says what it saw. This much later Airflow does, without a triggerer.
_GRACE = timedelta(minutes=5)
_PERMANENT = {
    name: error
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, EvplPermanentError)
}


class EvplUtilizationSensor(BaseSensorOperator):
    """Waits until a window is published up to its last step, for at least `min_series` series.

    It asks for the last step alone. What may pass (a rate limit, a service that is away) is logged
    and waited out; what won't fails the task at once. A window that lies ahead is waited for.

    All arguments are template fields; text is fine for each, `None` and blank mean "not given".
    The window is found as the operator finds it. BaseSensorOperator's `poke_interval`, `timeout`,
    `soft_fail` and `mode` keep their meaning; deferred, `poke_interval` alone sets the pace.

    Args:
        min_series: so many series must have their last sample of the window.
        evpl_conn_id: connection of type `evpl`.
        code_ope: operator code; None takes the connection's.
        granularity: step of the samples: `300s`, `1h`; months and years have no last step.
        window_start: a moment with a zone, or a date; with `window_end`.
        window_end: likewise; not part of the window.
        window_length: the last full window of this length on the UTC grid.
        settle: for so long after its end nothing is asked.
        deferrable: wait without a worker slot; None takes `[operators] default_deferrable`.
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
        try:
            super().__init__(**kwargs)
        except OverflowError as error:
            raise EvplConfigError(
                f"timeout, poke_interval or max_wait: no number of seconds ({error}); give a shorter one"
            ) from None
        self.min_series = min_series
        self.evpl_conn_id = evpl_conn_id
        self.code_ope = code_ope
        self.granularity = granularity
        self.window_start = window_start
        self.window_end = window_end
        self.window_length = window_length
        self.settle = settle
        self.deferrable = deferrable
        self._seen = "the log says"
        self._not_before = datetime.min.replace(tzinfo=UTC)  # the API may have said how long to wait

    def execute(self, context: "Context") -> None:
        """Wait for the window.

        Raises:
            AirflowFailException: waiting longer won't help; its cause is the typed error.
            AirflowSensorTimeout: the window was not published in time; it says what was seen last.
            AirflowSkipException: either of them, with `soft_fail`.
        """
        with self._saying_what_was_seen():
            super().execute(context)

    def poke(self, context: "Context") -> bool:
        """Poll once; where it is deferrable and not published yet, go on in the triggerer.

        Raises:
            AirflowFailException: looking again won't help; its cause is the typed error.
        """
        try:
            is_deferrable = read_deferrable(given_fields(self))
            if is_deferrable:
                self._deadline()  # before anything is asked
            is_published, plan = self._look(context)
        except EvplPermanentError as error:
            self._seen = str(error)
            raise AirflowFailException(str(error)) from error
        if is_deferrable and not is_published:
            self._go_on_in_the_triggerer(plan)
        return is_published

    def execute_complete(self, context: "Context", event: Mapping[str, str] | None = None) -> None:  # noqa: ARG002 Airflow gives both
        """Take what the trigger found.

        Raises:
            AirflowFailException: waiting longer won't help; its cause is the typed error.
            AirflowSensorTimeout: the window was not published in time; it says what was seen last.
            AirflowException: the event is none of the trigger's.
        """
        match event:
            case {"status": "published", "message": str(message)}:
                self.log.info("%s", message)
            case {"status": "timed_out", "message": str(message)}:
                self._seen = message
                raise AirflowSensorTimeout(f"Sensor has timed out; the timeout is {self.timeout} seconds.")
            case {"status": "failed", "error": str(name), "message": str(message)} if name in _PERMANENT:
                self._seen = message
                raise AirflowFailException(message) from _PERMANENT[name](message)
            case _:
                raise AirflowException(f"the trigger fired no event of ours: {one_line(event)}")

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: "Context"
    ) -> None:
        """Go on after the trigger, or after Airflow's own time-out."""
        with self._saying_what_was_seen():
            super().resume_execution(next_method, next_kwargs, context)

    @contextmanager
    def _saying_what_was_seen(self) -> Iterator[None]:
        try:
            yield
        except (AirflowSensorTimeout, AirflowSkipException) as error:
            raise type(error)(f"{error} Seen last: {self._seen}") from error

    def _look(self, context: "Context") -> "tuple[bool, WaitPlan]":
        from airflow_provider_evpl.config.plans import WaitPlan
        from airflow_provider_evpl.config.run_window import RunTimes
        from airflow_provider_evpl.flows.publication import Watch

        with EvplHook(self._conn_id()).get_conn(retries=False) as client:
            plan = guarded(
                lambda: WaitPlan.from_arguments(
                    given_fields(self),
                    run=RunTimes.from_context(context),
                    default_code_ope=client.settings.code_ope,
                ),
                client.settings.client_secret,
            )
            plan = replace(plan, due=max(plan.due, self._not_before))
            watch = Watch(plan, clock=lambda: datetime.now(UTC))
            is_published = watch.poll(client)
        self._seen, self._not_before = str(watch), watch.due
        return is_published, replace(plan, due=watch.due)

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """In the mode `reschedule` the next look is another process, which knows nothing of this one."""
        interval = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        if not self.reschedule:
            return interval
        wait = (self._not_before - datetime.now(UTC)).total_seconds()
        return max(interval, min(wait, self.timeout - run_duration()))

    def _go_on_in_the_triggerer(self, plan: "WaitPlan") -> "NoReturn":
        from airflow_provider_evpl.triggers.evpl import EvplUtilizationTrigger

        timeout, deadline = self._deadline()
        trigger = EvplUtilizationTrigger(
            evpl_conn_id=self._conn_id(),
            plan=plan.as_dict(),
            poke_interval_seconds=self.poke_interval,
            deadline=deadline.isoformat(),
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout + _GRACE)

    def _deadline(self) -> tuple[timedelta, datetime]:
        """How long to wait, and until when; the date that Airflow reckons with has to exist, too."""
        try:
            timeout = timedelta(seconds=self.timeout)
            airflows_own = datetime.now(UTC) + (timeout + _GRACE)
        except OverflowError:
            raise EvplConfigError(
                f"timeout: {one_line(self.timeout)} seconds from now is no date; give a shorter one"
            ) from None
        return timeout, airflows_own - _GRACE

    def _conn_id(self) -> str:
        return read_name(given_fields(self), "evpl_conn_id") or EvplHook.default_conn_name
