"""The operators of figures and report: arguments, results, errors, and what they write."""

import json
from collections.abc import Callable
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl.errors import EvplConfigError, EvplNotPublishedError

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

CONTRACT = {
    "object_storage_conn_id": None,
    "code_ope": None,
    "granularity": "300s",
    "time_zone": "UTC",
    "min_coverage": 0.9,
    "warning": 70,
    "critical": 90,
    "full_scale": 100,
    "directions": None,
    "inventory": None,
}
OWN = {
    "EvplFiguresOperator": {"first_month": None, "last_month": None},
    "EvplReportOperator": {"month": None},
}
BOTH = pytest.mark.parametrize("name", OWN)
INVENTORY = "object_instance_id,committed_mbits\nEVPL-000001,100\nEVPL-000099,100\n"


def _task(lab: "Lab", name: str, **arguments: Any) -> Any:  # noqa: ANN401 wrong types are tried too
    from airflow_provider_evpl.operators import evpl

    given = {"task_id": "compute", "object_storage_path": lab.root}
    return getattr(evpl, name)(**(given | arguments))


def _execute(lab: "Lab", name: str, **arguments: Any) -> Any:  # noqa: ANN401 likewise
    return _task(lab, name, **arguments).execute({})


@pytest.fixture
def filled(lab: "Lab") -> "Lab":
    """Land two days of two months; the connection to the API is gone then."""
    lab.execute(window_start="2026-10-31", window_end="2026-11-02")
    lab.monkeypatch.delenv("AIRFLOW_CONN_EVPL_DEFAULT")
    return lab


def _written(lab: "Lab") -> list[str]:
    paths = (str(path.relative_to(lab.lake)) for path in lab.landed())
    return [path for path in paths if not path.startswith("samples/")]


@pytest.mark.contract("figures.arguments", "report.arguments")
@BOTH
def test_arguments_match_the_contract(lab: "Lab", name: str) -> None:
    """Each argument is keyword-only, a template field, and has the default of the contract."""
    task = _task(lab, name)
    expected = CONTRACT | OWN[name]
    assert set(task.template_fields) == {"object_storage_path", *expected}
    assert {one: getattr(task, one) for one in expected} == expected
    own = {**signature(type(task).__init__).parameters}
    del own["self"], own["kwargs"]
    assert own.keys() == set(task.template_fields)
    assert {one.kind for one in own.values()} == {Parameter.KEYWORD_ONLY}


@pytest.mark.contract("names.EvplFiguresOperator", "figures.reads", "figures.path", "figures.result")
def test_figures_are_written_for_each_month_without_a_connection_to_the_api(filled: "Lab") -> None:
    """The result is small JSON, and a second run computes nothing."""
    result = _execute(filled, "EvplFiguresOperator")
    assert json.loads(json.dumps(result)) == result
    folder = "figures/operator_code=op-0042/granularity=300s"
    paths = [f"{folder}/month={month}/figures.parquet" for month in ("2026-10", "2026-11")]
    assert _written(filled) == paths
    assert [one["path"] for one in result["objects"]] == [f"{filled.root}/{path}" for path in paths]
    assert result["months"] == ["2026-10", "2026-11"]
    counts = ("computed", "unchanged", "object_count")
    assert [result[one] for one in counts] == [2, 0, 2]
    again = _execute(filled, "EvplFiguresOperator")
    assert [again[one] for one in counts] == [0, 2, 2]


@pytest.mark.contract(
    "names.EvplReportOperator", "report.reads", "report.path", "report.month", "report.result"
)
@pytest.mark.parametrize(("month", "shown"), [(None, "2026-11"), ("2026-10", "2026-10")])
def test_report_is_written_for_one_month(filled: "Lab", month: str | None, shown: str) -> None:
    """Without a month it is the newest one of the lake."""
    result = _execute(filled, "EvplReportOperator", month=month)
    assert json.loads(json.dumps(result)) == result
    path = f"reports/granularity=300s/month={shown}/report.html"
    assert _written(filled) == [path]
    [page] = result["pages"]
    assert (result["month"], page["path"], page["circuits"]) == (shown, f"{filled.root}/{path}", 3)
    assert page["bytes"] == (filled.lake / path).stat().st_size


@pytest.mark.contract("figures.code_ope", "figures.directions", "figures.time_zone")
@pytest.mark.parametrize("as_text", [False, True])
def test_lists_and_mappings_may_be_text(filled: "Lab", *, as_text: bool) -> None:
    """Native templates give a list and a mapping, other templates their JSON."""
    given: dict[str, Any] = {"code_ope": ["0042"], "directions": {"utilizationIn": "out"}}
    if as_text:
        given = {name: json.dumps(value) for name, value in given.items()}
    _execute(filled, "EvplFiguresOperator", first_month="2026-11", time_zone="Europe/Paris", **given)
    [path] = _written(filled)
    rows = pq.read_table(filled.lake / path, partitioning=None).to_pylist()
    assert {row["direction"] for row in rows if row["metric_name"] == "utilizationIn"} == {"out"}
    assert {row["time_zone"] for row in rows} == {"Europe/Paris"}


@pytest.mark.contract("figures.inventory")
@BOTH
def test_inventory_is_read_from_a_url_and_its_notes_are_logged(
    filled: "Lab", name: str, logs: Callable[[], str]
) -> None:
    """A circuit that the lake doesn't have is a note in the log and in the result."""
    path = filled.lake.parent / "inventory.csv"
    path.write_text(INVENTORY)
    result = _execute(filled, name, inventory=path.as_uri())
    notes = result["notes"] if "notes" in result else result["pages"][0]["notes"]
    assert any("EVPL-000099" in note for note in notes)
    text = logs()
    assert all(f"Note: {note}" in text for note in notes)


@pytest.mark.contract("figures.error", "report.error")
@BOTH
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("object_storage_path", "ftp://x"),
        ("code_ope", "0042,,0043"),
        ("granularity", "often"),
        ("time_zone", "Europe/Nowhere"),
        ("min_coverage", "most"),
        ("warning", "95"),
        ("critical", 0),
        ("full_scale", "-1"),
        ("directions", {"utilizationIn": "up"}),
        ("inventory", "file:///no/such/inventory.csv"),
        ("inventory", "inventory.csv"),
    ],
)
def test_wrong_argument_fails_for_good_and_writes_nothing(
    filled: "Lab", name: str, argument: str, value: object
) -> None:
    """The error names the argument."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    with pytest.raises(AirflowFailException, match=argument) as caught:
        _execute(filled, name, **{argument: value})
    assert isinstance(caught.value.__cause__, EvplConfigError)
    assert _written(filled) == []


@BOTH
def test_lake_without_samples_is_a_temporary_error(lab: "Lab", name: str) -> None:
    """Airflow retries, because the first pull may be late."""
    with pytest.raises(EvplNotPublishedError):
        _execute(lab, name)


@BOTH
def test_task_can_be_copied_after_a_run(filled: "Lab", name: str) -> None:
    """Airflow copies and pickles tasks."""
    from tests.support.airflow_runs import copies

    task = _task(filled, name)
    task.execute({})
    assert [one.object_storage_path for one in copies(task)] == [filled.root] * 2


@pytest.mark.contract("lineage.names")
@BOTH
def test_lineage_of_figures_and_report_is_the_lake(filled: "Lab", name: str) -> None:
    """The samples are the input; a task that did not open the lake has no lineage."""
    task = _task(filled, name)
    assert task.get_openlineage_facets_on_complete(None) is None
    task.execute({})
    [dataset] = task.get_openlineage_facets_on_complete(None).inputs
    assert dataset.name == f"{filled.lake}/samples"
