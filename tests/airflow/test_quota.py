"""A quota that is used up, as the task meets it: who waits, how long, and what it costs."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_evpl.errors import (
    EvplForbiddenError,
    EvplNotPublishedError,
    EvplRateLimitError,
    EvplUnavailableError,
)
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.airflow_versions import is_since, load_dag, needs, try_dag
from tests.support.api import replying, serving

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

WINDOW = {"window_start": "2026-11-20", "window_end": "2026-11-20T02:00:00Z", "slice_length": "1h"}
SAMPLE = {"timeStamp": "2026-11-20T00:00:00Z", "value": "1"}
ENTRY = {"objectInstanceId": "1", "metric_name": "in", "performanceValues": [SAMPLE]}
REPORT = {"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": [ENTRY]}
needs_a_policy = needs("3.3", "retry policies")


def limited(server: SandboxServer, lab: "Lab") -> None:
    """Connect to a server that limits requests; a wait of more than a second ends the pull."""
    lab.connect(host=server.base_url, max_retry_seconds=1)


@pytest.fixture
def _defers_soon(lab: "Lab") -> None:
    """The sandbox says 30 seconds, and a trigger in line really waits."""
    from airflow_provider_evpl.triggers import deferral

    lab.monkeypatch.setattr(deferral, "_SHORTEST_WAIT", timedelta(0))


def answering(*waits: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Refuse so many reports, each with a `Retry-After`; then answer."""
    left = iter(waits)

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/token"):
            replying(b'{"access_token": "a-token", "token_type": "Bearer"}')(handler)
        elif (wait := next(left, None)) is not None:
            replying(b'{"code": 53}', status=429, Retry_After=str(wait))(handler)
        else:
            replying(json.dumps(REPORT).encode())(handler)

    return reply


@pytest.mark.contract("pull.deferrable")
@pytest.mark.usefixtures("_defers_soon")
@pytest.mark.parametrize(("retry_delay", "waits"), [(0, 30), (300, 300)])
def test_long_wait_defers_the_pull(lab: "Lab", retry_delay: int, waits: int) -> None:
    """The pull is deferred for that time, `retry_delay` at least; then the whole window lands once."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    from tests.support.airflow_runs import DAY, read_rows, truth

    context: Any = {}
    config = SandboxConfig(circuits=3, page_size=5, faults=("rate-limit-429-seconds@5:1",))
    with SandboxServer(config) as server:
        limited(server, lab)
        task = lab.operator(deferrable="True", retry_delay=timedelta(seconds=retry_delay), **WINDOW)
        before = datetime.now(UTC)
        with pytest.raises(TaskDeferred) as deferred:
            task.execute(context)
        assert len(lab.landed()) == 1  # three requests' worth, to be asked for again
        _, arguments = deferred.value.trigger.serialize()
        assert 0 <= (arguments["moment"] - before).total_seconds() - waits < 10
        result = task.resume_execution(deferred.value.method_name, {"event": arguments["moment"]}, context)
    rows = {key: value for path in lab.landed() for key, value in read_rows(path.read_bytes()).items()}
    assert rows == truth(lab.sandbox, DAY, DAY + timedelta(hours=2))
    assert [one["replaced"] for one in result["slices"]] == [0, 1]
    assert (result["requests"], result["retries"]) == (6, 0)


@pytest.mark.contract("pull.deferrable")
@pytest.mark.parametrize(
    ("fault", "arguments", "hours"),
    [
        ("rate-limit-429-seconds", {}, 0),
        ("rate-limit-429-seconds", {"deferrable": "false"}, 0),
        ("rate-limit-429", {"deferrable": True}, 0),
        ("rate-limit-429-huge", {"deferrable": True}, 0),
        ("rate-limit-429-seconds", {"deferrable": True, "retry_delay": timedelta(0)}, 24),
    ],
)
@pytest.mark.usefixtures("_defers_soon")
def test_pull_that_cannot_defer_raises_the_rate_limit(
    lab: "Lab", fault: str, arguments: dict[str, Any], hours: int
) -> None:
    """Not deferrable, no time given, or a try of more than a day."""
    started = datetime.now(UTC) - timedelta(hours=hours)
    context: Any = {"ti": SimpleNamespace(start_date=started, xcom_push=lambda **_: None)}
    with SandboxServer(SandboxConfig(circuits=3, page_size=5, faults=(fault,))) as server:
        limited(server, lab)
        with pytest.raises(EvplRateLimitError):
            lab.execute(context, **arguments)
    assert lab.landed() == []


@pytest.mark.contract("pull.deferrable")
@pytest.mark.usefixtures("_defers_soon")
def test_default_deferrable_applies_to_the_pull(lab: "Lab") -> None:
    """If the argument is missing."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    lab.monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    with SandboxServer(SandboxConfig(faults=("rate-limit-403-seconds",))) as server:
        limited(server, lab)
        with pytest.raises(TaskDeferred):
            lab.execute()


@pytest.mark.contract("pull.deferrable")
@pytest.mark.parametrize(
    ("seconds", "exceeds", "defers"), [(60, True, True), (59, True, False), (300, False, False)]
)
def test_short_or_allowed_wait_does_not_defer(
    lab: "Lab", seconds: float, *, exceeds: bool, defers: bool
) -> None:
    """A wait below a minute, or within `max_retry_seconds`, uses a retry."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    from airflow_provider_evpl.triggers.deferral import defer_if_asked

    error = EvplUnavailableError("away", retry_after_seconds=seconds, wait_exceeds_limit=exceeds)
    context: Any = {}
    with pytest.raises(TaskDeferred) if defers else nullcontext():
        defer_if_asked(lab.operator(), error, context, method_name="execute")


@pytest.mark.contract("pull.deferrable")
@pytest.mark.usefixtures("_defers_soon")
def test_deferred_pull_succeeds_at_its_first_try(lab: "Lab", logs: Callable[[], str]) -> None:
    """Through Airflow, trigger in line: two waits, no retry, and the usual result."""
    dag = load_dag(lab.airflow_home / "dags", "evpl_quota")
    conf = {"object_storage_path": lab.root, "deferrable": "True", **WINDOW}
    with serving(answering(1, 1)) as server:
        lab.connect(host=server.url, max_retry_seconds=0)
        (instance,) = try_dag(dag, conf).get_task_instances()
    assert (instance.state, instance.try_number) == ("success", 1)
    assert instance.xcom_pull(task_ids="pull")["slice_count"] == 2
    assert "Deferred until 20" in logs()


@pytest.mark.contract("errors.retry-after")
@needs_a_policy
def test_retry_waits_as_long_as_the_api_asks(lab: "Lab") -> None:
    """Through Airflow: the retry has the delay and the reason."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from tests.support.airflow_scheduler import Scheduler

    scheduler = Scheduler("evpl_quota")
    lab.monkeypatch.setenv("EVPL_LAKE_ROOT", lab.root)
    with serving(answering(7200)) as server, scheduler.awake():
        lab.connect(host=server.url)
        scheduler.trigger("evpl_quota", conf={"object_storage_path": lab.root, **WINDOW})
        scheduler.finish("evpl_quota", "manual")
    with create_session() as session:
        query = select(TaskInstance).where(TaskInstance.dag_id == "evpl_quota")
        instance = session.scalars(query).one()
        assert instance.state == "up_for_retry"
        assert instance.retry_delay_override == 7200
        assert instance.retry_reason == "asked to wait 7200 s; the next try is in 2:00:00"
        assert instance.end_date is not None
        due = instance.next_retry_datetime()  # type: ignore[no-untyped-call] # Airflow's
        assert due == instance.end_date + timedelta(hours=2)


@pytest.mark.contract("names.EvplRetryPolicy", "errors.retry-after")
@needs_a_policy
def test_retry_policy_decides_by_the_error() -> None:
    """A wait longer than `retry_delay` counts, a day at most; permanent errors fail."""
    from airflow.sdk import RetryDecision

    from airflow_provider_evpl.operators.retry_policy import EvplRetryPolicy

    context: Any = {"task": SimpleNamespace(retry_delay=timedelta(minutes=5))}

    def decide(error: Exception, context: Any = context) -> RetryDecision:  # noqa: ANN401 a part of one
        return EvplRetryPolicy().evaluate(error, 1, 3, context)

    def told(seconds: float) -> EvplUnavailableError:
        return EvplUnavailableError("away", retry_after_seconds=seconds)

    assert decide(told(301)).retry_delay == timedelta(seconds=301)
    assert decide(told(1e9)).retry_delay == timedelta(days=1)
    assert decide(told(20), None).retry_delay == timedelta(seconds=20)
    for own in (told(300), EvplRateLimitError("no time"), EvplNotPublishedError("yet"), ValueError("theirs")):
        assert decide(own) == RetryDecision.default()
    assert decide(EvplForbiddenError("no")).action.value == "fail"


@pytest.mark.contract("errors.retry-after")
@needs_a_policy
def test_operator_has_the_retry_policy_by_default(lab: "Lab") -> None:
    """An argument and `default_args` win over the default."""
    from airflow.sdk import ExceptionRetryPolicy

    from airflow_provider_evpl.operators.retry_policy import EvplRetryPolicy

    other, another = ExceptionRetryPolicy([]), ExceptionRetryPolicy([])
    given = {"retry_policy": other}
    assert isinstance(lab.operator().retry_policy, EvplRetryPolicy)
    assert lab.operator(default_args=given).retry_policy is other
    assert lab.operator(default_args=given, retry_policy=another).retry_policy is another


@pytest.mark.contract("names.EvplRetryPolicy")
@pytest.mark.skipif(is_since("3.3"), reason="Airflow has retry policies since 3.3")
def test_retry_policy_before_airflow_3_3_names_deferrable() -> None:
    """Its import is an error that names the version and the alternative."""
    with pytest.raises(ImportError, match=r"(?s)needs Airflow 3\.3\..*deferrable=True"):
        from airflow_provider_evpl.operators import retry_policy  # noqa: F401 its import is the test
