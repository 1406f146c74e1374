"""What templates make of arguments: as text, as native objects, from a run's form."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.versions import make_macros

if TYPE_CHECKING:
    from tests.airflow.runs import Lab

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


@WAYS
def test_everything_may_come_from_a_template(lab: "Lab", dag_id: str) -> None:
    """Text, booleans and numbers mean the same, whichever way they come."""
    from tests.airflow.runs import run_dag

    outcome = run_dag(lab, dag_id, conf={"object_storage_path": f" {lab.root} ", **EVERYTHING})
    assert outcome.state == "success"
    assert outcome.result is not None
    assert outcome.result["window_start"] == "2026-11-19T22:00:00Z"
    assert outcome.result["window_end"] == "2026-11-20T01:00:00Z"
    assert outcome.result["granularity"] == "300s"
    assert [one["start"][-9:] for one in outcome.result["slices"]] == ["22:00:00Z", "23:00:00Z", "00:00:00Z"]


@WAYS
@pytest.mark.parametrize("nothing", [None, "", "  ", "None"])
def test_what_is_left_out_has_its_default(lab: "Lab", dag_id: str, nothing: str | None) -> None:
    """Null, blank and `None` in a run's form are not given, so the logical date's hour is pulled."""
    from tests.airflow.runs import DAY, run_dag

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
        ("lookback", "1 day, 0:00:00"),
        ("slice_length", "1:00:00"),
        ("granularity", 300),
        ("allow_empty", "yes"),
        ("max_rejected_fraction", "1 %"),
        ("window_end", "2026-11-20 01:00:00"),
        ("window_start", "2026-11-20T00:00:00.5Z"),
        ("window_start", "None"),
    ],
)
def test_what_is_unclear_is_named(
    lab: "Lab", dag_id: str, name: str, value: object, logs: Callable[[], str]
) -> None:
    """A bare number, a rendered timedelta, a time without zone or with a fraction fail by their name."""
    from tests.airflow.runs import run_dag

    outcome = run_dag(lab, dag_id, conf={"object_storage_path": lab.root, **HOUR, name: value})
    assert outcome.state == "failed"
    assert f"AirflowFailException: {name}" in logs()
    assert lab.landed() == []


def _rendered(lab: "Lab", template: object, *, native: bool) -> Any:  # noqa: ANN401 what templates make of it
    """Render a task's `lookback` as Airflow does."""
    from airflow.providers.common.compat.sdk import DAG

    with DAG(dag_id="rendered", schedule=None, render_template_as_native_obj=native):
        task = lab.operator(lookback=template)
    task.render_template_fields({"macros": make_macros(), "params": {"hours": 1}})
    return task.lookback


def test_a_duration_goes_through_as_it_is(lab: "Lab") -> None:
    """A timedelta isn't rendered; one that a template makes stays one where templates are native."""
    hour = timedelta(hours=1)
    template = "{{ macros.timedelta(hours=params.hours) }}"
    assert _rendered(lab, hour, native=False) is hour
    assert _rendered(lab, template, native=True) == hour
    assert _rendered(lab, template, native=False) == "1:00:00"
    assert _rendered(lab, "{{ params.hours }}h", native=False) == "1h"
