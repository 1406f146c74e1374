"""What templates make of arguments: as text, as native objects, from a run's form."""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
from jinja2 import Undefined
from lazy_object_proxy import Proxy  # type: ignore[import-untyped]

from tests.support.airflow_versions import make_macros
from tests.support.api import Loopback, serving

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

WAYS = pytest.mark.parametrize("dag_id", ["evpl_any", "evpl_any_native", "evpl_any_params"])
HOUR = {"window_start": "2026-11-20T00:00:00Z", "window_end": "2026-11-20 01:00:00+00:00"}
EVERYTHING = {
    **HOUR,
    "code_ope": "0042",
    "granularity": "0300s",
    "lookback": " 3601s ",
    "slice_length": "1h",
    "allow_empty": True,
    "on_shrink": "replace",
    "max_rejected_fraction": 0.5,
    "min_coverage": 0.9,
    "evpl_conn_id": "evpl_default",
}


@pytest.mark.contract("pull.templates", "pull.granularity", "pull.booleans", "result.code_ope")
@WAYS
def test_each_argument_may_be_a_template(lab: "Lab", dag_id: str) -> None:
    """Text, booleans and numbers mean the same in each kind of template."""
    from tests.support.airflow_runs import run_dag

    outcome = run_dag(lab, dag_id, conf={"object_storage_path": f" {lab.root} ", **EVERYTHING})
    assert outcome.state == "success"
    assert outcome.result is not None
    assert outcome.result["window_start"] == "2026-11-19T22:00:00Z"
    assert outcome.result["window_end"] == "2026-11-20T01:00:00Z"
    assert outcome.result["granularity"] == "300s"
    assert [one["start"][-9:] for one in outcome.result["slices"]] == ["22:00:00Z", "23:00:00Z", "00:00:00Z"]


@pytest.mark.contract("pull.code_ope", "pull.blank-text")
@WAYS
@pytest.mark.parametrize("nothing", [None, "", "  ", "None"])
def test_blank_argument_has_its_default(lab: "Lab", dag_id: str, nothing: str | None) -> None:
    """Null, blank and `None` in the form of a run are not given: the hour of the logical date is pulled."""
    from tests.support.airflow_runs import DAY, run_dag

    conf = dict.fromkeys([*EVERYTHING, "object_storage_conn_id"], nothing)
    conf |= {"object_storage_path": lab.root, "window_length": "1h"}
    outcome = run_dag(lab, dag_id, logical_date=DAY, conf=conf)
    assert outcome.state == "success"
    assert outcome.result is not None
    assert (outcome.result["window_start"], outcome.result["code_ope"]) == ("2026-11-19T23:00:00Z", "0042")
    assert outcome.result["slice_count"] == 1


@WAYS
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lookback", 3600),
        ("lookback", "3600"),
        ("lookback", "1 day"),
        ("slice_length", "1:00"),
        ("granularity", 300),
        ("allow_empty", "yes"),
        ("max_rejected_fraction", "1 %"),
        ("window_end", "2026-11-20 01:00:00"),
        ("window_start", "2026-11-20T00:00:00.5Z"),
        ("window_start", "None"),
    ],
)
def test_wrong_argument_is_named(
    lab: "Lab", dag_id: str, name: str, value: object, logs: Callable[[], str]
) -> None:
    """A bare number, a duration in words, and a time without zone or with a fraction are errors."""
    from tests.support.airflow_runs import run_dag

    outcome = run_dag(lab, dag_id, conf={"object_storage_path": lab.root, **HOUR, name: value})
    assert outcome.state == "failed"
    assert f"AirflowFailException: {name}" in logs()
    assert lab.landed() == []


def _rendered(task: Any, value: object, *, native: bool) -> Any:  # noqa: ANN401 Airflow's own tasks
    """Render a task's fields as Airflow does; `value` is what its templates have by that name."""
    from airflow.providers.common.compat.sdk import DAG

    with DAG(
        dag_id="rendered",
        schedule=None,
        render_template_as_native_obj=native,
        template_undefined=Undefined,  # type: ignore[arg-type]  # Airflow's type is its default's
    ):
        made = task()
    made.render_template_fields({"macros": make_macros(), "value": value})
    return made


def _pull(lab: "Lab", **arguments: Any) -> Any:  # noqa: ANN401 wrong types are tried too
    return lab.operator(**({"retries": 0} | arguments))


def _look(lab: "Lab", **arguments: Any) -> Any:  # noqa: ANN401 likewise
    from airflow_provider_evpl.operators.evpl import EvplCoverageOperator

    return EvplCoverageOperator(task_id="look_over", **({"object_storage_path": lab.root} | HOUR | arguments))


def _figures(lab: "Lab", **arguments: Any) -> Any:  # noqa: ANN401 likewise
    from airflow_provider_evpl.operators.evpl import EvplFiguresOperator

    return EvplFiguresOperator(task_id="figures", **({"object_storage_path": lab.root} | arguments))


def _report(lab: "Lab", **arguments: Any) -> Any:  # noqa: ANN401 likewise
    from airflow_provider_evpl.operators.evpl import EvplReportOperator

    return EvplReportOperator(task_id="report", **({"object_storage_path": lab.root} | arguments))


def _wait(lab: "Lab", **arguments: Any) -> Any:  # noqa: ANN401 likewise
    from airflow_provider_evpl.sensors.evpl import EvplUtilizationSensor

    assert lab.root
    given: dict[str, Any] = {"task_id": "wait", "min_series": 13, "poke_interval": 0, "timeout": 0, **HOUR}
    return EvplUtilizationSensor(**(given | arguments))


@pytest.fixture(scope="module")
def nowhere() -> Iterator[Loopback]:
    """Serve an API that has no samples: one for all tests, as Airflow masks each new URL for ever."""
    from tests.support.airflow_runs import answering_nothing

    with serving(answering_nothing) as server:
        yield server


def _outcome(lab: "Lab", server: Loopback, task: Any) -> tuple[Any, Any, list[str]]:  # noqa: ANN401 Airflow's own
    """Run a task on an empty lake: how it ends, what it pushes, and what it requests."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    from tests.support.airflow_runs import Pushed

    rmtree(lab.lake, ignore_errors=True)
    extra = {"requests_per_second": 1000, "token_url": f"{server.url}/token"}
    lab.connect(host=server.url, code_ope="77", **extra)
    lab.monkeypatch.setenv("AIRFLOW_CONN_1042", os.environ["AIRFLOW_CONN_EVPL_DEFAULT"])
    lab.connect(host=server.url, **extra)
    context: Any = {"ti": Pushed(), "logical_date": datetime(2026, 11, 20, tzinfo=UTC)}
    before = len(server.seen)
    result: Any
    try:
        result = task.execute(context)
    except TaskDeferred as deferred:
        result = deferred.trigger.serialize()[1]["plan"]
    except Exception as error:  # noqa: BLE001 Airflow's own and ours
        result = type(error), re.sub(r"run duration of [\d.]+", "", str(error))
    if isinstance(result, dict):
        result = {name: result[name] for name in ("code_ope", "granularity", "window_start", "window_end")}
    requests = [one["path"] for one in server.seen[before:] if "/reports/" in one["path"]]
    return result, context["ti"].values, requests


VALUES: dict[str, Callable[[], object]] = {
    "a proxy of None": lambda: Proxy(lambda: None),
    "a name that isn't there": Undefined,
    "a proxy of a moment": lambda: Proxy(lambda: pendulum.datetime(2026, 11, 20, tz="Europe/Paris")),
    "a date": lambda: pendulum.date(2026, 11, 20),
    "digits": lambda: "1042",
    "a date's digits": lambda: "20261120",
    "a duration's text": lambda: "3600s",
    "a duration": lambda: timedelta(days=1, hours=1),
    "a boolean": lambda: True,
    "a fraction": lambda: 0.5,
}


@pytest.mark.contract("pull.native-templates")
@pytest.mark.parametrize("make", [_pull, _look, _wait, _figures, _report])
@pytest.mark.parametrize("value", VALUES)
def test_native_rendering_changes_no_result(
    lab: "Lab", nowhere: Loopback, make: Callable[..., Any], value: str
) -> None:
    """Each template field of each task has the same result and requests as with templates of text."""

    def outcomes(*, native: bool) -> dict[str, object]:
        made = {
            name: _rendered(partial(make, lab, **{name: "{{ value }}"}), VALUES[value](), native=native)
            for name in make(lab).template_fields
        }
        return {name: _outcome(lab, nowhere, task) for name, task in made.items()}

    assert outcomes(native=True) == outcomes(native=False)


@pytest.mark.contract("pull.native-templates")
@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "requested"),
    [
        ("code_ope", "1042", "codeOpe=1042"),
        ("code_ope", "0042", "codeOpe=0042"),
        ("evpl_conn_id", "1042", "codeOpe=77"),
        ("evpl_conn_id", Proxy(lambda: None), "codeOpe=0042"),
        ("window_start", "20261119", "startTime=2026-11-19T00"),
        ("window_start", "2026-11-19", "startTime=2026-11-19T00"),
        ("window_end", Proxy(lambda: pendulum.datetime(2026, 11, 21)), "endTime=2026-11-21T00"),
        ("lookback", timedelta(hours=2), "startTime=2026-11-19T22"),
        ("lookback", Proxy(lambda: None), "startTime=2026-11-20T00"),
    ],
)
def test_values_of_templates_are_read(  # noqa: PLR0913 a row of a table
    lab: "Lab", nowhere: Loopback, name: str, value: object, requested: str, *, native: bool
) -> None:
    """Digits are a code, a connection id or a date; a timedelta is itself; a proxy is its value."""
    task = _rendered(partial(_pull, lab, **{name: "{{ value }}"}), value, native=native)
    *_, requests = _outcome(lab, nowhere, task)
    assert [one for one in requests if requested in one]


@pytest.mark.parametrize(("text", "changed"), [("1_042", "1042"), ("0x10", "16"), ("00", "0")])
def test_jinja_changes_numbers_of_another_form(
    lab: "Lab", nowhere: Loopback, text: str, changed: str
) -> None:
    """Native templates read text as Python does, before any task sees it. Quotes around the text keep it."""
    for template, code in {"{{ value }}": changed, "'{{ value }}'": text}.items():
        task = _rendered(partial(_pull, lab, code_ope=template), text, native=True)
        *_, [request] = _outcome(lab, nowhere, task)
        assert f"codeOpe={code}&" in request


@pytest.mark.contract("pull.native-templates")
def test_first_run_has_no_earlier_interval(lab: "Lab") -> None:
    """In native templates too, `prev_data_interval_end_success` of a first run is not given."""
    from tests.support.airflow_runs import DAY, run_dag

    outcome = run_dag(lab, "evpl_any_first", logical_date=DAY, conf={"object_storage_path": lab.root})
    assert outcome.state == "success"
    assert outcome.result is not None
    assert outcome.result["window_start"] == "2026-11-19T23:00:00Z"


def test_timedelta_is_not_rendered(lab: "Lab") -> None:
    """A timedelta that is not a template is not rendered."""
    hour = timedelta(hours=1)
    task = _rendered(partial(lab.operator, lookback=hour), None, native=False)
    assert task.lookback is hour
