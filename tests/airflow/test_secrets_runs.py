"""Nothing gets out of Airflow's own runs: not into its database, its logs, or what a task leaves behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.airflow_leaks import BASIC, SECRET, Traces, listening, make_sandbox, tokens_of
from tests.support.airflow_versions import (
    DEBUG_LINE,
    load_dag,
    make_scheduler,
    needs,
    tell_asset_events,
    try_dag,
)

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

WINDOW = {"window_start": "2026-11-20", "window_end": "2026-11-20T01:00:00Z"}


class Run(NamedTuple):
    """A DAG, what is wrong, and how its run ends."""

    dag_id: str
    faults: tuple[str, ...]
    conf: dict[str, str]
    state: str


NO_VARIABLES = needs("3.1", "tracebacks of `dag.test()` without the values of variables")
RUNS = [
    Run("evpl_any", ("token-revoked",), {}, "success"),
    Run("evpl_any_native", ("value-comma", "entry-field-unknown"), {"max_rejected_fraction": "1"}, "success"),
    Run("evpl_any", ("value-comma",), {}, "failed"),
    pytest.param(Run("evpl_any", ("token-refused",), {}, "failed"), marks=NO_VARIABLES),
    Run("evpl_any", ("has-next-missing",), {}, "failed"),
    Run("evpl_wait", ("window-unpublished:1",), {"min_series": "12", "deferrable": "True"}, "success"),
    pytest.param(
        Run("evpl_wait", ("has-next-null",), {"min_series": "12", "deferrable": "True"}, "failed"),
        marks=NO_VARIABLES,
    ),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the API to a client whose secret is found nowhere else."""
    with make_sandbox() as server:
        yield server


@contextmanager
def looking(lab: "Lab", capfd: pytest.CaptureFixture[str], *faults: str) -> Iterator[Traces]:
    """Have faults, and look everywhere in the end."""
    lab.sandbox.set_faults(*faults)
    before, traces = tokens_of(lab.sandbox), Traces()
    with listening(traces):
        yield traces
    traces.add("output", *capfd.readouterr())
    traces.add_files(lab.lake)
    traces.add_files(lab.airflow_home)
    tokens = tokens_of(lab.sandbox) - before
    assert tokens
    assert not traces.leaks({SECRET, BASIC, *tokens})


@pytest.mark.parametrize("run", RUNS, ids=lambda run: "+".join((run.dag_id, *run.faults)))
def test_a_run_leaves_no_secret_in_airflow(lab: "Lab", capfd: pytest.CaptureFixture[str], run: Run) -> None:
    """Result, rendered fields, links, trigger, logs and the whole database have none."""
    dag = load_dag(lab.airflow_home / "dags", run.dag_id)
    (task,) = dag.tasks
    task.retries = 0
    with looking(lab, capfd, *run.faults) as traces:
        ended = try_dag(dag, {"object_storage_path": lab.root, **WINDOW, **run.conf})
        traces.add("task", task.operator_extra_links, vars(task))
    assert str(ended.state) == run.state
    database = traces.found("airflow.db")
    assert WINDOW["window_end"] in database  # the rendered fields
    has_result = f"file://{lab.lake}/samples/operator_code=" in database
    assert has_result == (run.state == "success" and run.dag_id != "evpl_wait")
    told = traces.found("output") + traces.found("log")
    assert DEBUG_LINE in told
    assert ("running trigger in line" in told) == (run.faults == ("window-unpublished:1",))


def test_no_asset_event_has_a_secret(lab: "Lab", capfd: pytest.CaptureFixture[str]) -> None:
    """Of a run that updates an asset, and of one that the asset starts, no event holds a secret."""
    with looking(lab, capfd, "token-revoked") as traces:
        scheduler = make_scheduler("evpl_interval", "evpl_after")
        with scheduler.awake():
            scheduler.schedule()
            scheduler.finish("evpl_interval", "scheduled")
            scheduler.schedule()
        (outcome,) = scheduler.finish("evpl_after", "asset_triggered")
        told = tell_asset_events("evpl_interval")
        traces.add("events", told)
    assert outcome.state == "success"
    assert told
