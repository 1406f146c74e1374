"""A lake that heals itself: the operator that looks over it, and the example that pulls what it finds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import pendulum
import pytest

from airflow_provider_evpl.errors import EvplConfigError, EvplIncompleteError
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.window import Window
from tests.support.airflow_versions import load_dag, try_dag
from tests.support.documents import BLOCKS
from tests.support.lake import Answer, circuit, collect, land, microseconds
from tests.support.network import Request, proxied

if TYPE_CHECKING:
    from airflow_provider_evpl.operators.evpl import EvplCoverageOperator
    from tests.support.airflow_runs import Lab

CONTRACT = {
    "object_storage_conn_id": None,
    "evpl_conn_id": "evpl_default",
    "code_ope": None,
    "granularity": "300s",
    "window_start": None,
    "window_end": None,
    "window_length": None,
    "lookback": timedelta(),
    "min_coverage": 0.99,
    "give_up_after": "7d",
    "fail_on_gaps": False,
}


def _task(lab: "Lab", **arguments: Any) -> "EvplCoverageOperator":  # noqa: ANN401 wrong types are tried too
    from airflow_provider_evpl.operators.evpl import EvplCoverageOperator

    given: dict[str, Any] = {
        "object_storage_path": lab.root,
        "window_start": "2026-11-18",
        "window_end": "2026-11-21",
    }
    return EvplCoverageOperator(task_id="look_over", **(given | arguments))


def _look(lab: "Lab", **arguments: Any) -> tuple[list[dict[str, str]], dict[str, Any]]:  # noqa: ANN401 likewise
    from tests.support.airflow_runs import Pushed

    context: Any = {"ti": Pushed()}
    found = _task(lab, **arguments).execute(context)
    return found, context["ti"].values["coverage"]


def _path(lab: "Lab", window: Window) -> Any:  # noqa: ANN401 a path
    return lab.lake / Dataset("0042", "300s").samples_path(window)


@pytest.mark.contract("coverage.arguments")
def test_coverage_arguments_match_the_contract(lab: "Lab") -> None:
    """Each argument is keyword-only, a template field, and has the default of the contract."""
    from airflow_provider_evpl.operators.evpl import EvplCoverageOperator

    task = EvplCoverageOperator(task_id="look_over", object_storage_path=lab.root)
    assert set(task.template_fields) == {"object_storage_path", *CONTRACT}
    assert {name: getattr(task, name) for name in CONTRACT} == CONTRACT
    own = {**signature(type(task).__init__).parameters}
    del own["self"], own["kwargs"]
    assert own.keys() == set(task.template_fields)
    assert {one.kind for one in own.values()} == {Parameter.KEYWORD_ONLY}


@pytest.mark.contract("coverage.xcom")
def test_coverage_returns_the_missing_window_and_pushes_counts(lab: "Lab") -> None:
    """One of three days is missing: its window is the result, the counts are an XCom."""
    lab.execute(window_start="2026-11-18", window_end="2026-11-19", slice_length="1d")
    lab.execute(window_start="2026-11-20", window_end="2026-11-21", slice_length="1d")
    found, report = _look(lab)
    assert found == [{"window_start": "2026-11-19T00:00:00Z", "window_end": "2026-11-20T00:00:00Z"}]
    assert (report["objects"], report["missing"], report["absent"]) == (2, 1, 0)
    assert report["expected"] == report["values"] == report["rows"] == 2 * 12 * 288


@pytest.mark.contract("coverage.reads")
def test_coverage_sends_no_request(lab: "Lab") -> None:
    """The operator works without a server. The connection only says whose objects are meant."""
    lab.connect(host="http://127.0.0.1:9")
    found, report = _look(lab)
    assert [one["window_start"][:10] for one in found] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert report["missing"] == 3


@pytest.mark.contract("coverage.min_coverage")
@pytest.mark.parametrize("given", [None, "", "None", "0.99"])
def test_min_coverage_may_be_text(lab: "Lab", given: str | None) -> None:
    """Templates render text."""
    lab.execute(window_start="2026-11-18", window_end="2026-11-21", slice_length="1d")
    assert _look(lab, min_coverage=given)[0] == []


@pytest.mark.contract("coverage.arguments")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_coverage", 1.5),
        ("min_coverage", "most"),
        ("give_up_after", 7),
        ("give_up_after", "a week"),
        ("fail_on_gaps", "perhaps"),
        ("object_storage_path", "ftp://x"),
        ("code_ope", ["7"]),
    ],
)
def test_wrong_coverage_argument_fails_for_good_and_is_named(lab: "Lab", name: str, value: object) -> None:
    """The error names the argument."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    with pytest.raises(AirflowFailException, match=name) as caught:
        _look(lab, **{name: value})
    assert isinstance(caught.value.__cause__, EvplConfigError)


@pytest.mark.parametrize("given", ["7d", timedelta(days=7), pendulum.duration(weeks=1)])
def test_incomplete_old_window_is_reported_and_not_returned(lab: "Lab", given: timedelta | str) -> None:
    """The day already lacked its values when it was pulled long ago."""
    _land_a_thin_day(lab)
    found, report = _look(lab, give_up_after=given, **OCTOBER)
    assert (found, report["absent"], report["given_up"]) == ([], 1, 1)
    assert "set give_up_after=None" in report["findings"][0]


@pytest.mark.contract("coverage.give_up_after")
@pytest.mark.parametrize("given", [None, "None", " "])
def test_give_up_after_none_returns_old_windows(lab: "Lab", given: str | None) -> None:
    """None may also be text or blank, because templates render text."""
    _land_a_thin_day(lab)
    found, report = _look(lab, give_up_after=given, **OCTOBER)
    assert [one["window_start"] for one in found] == ["2026-10-20T00:00:00Z"]
    assert (report["absent"], report["given_up"]) == (1, 0)


OCTOBER = {"window_start": "2026-10-20", "window_end": "2026-10-21"}


def _land_a_thin_day(lab: "Lab") -> None:
    """Land a day of one sample, pulled when it was over, more than a month ago."""
    from airflow_provider_evpl.hooks.evpl import EvplHook
    from airflow_provider_evpl.lake.lake import Lake
    from airflow_provider_evpl.lake.store import LocalStore

    start = datetime(2026, 10, 20, tzinfo=UTC)
    window = Window(start, start + timedelta(days=1))
    samples = collect([Answer([(circuit("a"), microseconds(start), 1.0)], [])], window, pulled_at=window.end)
    lake = Lake(LocalStore(str(lab.lake)), Dataset("0042", "300s"), EvplHook().get_settings().source)
    [target] = lake.targets([window])
    land(lake, target, samples)


@pytest.mark.contract("coverage.fail_on_gaps")
@pytest.mark.parametrize("given", [True, "true"])
def test_fail_on_gaps_fails_the_task_while_a_day_is_missing(lab: "Lab", given: bool | str) -> None:  # noqa: FBT001 an argument
    """The counts are in the XCom; without gaps the task succeeds."""
    from tests.support.airflow_runs import Pushed

    lab.execute(window_start="2026-11-18", window_end="2026-11-20", slice_length="1d")
    context: Any = {"ti": Pushed()}
    with pytest.raises(EvplIncompleteError, match=r"(?s)1 findings in 2026-11-18.*fail_on_gaps.*missing"):
        _task(lab, fail_on_gaps=given).execute(context)
    assert context["ti"].values["coverage"]["missing"] == 1
    lab.execute(window_start="2026-11-20", window_end="2026-11-21", slice_length="1d")
    assert _look(lab, fail_on_gaps=given)[0] == []
    assert _look(lab, fail_on_gaps=given, window_start="2026-11-10")[1]["missing"] == 8


def _without_the_19th(request: Request) -> Request:
    """Ask for a second between two steps in its place: the API has nothing in it."""
    day = "startTime=2026-11-19T00%3A00%3A00.000Z&endTime=2026-11-20T00%3A00%3A00.000Z"
    none = "startTime=2026-11-19T00%3A00%3A01.000Z&endTime=2026-11-19T00%3A00%3A02.000Z"
    return request._replace(target=request.target.replace(day, none))


@pytest.mark.contract("names.EvplCoverageOperator")
def test_repair_example_pulls_missing_and_incomplete_days(lab: "Lab") -> None:
    """A missing day and half a day are pulled; everything else that landed stays as it is."""
    from tests.support.airflow_runs import DAY, read_rows, truth

    one_day = timedelta(days=1)
    missing, half, empty = (Window(DAY - days * one_day, DAY - (days - 1) * one_day) for days in (9, 3, 1))
    noon = half.start + one_day / 2
    with proxied(lab.sandbox.base_url, _without_the_19th) as proxy:
        lab.connect(host=proxy.url)
        lab.execute(window_start="2026-10-21", window_end="2026-11-20", slice_length="1d")
        _path(lab, missing).unlink()
        _path(lab, half).unlink()
        lab.execute(window_start=half.start, window_end=noon, slice_length="12h")
        before = {path: path.stat().st_mtime_ns for path in lab.landed()}
        dag = load_dag(lab.airflow_home / "dags", "evpl_repair")
        run = try_dag(dag, {}, logical_date=DAY + timedelta(hours=6))
    assert str(run.state) == "success"
    pulled = _pulled(run)
    found = pulled[0].xcom_pull(task_ids="look_over", key="coverage")
    assert (found["missing"], found["empty"], len(found["findings"])) == (2, 1, 3)
    assert [(str(one.state), one.rendered_map_index) for one in pulled] == [
        ("success", "2026-11-11T00:00:00Z to 2026-11-12T00:00:00Z"),
        ("success", "2026-11-17T12:00:00Z to 2026-11-18T00:00:00Z"),
        ("success", "2026-11-19T00:00:00Z to 2026-11-20T00:00:00Z"),
    ]
    assert pulled[2].xcom_pull(task_ids="pull_again", map_indexes=2)["rows"] == 0
    for window in (missing, Window(noon, half.end)):
        assert read_rows(_path(lab, window).read_bytes()) == truth(lab.sandbox, window.start, window.end)
    touched = {path for path in lab.landed() if before.get(path) != path.stat().st_mtime_ns}
    assert touched == {_path(lab, one) for one in (missing, Window(noon, half.end), empty)}
    assert len(lab.landed()) == 31


def _pulled(run: Any) -> list[Any]:  # noqa: ANN401 Airflow's own
    """List the task instances that the windows of a repair are mapped to, in order."""
    mapped = [one for one in run.get_task_instances() if one.task_id == "pull_again" and one.map_index >= 0]
    return sorted(mapped, key=lambda one: one.map_index)


@pytest.fixture
def dag_of_the_page(lab: "Lab") -> Iterator[None]:
    """Put the DAG of the page of coverage among the examples."""
    [block] = (one for one in BLOCKS if one.page == "coverage.md" and "expand_kwargs" in one.text)
    path = lab.airflow_home / "dags" / "page_of_coverage.py"
    path.write_text(block.text)
    yield
    path.unlink()


@pytest.mark.usefixtures("dag_of_the_page")
@pytest.mark.parametrize("dag_id", ["evpl_repair", "evpl_nightly_repair"])
def test_repair_of_a_new_lake_pulls_nothing(lab: "Lab", dag_id: str) -> None:
    """The run succeeds; the daily pull or a backfill comes first."""
    from tests.support.airflow_runs import DAY, run_tasks

    run = run_tasks(lab, dag_id, logical_date=DAY + timedelta(hours=6))
    assert str(run.state) == "success"
    assert (_pulled(run), lab.landed()) == ([], [])
    lab.execute(window_start="2026-11-18", window_end="2026-11-19", slice_length="1d")
    run = run_tasks(lab, dag_id, logical_date=DAY + timedelta(hours=6, minutes=1))
    assert [one.rendered_map_index[:10] for one in _pulled(run)] == ["2026-11-19"]


def test_repair_example_pulls_no_day_before_the_first_landed_one(lab: "Lab") -> None:
    """A gap after the first day is pulled, earlier days are not."""
    from tests.support.airflow_runs import DAY, run_tasks

    lab.execute(window_start="2026-11-17", window_end="2026-11-18", slice_length="1d")
    lab.execute(window_start="2026-11-19", window_end="2026-11-20", slice_length="1d")
    run = run_tasks(lab, "evpl_repair", logical_date=DAY + timedelta(hours=6))
    assert str(run.state) == "success"
    assert [one.rendered_map_index[:10] for one in _pulled(run)] == ["2026-11-18"]
    assert len(lab.landed()) == 3


def test_repair_example_repairs_the_range_of_its_params(lab: "Lab") -> None:
    """Also if no day of the range has landed."""
    from tests.support.airflow_runs import run_tasks

    lab.execute(window_start="2026-11-01", window_end="2026-11-02", slice_length="1d")
    conf = {"window_start": "2026-11-10", "window_end": "2026-11-12"}
    run = run_tasks(lab, "evpl_repair", logical_date=None, conf=conf)
    assert str(run.state) == "success"
    assert [one.rendered_map_index[:10] for one in _pulled(run)] == ["2026-11-10", "2026-11-11"]


@pytest.mark.parametrize(("conf", "days"), [({}, []), ({"give_up_after": None}, ["2026-10-20"])])
def test_repair_example_takes_days_and_give_up_after_from_params(
    lab: "Lab", conf: dict[str, None], days: list[str]
) -> None:
    """Without an age, no window is given up."""
    from tests.support.airflow_runs import run_tasks

    _land_a_thin_day(lab)
    at = datetime(2026, 10, 22, 6, tzinfo=UTC)
    run = run_tasks(lab, "evpl_repair", logical_date=at, conf={"days": 2, **conf})
    assert str(run.state) == "success"
    assert [one.rendered_map_index[:10] for one in _pulled(run)] == [*days, "2026-10-21"]


@pytest.mark.contract("coverage.result")
def test_coverage_returns_at_most_a_thousand_windows(lab: "Lab") -> None:
    """The newest thousand are returned, because Airflow maps no more."""
    found, report = _look(lab, window_start="2023-11-21", window_end="2026-11-21")
    assert len(found) == 1000
    assert found[-1]["window_end"] == "2026-11-21T00:00:00Z"
    assert report["missing"] == 1096


def test_range_in_the_future_is_a_temporary_error(lab: "Lab") -> None:
    """As for a pull."""
    from airflow_provider_evpl.errors import EvplNotPublishedError

    ahead = datetime.now().astimezone() + timedelta(days=2)
    with pytest.raises(EvplNotPublishedError):
        _look(lab, window_end=ahead.replace(microsecond=0))
