import json
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.airflow_versions import load_dag, name_in_logs, try_dag
from tests.support.api import replying, serving

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

DAY = {"window_start": "2026-11-20", "window_end": "2026-11-21 00:00:00+00:00"}
MODES = [{"deferrable": "False"}, {"deferrable": "True"}]


def answering(*looks: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer each look by so many series that have the day's last sample, or by an error's status.

    The last answer is given again and again.
    """
    answers = chain(looks, repeat(looks[-1]))

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/token"):
            replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
        elif (answer := next(answers)) < 400:
            replying(json.dumps(_report(answer)).encode())(handler)
        else:
            replying(b'{"code": 50, "description": "a-token, sandbox-secret"}', status=answer)(handler)

    return reply


def _report(series: int) -> dict[str, Any]:
    sample = {"timeStamp": "2026-11-20T23:55:00Z", "value": "1"}
    entries = [
        {"objectInstanceId": str(number), "metric_name": "in", "performanceValues": [sample]}
        for number in range(series)
    ]
    return {"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": entries}


def wait(lab: "Lab", conf: dict[str, str], **attributes: object) -> Any:  # noqa: ANN401 Airflow's task instance
    """Run the sensor through Airflow, the trigger in line; return its task instance."""
    dag = load_dag(lab.airflow_home / "dags", "evpl_wait")
    (task,) = dag.tasks
    for name, value in attributes.items():
        setattr(task, name, value)
    (instance,) = try_dag(dag, DAY | conf).get_task_instances()
    return instance


@pytest.mark.contract("names.EvplUtilizationSensor")
@pytest.mark.parametrize("mode", MODES)
def test_sensor_succeeds_at_the_first_poll_of_a_published_window(
    lab: "Lab", mode: dict[str, str], logs: Callable[[], str]
) -> None:
    """There is no trigger and no result."""
    instance = wait(lab, {"min_series": "12"} | mode)
    assert instance.state == "success"
    assert instance.xcom_pull(task_ids="wait") is None
    told = logs()
    assert "12 of 12 series have their last sample" in told
    assert "running trigger" not in told


@pytest.mark.contract("names.EvplUtilizationSensor", "sensor.arguments", "sensor.last-step")
@pytest.mark.contract("sensor.outlives-errors")
@pytest.mark.parametrize("mode", MODES)
def test_sensor_waits_until_enough_series_are_published(lab: "Lab", mode: dict[str, str]) -> None:
    """It polls again after too few series and after an error. Each poll requests the last step only."""
    with serving(answering(0, 503, 11, 12)) as server:
        lab.connect(host=server.url)
        assert wait(lab, {"min_series": "12"} | mode).state == "success"
        reports = [one["path"] for one in server.seen if "/reports/" in one["path"]]
    assert len(reports) == 4
    for path in reports:
        assert "startTime=2026-11-20T23%3A55%3A00.000Z&endTime=2026-11-21T00%3A00%3A00.000Z" in path


@pytest.mark.contract("sensor.outlives-errors")
@pytest.mark.parametrize(("mode", "tokens"), [(MODES[0], 4), (MODES[1], 3)])
def test_sensor_renews_an_expired_token(lab: "Lab", mode: dict[str, str], tokens: int) -> None:
    """A request refused for its token is repeated at once with a new token."""
    with serving(answering(0, 11, 401, 12)) as server:
        lab.connect(host=server.url)
        assert wait(lab, {"min_series": "12"} | mode).state == "success"
        paths = [one["path"] for one in server.seen]
    assert len([path for path in paths if path.endswith("/token")]) == tokens


def test_rescheduled_sensor_succeeds(lab: "Lab") -> None:
    """In the mode `reschedule` each poll is a run of its own."""
    with serving(answering(11, 12)) as server:
        lab.connect(host=server.url)
        instance = wait(lab, {"min_series": "12", "deferrable": "False"}, mode="reschedule")
    assert (instance.state, instance.try_number) == ("success", 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("look", [11, 503])
@pytest.mark.parametrize("soft_fail", [False, True])
def test_sensor_times_out_with_last_poll(
    lab: "Lab",
    logs: Callable[[], str],
    mode: dict[str, str],
    look: int,
    soft_fail: bool,  # noqa: FBT001 one of the parameters
) -> None:
    """The failure, or with `soft_fail` the skip, has the last poll."""
    seen = {
        11: "11 of 12 series have their last sample",
        503: "the last poll failed: report",
    }
    with serving(answering(look)) as server:
        lab.connect(host=server.url)
        instance = wait(lab, {"min_series": "12"} | mode, timeout=0, soft_fail=soft_fail)
    assert instance.state == ("skipped" if soft_fail else "failed")
    told = logs()
    assert "Last poll: window 2026-11-20" in told
    assert seen[look] in told
    assert "attempt" not in told  # the next poll is the next attempt


@pytest.mark.contract("sensor.arguments")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "conf",
    [
        {"window_start": "2999-01-01", "window_end": "2999-01-02"},
        {"settle": "36500d"},
    ],
)
def test_sensor_sends_no_request_before_a_window_is_due(
    lab: "Lab", mode: dict[str, str], conf: dict[str, str]
) -> None:
    """For a window in the future, and during `settle`."""
    with serving(answering(12)) as server:
        lab.connect(host=server.url)
        instance = wait(lab, {"min_series": "12"} | mode | conf, timeout=0, soft_fail=True)
        assert instance.state == "skipped"
        assert server.seen == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("looks", [(403,), (0, 403)])
def test_permanent_error_fails_the_sensor_without_retries(
    lab: "Lab", logs: Callable[[], str], mode: dict[str, str], looks: tuple[int, ...]
) -> None:
    """At the first poll and at a later one."""
    with serving(answering(*looks)) as server:
        lab.connect(host=server.url)
        instance = wait(lab, {"min_series": "12"} | mode, retries=2, retry_delay=timedelta(0))
    assert (instance.state, instance.try_number) == ("failed", 1)
    told = logs()
    error = name_in_logs("airflow_provider_evpl.errors.EvplForbiddenError")
    assert f"{error}: report of 2026-11-20T23:55" in told
    assert "AirflowFailException: report of 2026-11-20T23:55" in told
