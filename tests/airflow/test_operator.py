import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import pendulum
import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplConfigError,
    EvplNotPublishedError,
    EvplPermanentError,
    EvplUnavailableError,
)
from tests.support.network import Request, proxied

if TYPE_CHECKING:
    from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator
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
    "slice_length": None,
    "allow_empty": False,
    "on_shrink": "fail",
    "max_rejected_fraction": 0.01,
    "min_coverage": None,
    "deferrable": None,
}


def _fails(lab: "Lab", arguments: dict[str, Any]) -> Exception:
    """Run a task that must fail for good; return the typed error behind it."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    with pytest.raises(AirflowFailException) as caught:
        lab.execute(**arguments)
    cause = caught.value.__cause__
    assert isinstance(cause, EvplPermanentError)
    assert str(caught.value) == cause.what
    return cause


@pytest.mark.contract("pull.templates", "pull.object_storage_conn_id", "pull.evpl_conn_id")
@pytest.mark.contract("pull.granularity", "pull.window_length", "pull.lookback", "pull.allow_empty")
@pytest.mark.contract("pull.on_shrink", "pull.deferrable")
def test_operator_arguments_match_the_contract(lab: "Lab") -> None:
    """Each argument is keyword-only, a template field, and has the default of the contract."""
    from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

    task = EvplUtilizationToObjectStorageOperator(task_id="pull", object_storage_path=lab.root)
    assert set(task.template_fields) == {"object_storage_path", *CONTRACT}
    assert {name: getattr(task, name) for name in CONTRACT} == CONTRACT
    own = {**signature(type(task).__init__).parameters}
    assert {own.pop(name).kind for name in ("self", "kwargs")} == {
        Parameter.POSITIONAL_OR_KEYWORD,
        Parameter.VAR_KEYWORD,
    }
    assert own.keys() == set(task.template_fields)
    assert {one.kind for one in own.values()} == {Parameter.KEYWORD_ONLY}


@pytest.mark.contract("pull.object_storage_path", "pull.evpl_conn_id")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("object_storage_path", None),
        ("object_storage_path", " "),
        ("object_storage_path", "None"),
        ("object_storage_path", 5),
        ("object_storage_path", "{{ var.value.lake }}"),
        ("object_storage_path", "/data/evpl"),
        ("object_storage_path", "file://data/evpl"),
        ("object_storage_path", "file:data"),
        ("object_storage_path", "file:///"),
        ("object_storage_path", "file:///data/../etc"),
        ("object_storage_path", "file:///data//evpl"),
        ("object_storage_path", "file:////data/evpl"),
        ("object_storage_path", "file:///da\nta"),
        ("object_storage_path", "file:///da\0ta"),
        ("object_storage_path", "file:///da\ud800ta"),
        ("object_storage_path", "sftp://host/evpl"),
        ("object_storage_path", "s3:///evpl"),
        ("object_storage_path", "gcs://lake/evpl"),
        ("object_storage_path", "abfs://lake@account.dfs.core.windows.net/evpl"),
        ("object_storage_path", "s3://lake/evpl?x=1"),
        ("object_storage_path", "s3://user:hush-hush@lake/evpl"),
        ("object_storage_path", "s3://[lake/evpl"),
        ("object_storage_conn_id", "nobody"),
        ("object_storage_conn_id", 5),
        ("evpl_conn_id", "nobody"),
        ("evpl_conn_id", 5),
        ("code_ope", ["0042"]),
        ("granularity", "5 minutes"),
        ("window_start", "2026-11-20T00:00:00"),
        ("window_start", None),
        ("window_end", datetime(2026, 11, 21)),  # noqa: DTZ001 a zone is what is missing
        ("window_end", "2026-11-19"),
        ("window_length", "7h"),
        ("window_length", 3600),
        ("lookback", "yesterday"),
        ("slice_length", "5h"),
        ("allow_empty", "perhaps"),
        ("on_shrink", "ignore"),
        ("max_rejected_fraction", "2"),
        ("deferrable", "perhaps"),
    ],
)
def test_wrong_argument_fails_for_good_and_is_named(lab: "Lab", name: str, value: object) -> None:
    """A wrong argument fails without a retry and by its name. No request is sent, nothing lands."""
    before = lab.sandbox.tokens_issued
    error = _fails(lab, {name: value})
    assert isinstance(error, EvplConfigError)
    assert name in str(error)
    assert "hush-hush" not in str(error)
    assert lab.sandbox.tokens_issued == before
    assert lab.landed() == []


@pytest.mark.contract("pull.object_storage_conn_id")
def test_two_different_storage_connections_are_an_error(lab: "Lab") -> None:
    """A storage connection in the path and another one as an argument is an error that names both."""
    arguments = {"object_storage_path": "s3://one@lake/evpl", "object_storage_conn_id": "other"}
    assert "'other', the path says 'one'" in str(_fails(lab, arguments))


@pytest.mark.parametrize(
    "path", ["s3://nobody@lake/evpl", "gs://nobody@lake/evpl", "abfs://nobody@lake/evpl"]
)
def test_missing_storage_connection_is_named(lab: "Lab", path: str) -> None:
    """The check is needed because Amazon's hook goes on without credentials."""
    error = _fails(lab, {"object_storage_path": path})
    assert isinstance(error, EvplConfigError)
    assert str(error).startswith("No storage connection `nobody`.\n")


@pytest.mark.contract("errors.tree")
def test_wrong_connection_field_or_password_fails_for_good(lab: "Lab") -> None:
    """A wrong field of the connection, and a refused password, fail the task without retries."""
    lab.connect(pagination="offset")
    assert isinstance(_fails(lab, {}), EvplConfigError)
    lab.connect(password="a-wrong-secret")
    error = _fails(lab, {})
    assert isinstance(error, EvplAuthError)
    assert "a-wrong-secret" not in str(error)
    assert lab.landed() == []


def test_run_without_window_names_the_arguments_to_set(lab: "Lab") -> None:
    """If the context has no window, the error names the arguments that set one."""
    error = _fails(lab, {"window_start": None, "window_end": None})
    assert "Set window_start and window_end, or window_length" in str(error)


@pytest.mark.contract("window.ahead", "errors.tree")
def test_temporary_errors_are_raised_unchanged(lab: "Lab") -> None:
    """Airflow retries these errors: a window in the future, a service that is down."""
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    with pytest.raises(EvplNotPublishedError):
        lab.execute(window_end=ahead)
    lab.connect(host="http://127.0.0.1:9", max_retry_seconds=0)
    with pytest.raises(EvplUnavailableError):
        lab.execute()
    assert lab.landed() == []


def test_failed_task_can_be_copied_and_run_again(lab: "Lab") -> None:
    """After `execute` the task holds no client and no lock."""
    from tests.support.airflow_runs import copies

    task = lab.operator()
    context: Any = {}
    lab.connect(host="http://127.0.0.1:9", max_retry_seconds=0)
    with pytest.raises(EvplUnavailableError):
        task.execute(context)
    lab.connect()
    assert [one.execute(context)["slice_count"] for one in copies(task)] == [1, 1]


@pytest.mark.parametrize("name", ["data_interval_end", "logical_date", "partition_date"])
def test_window_comes_from_each_moment_of_the_run(lab: "Lab", name: str) -> None:
    """Each moment in the context of a run sets the window, also as Airflow's own class."""
    moment = pendulum.datetime(2026, 11, 20, 1)
    arguments = {"window_start": None, "window_end": None, "window_length": "1h"}
    result = lab.execute({name: moment}, **arguments)
    start = 1 if name == "partition_date" else 0
    assert result["window_start"] == f"2026-11-20T0{start}:00:00Z"
    assert result["window_end"] == f"2026-11-20T0{start + 1}:00:00Z"


@pytest.mark.contract("lake.footer")
def test_footer_has_the_ids_of_the_run(lab: "Lab") -> None:
    """The footer has the run's ids and the time of the pull. A task that isn't mapped has no index."""
    from tests.support.airflow_runs import run_dag

    conf = {"object_storage_path": lab.root, "window_start": "2026-11-20", "window_end": "2026-11-21"}
    run_dag(lab, "evpl_any", conf=conf)
    (path,) = lab.landed()
    metadata = {key.decode(): text.decode() for key, text in pq.read_metadata(path).metadata.items()}
    assert metadata["evpl.dag_id"] == "evpl_any"
    assert metadata["evpl.task_id"] == "pull"
    assert metadata["evpl.try_number"] == "1"
    assert metadata["evpl.run_id"].startswith("manual__")
    assert "evpl.map_index" not in metadata
    assert datetime.fromisoformat(metadata["evpl.pulled_at"]).tzinfo == UTC
    assert json.loads(metadata["evpl.source"])["base_url"] == lab.sandbox.base_url


@pytest.mark.contract("pull.object_storage_conn_id")
@pytest.mark.parametrize(
    "arguments",
    [
        {"object_storage_path": "s3://aws_odd@lake/evpl"},
        {"object_storage_path": "s3://lake/evpl", "object_storage_conn_id": "aws_odd"},
        {"object_storage_path": "s3://aws_odd@lake/evpl", "object_storage_conn_id": "aws_odd"},
    ],
)
def test_store_that_cannot_be_opened_names_the_arguments(lab: "Lab", arguments: dict[str, str]) -> None:
    """A wrong storage connection, in the path or as an argument, is a configuration error."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    connection = {"conn_type": "aws", "login": "key", "password": "hush-hush", "extra": {"role_arn": "none"}}
    lab.monkeypatch.setenv("AIRFLOW_CONN_AWS_ODD", json.dumps(connection))
    with pytest.raises(AirflowFailException, match="object_storage_conn_id: s3 can't be opened") as caught:
        lab.execute(**arguments)
    assert isinstance(caught.value.__cause__, EvplConfigError)


@pytest.mark.contract("pull.object_storage_path")
@pytest.mark.parametrize(
    "path", ["file:///data/evpl", "file:///data/a b/", "file:///data/a%20b", "file:///d~/ä"]
)
def test_local_path_is_the_path_of_object_storage_path(path: str) -> None:
    """The folder is opened without `ObjectStoragePath`, and is the same."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_evpl.hooks.storage import open_object_storage

    assert open_object_storage(path, None).url("x") == f"file://{ObjectStoragePath(path).path}/x"


def test_killed_task_stops_at_once(lab: "Lab") -> None:
    """Airflow calls `on_kill` in a signal handler: a request that hangs is aborted, and nothing lands."""
    asked, over = threading.Event(), threading.Event()

    def hang(request: Request) -> Request:
        if "/reports/" in request.target:
            asked.set()
            over.wait(60)
        return request

    def kill_once_asked(task: "EvplUtilizationToObjectStorageOperator") -> None:
        assert asked.wait(60)
        task.on_kill()

    with proxied(lab.sandbox.base_url, hang) as proxy, ThreadPoolExecutor(1) as pool:
        lab.connect(host=proxy.url)
        task = lab.operator()
        context: Any = {}
        killing = pool.submit(kill_once_asked, task)
        with pytest.raises(EvplUnavailableError):
            task.execute(context)
        killing.result()
        assert not over.is_set()
        over.set()
    assert lab.landed() == []


def test_task_killed_before_its_client_exists_sends_no_request(lab: "Lab") -> None:
    """Airflow calls `on_kill` once, perhaps before there is a client to stop."""
    with proxied(lab.sandbox.base_url) as proxy:
        lab.connect(host=proxy.url)
        task = lab.operator()
        task.on_kill()
        context: Any = {}
        with pytest.raises(EvplUnavailableError, match="stopped from outside"):
            task.execute(context)
    assert proxy.seen == []
