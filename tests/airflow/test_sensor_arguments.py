import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_evpl.errors import EvplAuthError, EvplConfigError
from tests.support.airflow_watchers import join_looks
from tests.support.api import Loopback, replying, serving

if TYPE_CHECKING:
    from airflow_provider_evpl.sensors.evpl import EvplUtilizationSensor
    from airflow_provider_evpl.triggers.evpl import EvplUtilizationTrigger
    from tests.support.airflow_runs import Lab

CONTRACT = {
    "evpl_conn_id": "evpl_default",
    "code_ope": None,
    "granularity": "300s",
    "window_start": None,
    "window_end": None,
    "window_length": None,
    "settle": timedelta(),
    "deferrable": None,
}


def sensor(**arguments: Any) -> "EvplUtilizationSensor":  # noqa: ANN401 wrong types are tried too
    """Make a task outside of any DAG: a day of the sandbox, whose 12 series are not enough."""
    from airflow_provider_evpl.sensors.evpl import EvplUtilizationSensor

    given: dict[str, Any] = {
        "window_start": "2026-11-20",
        "window_end": "2026-11-21",
        "min_series": 13,
        "poke_interval": 0.001,
    }
    return EvplUtilizationSensor(task_id="wait", **(given | arguments))


def trigger_of(task: "EvplUtilizationSensor", **context: Any) -> "EvplUtilizationTrigger":  # noqa: ANN401 as little of a context as a test needs
    """Take the trigger to which a task defers, made again of its JSON as in a triggerer."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    from airflow_provider_evpl.triggers.evpl import EvplUtilizationTrigger

    given: Any = context
    with pytest.raises(TaskDeferred) as caught:
        task.execute(given)
    path, arguments = caught.value.trigger.serialize()
    assert path == f"{EvplUtilizationTrigger.__module__}.{EvplUtilizationTrigger.__name__}"
    again = EvplUtilizationTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    return again


def event_of(trigger: "EvplUtilizationTrigger") -> Any:  # noqa: ANN401 Airflow's payload
    """Run a trigger to its event."""

    async def run() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (event,) = asyncio.run(run())
    return event


@pytest.mark.contract("sensor.arguments")
def test_sensor_arguments_match_the_contract() -> None:
    """Every argument of the contract is a template field and has its default; there is no other."""
    task = sensor(window_start=None, window_end=None)
    assert set(task.template_fields) == {"min_series", *CONTRACT}
    assert {name: getattr(task, name) for name in CONTRACT} == CONTRACT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_series", 0),
        ("min_series", "None"),
        ("evpl_conn_id", "nobody"),
        ("evpl_conn_id", 5),
        ("code_ope", ["0042"]),
        ("granularity", "5m"),
        ("window_start", "2026-11-20T00:00:00"),
        ("window_end", None),
        ("window_length", "7h"),
        ("settle", 300),
        ("deferrable", "perhaps"),
    ],
)
def test_wrong_sensor_argument_fails_for_good_and_is_named(lab: "Lab", name: str, value: object) -> None:
    """A wrong argument fails the task by its name, deferrable or not. No request is sent."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    before = lab.sandbox.tokens_issued
    context: Any = {}
    for arguments in ({"deferrable": True}, {"deferrable": False}):
        with pytest.raises(AirflowFailException) as caught:
            sensor(**(arguments | {name: value})).execute(context)
        assert isinstance(caught.value.__cause__, EvplConfigError)
        assert name in str(caught.value.__cause__)
    assert lab.sandbox.tokens_issued == before


@pytest.mark.contract("sensor.arguments")
@pytest.mark.parametrize(
    ("default", "given", "defers"),
    [
        ("True", None, True),
        ("True", "None", True),
        ("True", "False", False),
        ("False", None, False),
        ("False", "true", True),
    ],
)
def test_default_deferrable_applies_if_the_argument_is_missing(
    lab: "Lab", default: str, given: str | None, *, defers: bool
) -> None:
    """The argument wins over `[operators] default_deferrable`."""
    from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred

    lab.monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", default)
    context: Any = {}
    with pytest.raises(TaskDeferred if defers else AirflowSensorTimeout):
        sensor(deferrable=given, timeout=0).execute(context)


def test_trigger_gets_the_window_of_the_run(lab: "Lab") -> None:
    """The window of the run goes to the trigger."""
    from tests.support.airflow_runs import DAY

    assert lab.sandbox.base_url
    task = sensor(window_start=None, window_end=None, window_length="1h", deferrable=True, timeout=0)
    event = event_of(trigger_of(task, partition_date=DAY))
    assert event["status"] == "timed_out"
    assert "window 2026-11-20T00:00/01:00Z: 12 of 13 series" in event["message"]


@pytest.mark.contract("sensor.outlives-errors")
def test_trigger_made_from_json_continues_and_its_failure_ends_the_task(lab: "Lab") -> None:
    """The typed error of the trigger is the cause of the task's failure."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    context: Any = {}
    task = sensor(deferrable=True)
    trigger = trigger_of(task)
    lab.connect(password="a-wrong-secret")
    event = event_of(trigger)
    assert event["status"] == "failed"
    assert "a-wrong-secret" not in str(event)
    with pytest.raises(AirflowFailException) as caught:
        task.execute_complete(context, event)
    cause = caught.value.__cause__
    assert isinstance(cause, EvplAuthError)
    assert (str(cause), str(caught.value)) == (event["message"], cause.what)


def test_sensor_and_trigger_can_be_copied_after_they_ran(lab: "Lab") -> None:
    """Both can be copied and pickled."""
    from tests.support.airflow_runs import copies

    assert lab.sandbox.base_url
    task = sensor(deferrable=True, timeout=0)
    trigger = trigger_of(task)
    event = event_of(trigger)
    for one in copies(trigger):
        assert event_of(one) == event
    for again in copies(task):
        assert trigger_of(again).serialize()[1]["plan"] == trigger.serialize()[1]["plan"]


@pytest.mark.contract("sensor.retry-after")
def test_sensor_waits_as_long_as_the_api_asks(lab: "Lab") -> None:
    """Trigger, waiting sensor and rescheduled sensor send no request before that time."""
    with serving(_limiting) as server:
        lab.connect(host=server.url)
        trigger = trigger_of(sensor(deferrable=True, timeout=2))
        plan = trigger.serialize()[1]["plan"]
        assert _hours_left(datetime.fromisoformat(plan["due"])) == 1
        trigger = _changed(trigger, plan=plan | {"due": "2026-11-21T00:00:00Z"})  # it knows of no limit
        assert "asks to wait 3600 s" in event_of(trigger)["message"]
        assert _reports(server) == 2

        context: Any = {}
        task = sensor(deferrable=False)
        assert [task.poke(context), task.poke(context)] == [False, False]
        assert _reports(server) == 3

        task = sensor(deferrable=False, mode="reschedule")
        assert not task.poke(context)
        seconds = task._get_next_poke_interval(datetime.now(UTC), lambda: 0.0, 1)  # noqa: SLF001 Airflow asks it
        assert round(seconds / 3600) == 1


@pytest.mark.parametrize(("timeout", "waits"), [(600, 540), (60, 1)])
def test_rescheduled_sensor_polls_before_its_timeout(lab: "Lab", timeout: float, waits: float) -> None:
    """The API asks to wait for an hour: the sensor waits for the rest of its timeout only."""
    context: Any = {}
    task = sensor(deferrable=False, mode="reschedule", timeout=timeout, poke_interval=1)
    with serving(_limiting) as server:
        lab.connect(host=server.url)
        assert not task.poke(context)
    seconds = task._get_next_poke_interval(datetime.now(UTC), lambda: 60.0, 1)  # noqa: SLF001 Airflow asks it
    assert seconds == waits


def _changed(trigger: "EvplUtilizationTrigger", **arguments: Any) -> "EvplUtilizationTrigger":  # noqa: ANN401 its own
    return type(trigger)(**(trigger.serialize()[1] | arguments))


def _limiting(handler: Any) -> None:  # noqa: ANN401 http.server's
    if handler.path.endswith("/token"):
        replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
    else:
        replying(b'{"code": 53}', status=429, Retry_After="3600")(handler)


def _reports(server: Loopback) -> int:
    return len([one for one in server.seen if "/reports/" in one["path"]])


def _hours_left(moment: datetime) -> int:
    return round((moment - datetime.now(UTC)) / timedelta(hours=1))


@pytest.mark.contract("sensor.triggerer")
def test_poll_that_hangs_is_aborted_after_the_deadline(lab: "Lab") -> None:
    """Four minutes after the deadline the poll is aborted: a timeout with the last poll."""
    over = threading.Event()

    def reply(handler: Any) -> None:  # noqa: ANN401 http.server's
        if "/reports/" in handler.path:
            over.wait()
        _limiting(handler)

    deadline = datetime.now(UTC) - timedelta(seconds=239)
    trigger = _changed(trigger_of(sensor(deferrable=True)), deadline=deadline.isoformat())
    with serving(reply) as server:
        lab.connect(host=server.url, timeout_seconds=100_000)
        try:
            event = event_of(trigger)
            join_looks()
        finally:
            over.set()
    assert event["status"] == "timed_out"
    assert event["message"].endswith("\nThe last poll was still under way.")


@pytest.mark.contract("sensor.triggerer")
def test_trigger_polls_at_most_once_a_second(lab: "Lab") -> None:
    """A `poke_interval` of 0 would block the triggerer."""
    from tests.support.airflow_runs import answering_nothing

    with serving(answering_nothing) as server:
        lab.connect(host=server.url)
        event = event_of(trigger_of(sensor(deferrable=True, poke_interval=0, timeout=1.5)))
        assert _reports(server) == 3  # the sensor's, after a second, and at the deadline
    assert event["status"] == "timed_out"


@pytest.mark.contract("sensor.triggerer")
def test_trigger_reads_a_missing_connection_three_times(lab: "Lab") -> None:
    """Airflow reports a secrets backend that is down as a missing connection."""
    from airflow.providers.common.compat.connection import get_async_connection
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    failures = [AirflowNotFoundException("none")] * 2

    async def broken(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 Airflow's
        if failures:
            raise failures.pop()
        return await get_async_connection(*args, **kwargs)

    trigger = trigger_of(sensor(deferrable=True, timeout=3))
    lab.monkeypatch.setattr("airflow_provider_evpl.hooks.evpl.get_async_connection", broken)
    assert event_of(trigger)["status"] == "timed_out"


@pytest.mark.contract("sensor.triggerer")
def test_trigger_fails_after_three_reads_of_a_missing_connection(lab: "Lab") -> None:
    """The event names the connection."""
    trigger = trigger_of(sensor(deferrable=True))
    lab.monkeypatch.delenv("AIRFLOW_CONN_EVPL_DEFAULT")
    event = event_of(trigger)
    assert (event["status"], event["error"]) == ("failed", "EvplConfigError")
    assert "evpl_conn_id" in event["message"]


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"status": "published"},
        {"status": "odd", "message": ""},
        {"status": "failed", "error": "ValueError", "message": ""},
        {"status": "failed", "error": "EvplStoreError", "message": ""},
        {"status": "timed_out", "message": None},
    ],
)
def test_unknown_event_is_an_error(event: Any) -> None:  # noqa: ANN401 that is the point
    """Only the trigger's own event ends the wait well."""
    from airflow.providers.common.compat.sdk import AirflowException

    context: Any = {}
    with pytest.raises(AirflowException, match="not one of this provider's trigger"):
        sensor().execute_complete(context, event)
