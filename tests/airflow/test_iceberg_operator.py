"""The operator that publishes into an Iceberg table, run by Airflow with a catalog in a folder."""

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from inspect import Parameter, signature
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplForeignError,
    EvplNotPublishedError,
    EvplStoreError,
)
from tests.support.airflow_versions import find_asset_events, needs
from tests.support.servers import serving_s3

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab
    from tests.support.iceberg import FolderCatalog

pytestmark = pytest.mark.usefixtures("airflow_home")
needs_sql = needs("3.1", "SQLAlchemy 2, which a SQL catalog needs,")

CONTRACT = {
    "iceberg_conn_id": "iceberg_default",
    "object_storage_conn_id": None,
    "evpl_conn_id": "evpl_default",
    "code_ope": None,
    "granularity": "300s",
    "window_start": None,
    "window_end": None,
    "window_length": None,
    "lookback": timedelta(),
    "on_missing": "fail",
}
DAYS = {"window_start": "2026-11-20", "window_end": "2026-11-22"}
PASSWORD = "hunter2-hunter2"


@pytest.fixture
def folder(lab: "Lab", tmp_path: Path) -> Path:
    """Make the folder of a catalog, and the connection `iceberg_default`."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    _connect(lab, uri=f"sqlite:///{folder}/catalog.db", warehouse=folder.as_uri())
    return folder


def _connect(lab: "Lab", conn_type: str = "iceberg", host: str | None = None, **extra: Any) -> None:  # noqa: ANN401 JSON
    connection = {"conn_type": conn_type, "host": host, "extra": {"type": "sql"} | extra}
    lab.monkeypatch.setenv("AIRFLOW_CONN_ICEBERG_DEFAULT", json.dumps(connection))


def _catalog(folder: Path) -> "FolderCatalog":
    from tests.support.iceberg import catalog_in

    return catalog_in(folder)


def _publish(lab: "Lab", **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 wrong types are tried too
    return lab.publish(**DAYS | arguments)


def _rows(folder: Path) -> dict[str, int]:
    from tests.support.iceberg import table_rows

    return {str(unit): rows.total() for unit, rows in table_rows(_catalog(folder)).items()}


@pytest.mark.contract(
    "iceberg.arguments",
    "iceberg.object_storage_path",
    "iceberg.iceberg_conn_id",
    "names.EvplIcebergPublishOperator",
)
def test_arguments_match_the_contract(lab: "Lab") -> None:
    """Each argument is keyword-only, a template field, and has the default of the contract."""
    from airflow_provider_evpl.operators.evpl import EvplIcebergPublishOperator

    task = EvplIcebergPublishOperator(task_id="publish", table="a.b", object_storage_path=lab.root)
    assert set(task.template_fields) == {"table", "object_storage_path", *CONTRACT}
    assert {name: getattr(task, name) for name in CONTRACT} == CONTRACT
    own = {**signature(type(task).__init__).parameters}
    del own["self"], own["kwargs"]
    assert own.keys() == set(task.template_fields)
    assert {one.kind for one in own.values()} == {Parameter.KEYWORD_ONLY}


@pytest.mark.contract("iceberg.arguments", "iceberg.result", "iceberg.asset", "assets.table_asset")
@pytest.mark.parametrize("dag_id", ["evpl_publish", "evpl_publish_native"])
@needs_sql
def test_days_are_published_by_a_run_and_announced(lab: "Lab", folder: Path, dag_id: str) -> None:
    """The result is an XCom and in the event of the table. A second run changes and announces nothing."""
    from tests.support.airflow_runs import run_dag

    lab.execute(**DAYS, slice_length="1d")
    before = len(find_asset_events("iceberg://"))
    conf = {"table": "evpl.utilization", "object_storage_path": lab.root, "code_ope": '["0042"]', **DAYS}
    outcome = run_dag(lab, dag_id, conf=conf)
    assert (outcome.state, len(_rows(folder))) == ("success", 2)
    result: Any = outcome.result
    assert result | {"snapshot_ids": None} == {
        "table": "evpl.utilization",
        "published_count": 2,
        "skipped_count": 0,
        "emptied_count": 0,
        "missing_count": 0,
        "published": ["0042/300s/2026-11-20", "0042/300s/2026-11-21"],
        "skipped": [],
        "emptied": [],
        "missing": [],
        "rows": sum(_rows(folder).values()),
        "snapshot_ids": None,
    }
    [(uri, extra)] = find_asset_events("iceberg://")[before:]
    assert uri == "iceberg://iceberg_default/evpl.utilization"
    assert extra == result | {"dates": ["2026-11-20", "2026-11-21"]}
    again: Any = run_dag(lab, dag_id, conf=conf, logical_date=datetime(2026, 11, 23, tzinfo=UTC)).result
    assert (again["skipped_count"], again["snapshot_ids"]) == (2, [])
    assert len(find_asset_events("iceberg://")) == before + 1


@pytest.mark.contract("iceberg.asset")
@pytest.mark.parametrize(("try_number", "dates"), [(1, None), (2, ["2026-11-20", "2026-11-21"])])
@needs_sql
def test_retry_announces_the_days_of_an_earlier_try(
    lab: "Lab", folder: Path, try_number: int, dates: list[str] | None
) -> None:
    """The earlier one failed after its commit, so its event was lost. A first try announces changes only."""
    from airflow_provider_evpl.assets import table_asset

    lab.execute(**DAYS, slice_length="1d")
    _publish(lab)
    asset = table_asset("evpl.utilization")
    event = SimpleNamespace(extra={})
    # An asset of Airflow 3.1 is no key of a dict.
    events = type("Events", (), {"__getitem__": lambda *_: event})()
    context = {"ti": SimpleNamespace(try_number=try_number), "outlet_events": events}
    assert _publish(lab, context=context, outlets=[asset])["skipped_count"] == len(_rows(folder))
    assert event.extra.get("dates") == dates


@pytest.mark.contract("assets.table_asset")
def test_wrong_table_of_an_asset_is_an_error() -> None:
    """When the DAG file is parsed."""
    from airflow_provider_evpl.assets import table_asset

    assert table_asset("a.b", "glue") == table_asset(" a.b ", "glue")
    with pytest.raises(EvplConfigError, match="table: must be a namespace and a name"):
        table_asset("utilization")


@pytest.mark.contract("iceberg.on_missing")
@needs_sql
def test_missing_day_fails_after_the_others_are_published(lab: "Lab", folder: Path) -> None:
    """The error names it; with on_missing="delete" its rows are removed."""
    lab.execute(**DAYS, slice_length="1d")
    _publish(lab)
    for path in lab.landed():
        path.unlink() if "date=2026-11-20" in str(path) else None
    lab.execute(window_start="2026-11-22", window_end="2026-11-23")
    with pytest.raises(EvplNotPublishedError, match="not in the lake: 0042/300s/2026-11-20"):
        _publish(lab, window_end="2026-11-23")
    assert len(_rows(folder)) == 3
    assert _publish(lab, on_missing="delete")["emptied"] == ["0042/300s/2026-11-20"]
    assert _rows(folder).keys() == {"0042/300s/2026-11-21", "0042/300s/2026-11-22"}


@pytest.mark.contract("iceberg.equals-lake", "iceberg.unchanged")
def test_days_are_published_into_glue(lab: "Lab", tmp_path: Path) -> None:
    """With each version of Airflow. Glue is simulated; the files of the table are in a folder."""
    from pyiceberg.catalog import load_catalog

    from tests.support.airflow_runs import read_rows

    lab.execute(**DAYS, slice_length="1d")
    with serving_s3() as url:
        keys = {"glue.region": "eu-west-3", "glue.access-key-id": "key", "glue.secret-access-key": PASSWORD}
        glue = {"type": "glue", "glue.endpoint": url, "warehouse": tmp_path.as_uri(), **keys}
        _connect(lab, **glue)
        assert [_publish(lab)[f"{kind}_count"] for kind in ("published", "skipped")] == [2, 2]
        rows = load_catalog("glue", **glue).load_table("evpl.utilization").scan().to_arrow()
    landed = [read_rows(path.read_bytes()) for path in lab.landed()]
    assert Counter(rows["value"].to_pylist()) == Counter(value for one in landed for value in one.values())


@pytest.mark.contract("iceberg.permanent")
@needs_sql
def test_permanent_error_fails_for_good(lab: "Lab", folder: Path) -> None:
    """Its cause is the typed error, which has the next step of each day."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    lab.execute(**DAYS, slice_length="1d")
    lab.connect(job="OTHER")
    with pytest.raises(AirflowFailException, match="2 days were not published") as caught:
        _publish(lab)
    assert isinstance(caught.value.__cause__, EvplForeignError)
    assert str(caught.value.__cause__).count("publish with the connection that landed it") == 2
    assert _rows(folder) == {}


@pytest.mark.contract("iceberg.extra")
@pytest.mark.parametrize("missing", ["pyiceberg", "pyiceberg_core", "airflow.providers.apache"])
def test_missing_extra_is_named_by_the_constructor(lab: "Lab", missing: str) -> None:
    """The module imports anyway."""
    from airflow_provider_evpl.operators.evpl import EvplIcebergPublishOperator

    class Absent:
        """Finds no such package."""

        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            """Refuse."""
            if name == missing:
                raise ModuleNotFoundError(name)

    for name in [name for name in sys.modules if name == missing or name.startswith(f"{missing}.")]:
        lab.monkeypatch.delitem(sys.modules, name)
    lab.monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(EvplConfigError, match=r"the extra `iceberg` is not installed\.\nInstall it"):
        EvplIcebergPublishOperator(task_id="publish", table="a.b", object_storage_path=lab.root)


@pytest.mark.contract("iceberg.connection")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conn_type": "aws"}, "has the type aws, not iceberg"),
        ({"type": "oracle"}, "oracle"),
        ({"type": "sql"}, "URI missing"),
        pytest.param({"type": "sql", "uri": "nonsense"}, "can't be used like this", marks=needs_sql),
        ({"type": "hive", "uri": "thrift://localhost:1"}, "a package for this kind of catalog is missing"),
        ({"type": "rest", "host": "nonsense"}, "can't be used like this"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value.values()),
)
def test_wrong_connection_is_a_permanent_error(lab: "Lab", fields: dict[str, str], message: str) -> None:
    """The message says which connection, and what to do."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    _connect(lab, **fields)
    with pytest.raises(AirflowFailException) as caught:
        _publish(lab)
    assert isinstance(caught.value.__cause__, EvplConfigError)
    assert message in str(caught.value.__cause__)
    assert caught.value.__cause__.next_step


@pytest.mark.contract("iceberg.connection")
def test_missing_connection_is_a_permanent_error(lab: "Lab") -> None:
    """The message names it."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    with pytest.raises(AirflowFailException, match="No Iceberg connection `nowhere`"):
        _publish(lab, iceberg_conn_id="nowhere")


@pytest.mark.contract("iceberg.no-secret")
@pytest.mark.parametrize(
    "extra",
    [
        {"uri": f"postgresql+nothing://evpl:{PASSWORD}@127.0.0.1:1/db"},
        {"uri": f"nonsense:/{PASSWORD}", "token": PASSWORD},
        {"type": "rest", "uri": f"http://127.0.0.1:1/{PASSWORD}", "credential": f"me:{PASSWORD}"},
        {"type": "oracle-hunter2-hunter2", "s3.secret-access-key": PASSWORD},
        {"type": f"oracle-{PASSWORD}", "uri": f"postgresql://host/db?user=evpl&password={PASSWORD}"},
        {"type": f"oracle-{PASSWORD}", "adls.connection-string": f"AccountName=lake;AccountKey={PASSWORD}"},
        {"type": f"oracle-{PASSWORD}", "header.Authorization": f"Bearer {PASSWORD}"},
        {"type": f"oracle-{PASSWORD}", "auth": {"type": "basic", "basic": {"password": PASSWORD}}},
    ],
    ids=[
        *("password of a URI", "token", "credential", "secret key"),
        *("query", "connection string", "header", "nested"),
    ],
)
def test_secret_of_the_connection_is_in_no_error_and_no_log(
    lab: "Lab", logs: Callable[[], str], extra: dict[str, Any]
) -> None:
    """Neither in the error, nor in an error that caused it."""
    _connect(lab, **extra)
    with pytest.raises(Exception, match=r"Iceberg connection|table") as caught:
        _publish(lab)
    logging.getLogger("airflow").error("failed", exc_info=caught.value)
    assert PASSWORD not in logs()
    one: BaseException | None = caught.value
    while one is not None:
        assert PASSWORD not in str(one)
        one = one.__cause__ or one.__context__


@pytest.mark.contract("iceberg.no-secret")
def test_detail_that_shows_a_secret_is_hidden(lab: "Lab") -> None:
    """The next step is still there."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    _connect(lab, type=f"oracle-{PASSWORD}", token=PASSWORD)
    with pytest.raises(AirflowFailException) as caught:
        _publish(lab)
    cause = caught.value.__cause__
    assert isinstance(cause, EvplConfigError)
    assert cause.next_step == "Check the table, and the fields of the Iceberg connection."
    assert cause.detail == "The detail is hidden, because it shows a secret of the connection."
    assert cause.__cause__ is cause.__context__ is None


@pytest.mark.contract("iceberg.errors")
def test_catalog_that_is_down_is_a_temporary_error(lab: "Lab") -> None:
    """Its detail is shown, because it has no secret."""
    _connect(lab, type="rest", host="http://127.0.0.1:9", token=PASSWORD)
    with pytest.raises(EvplStoreError, match="the catalog failed") as caught:
        _publish(lab)
    assert "ConnectionError" in caught.value.detail


@pytest.mark.contract("iceberg.lineage")
@needs_sql
def test_lineage_is_from_the_lake_to_the_table(lab: "Lab", folder: Path) -> None:
    """A task that opened no table has none."""
    from airflow_provider_evpl.operators.evpl import EvplIcebergPublishOperator

    lab.execute(**DAYS, slice_length="1d")
    task = EvplIcebergPublishOperator(
        task_id="publish", table="evpl.utilization", object_storage_path=lab.root, **DAYS
    )
    assert task.get_openlineage_facets_on_complete(None) is None
    task.execute({})
    lineage: Any = task.get_openlineage_facets_on_complete(None)
    [lake], [table] = lineage.inputs, lineage.outputs
    assert (lake.namespace, lake.name) == ("file", f"{lab.lake}/samples")
    assert (table.namespace, table.name) == ("file", str(folder / "evpl" / "utilization"))
    [link] = table.facets["symlinks"].identifiers
    assert (link.name, link.type) == ("evpl.utilization", "TABLE")
    assert table.outputFacets["outputStatistics"].rowCount == sum(_rows(folder).values())


@needs_sql
def test_example_publishes_the_days_that_its_events_name(lab: "Lab", folder: Path) -> None:
    """Several pulls, of codes and days that are not in a row."""
    from tests.support.airflow_versions import load_dag

    dag = load_dag(lab.airflow_home / "dags", "evpl_iceberg")
    events = [
        SimpleNamespace(extra={"code_ope": "a", "dates": ["2026-11-20", "2026-11-21"]}),
        SimpleNamespace(extra={"code_ope": "b", "dates": ["2026-11-21", "2026-11-22"]}),
        SimpleNamespace(extra={"code_ope": "a", "dates": ["2026-11-25", "2026-11-22"]}),
    ]
    windows = dag.get_task("windows").python_callable
    for name in ("triggering_asset_events", "triggering_dataset_events"):
        assert windows(params={"windows": []}, **{name: {"lake": events[:1], "same": events[1:]}}) == [
            {"code_ope": ["a"], "window_start": "2026-11-20", "window_end": "2026-11-21"},
            {"code_ope": ["a", "b"], "window_start": "2026-11-21", "window_end": "2026-11-23"},
            {"code_ope": ["a"], "window_start": "2026-11-25", "window_end": "2026-11-26"},
        ]
    assert _rows(folder) == {}


@needs_sql
def test_example_publishes_into_the_table(lab: "Lab", folder: Path) -> None:
    """A run by hand names its windows."""
    from tests.support.airflow_runs import run_tasks

    lab.execute(**DAYS, slice_length="1d")
    run = run_tasks(lab, "evpl_iceberg", conf={"windows": [{"code_ope": ["0042"], **DAYS}]})
    assert run.state == "success"
    assert len(_rows(folder)) == 2
