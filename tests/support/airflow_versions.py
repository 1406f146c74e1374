"""Where the tests depend on Airflow's version: here alone. It imports Airflow nowhere at its top."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version


def is_since(least: str) -> bool:
    """Return whether Airflow is of this version or of a newer one."""
    return Version(version("apache-airflow")) >= Version(least)


AIRFLOW_3 = is_since("3.0")

_WARNINGS_OF_2_11 = (
    # Airflow 2.11's web server, and what it is made of, of each other, when its database is made.
    r"ignore:'(_app_ctx_stack|_request_ctx_stack|locked_cached_property)' is deprecated:DeprecationWarning",
    r"ignore:Accessing jsonschema.draft4_format_checker is deprecated:DeprecationWarning",
    r"ignore:jsonschema.(RefResolver|exceptions.RefResolutionError) is deprecated:DeprecationWarning",
    r"ignore:The '__version__' attribute is deprecated:DeprecationWarning",
    r"ignore:Deprecated API features detected! These feature\(s\) are not compatible with SQLAlchemy 2.0",
    r"ignore:Timer and timing metrics publish in seconds were deprecated",  # it has that as a default
    r"ignore:The basic metric validator will be deprecated",  # likewise
    # It renders `map_index_template` with all names of its context, the deprecated ones too.
    r"ignore:Accessing '\w+' from the template is deprecated",
    # It warns of an extra that is no JSON object; tests give it such a one.
    r"ignore:Encountered (non-JSON|JSON value) in `extra`",
)
_WARNINGS_OF_3_0_TO_3_2 = (
    # Its standard provider imports this from its old place.
    r"ignore:The `airflow.operators.branch.BaseBranchOperator` (attribute|class) is deprecated",
    # It reads connections, and the forms of hooks, in the old way.
    r"ignore:Using Connection.(from_json|get_connection_from_secrets) from `airflow.models` is deprecated",
    r"ignore:ProvidersManager.hooks is deprecated",
    # It is older than what it is made of.
    r"ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated",
    r"ignore:The ``noload`` loader strategy is deprecated",
    r"ignore:The anyio.abc.BlockingPortal alias is deprecated",
)
OTHERS_WARNINGS = () if is_since("3.3") else _WARNINGS_OF_3_0_TO_3_2 if AIRFLOW_3 else _WARNINGS_OF_2_11
"""What an older Airflow warns of itself; any other warning is an error, on every version."""

ENVIRONMENT = {"COLUMNS": "1000"} if AIRFLOW_3 and not is_since("3.1") else {}
"""What Airflow is started with: 3.0 breaks the lines of a traceback where a terminal would end."""

DEBUG_LINE = "[debug" if AIRFLOW_3 else "DEBUG"
"""What a log has where it was written at DEBUG."""

DAG_FILES_IMPORT = "airflow.sdk" if AIRFLOW_3 else "airflow.models.baseoperator, airflow.models.dag"
"""What every DAG file imports of Airflow, whichever provider it is of."""


OUTLETS_AT_START = Version(version("apache-airflow-providers-openlineage")) > Version("2.9.0")
"""Whether OpenLineage's provider tells a task's outlets at its start: the lowest that we take doesn't."""


needs_any_extra = pytest.mark.skipif(
    AIRFLOW_3 and not is_since("3.2"),
    reason="Airflow 3.0 and 3.1 read no connection whose extra is no object",
)


def forget_masks() -> None:
    """Empty Airflow's masks of secrets, because each new one compiles the pattern of all."""
    for name, module in [*sys.modules.items()]:
        if name.endswith(".secrets_masker") and hasattr(module, "_secrets_masker"):
            masker = module._secrets_masker()  # noqa: SLF001 2.11 has no other way
            masker.patterns, masker.replacer = set(), None


def name_in_logs(error: str) -> str:
    """Give how logs name an error's class: with its module, but for Airflow 3.0."""
    return error if not AIRFLOW_3 or is_since("3.1") else error.rpartition(".")[2]


def needs(least: str, what: str) -> pytest.MarkDecorator:
    """Skip a test where Airflow is older than the first version that has what it is about."""
    return pytest.mark.skipif(not is_since(least), reason=f"Airflow has {what} since {least}")


def load_dags(path: Path) -> Any:  # noqa: ANN401 a DagBag, which moved
    """Import the DAG files of a folder, or one."""
    if not AIRFLOW_3:
        import_module("airflow.providers.fab.auth_manager.models")  # without users no run can be deleted
    return bundles().DagBag(path)


def bundles() -> Any:  # noqa: ANN401 a module
    """Give the module that imports DAG files, which moved."""
    return import_module("airflow.dag_processing.dagbag" if is_since("3.2") else "airflow.models.dagbag")


def load_dag(folder: Path, dag_id: str) -> Any:  # noqa: ANN401 a DAG, which moved
    """Import one DAG of a folder."""
    with reading_only(folder, dag_id):
        return load_dags(folder).dags[dag_id]


@contextmanager
def reading_only(folder: Path, *dag_ids: str) -> Iterator[None]:
    """Hide the DAG files that don't name these: Airflow reads and stores all that it sees for each run."""
    names = re.compile(rf"\b({'|'.join(dag_ids)})\b")
    hidden = [path.name for path in folder.glob("*.py") if not names.search(path.read_text())]
    ignored = folder / ".airflowignore"
    ignored.write_text("\n".join(hidden))
    try:
        yield
    finally:
        ignored.unlink()


def try_dag(dag: Any, conf: Mapping[str, object], **when: datetime | None) -> Any:  # noqa: ANN401 Airflow's own
    """Run a DAG in this process, by `dag.test()`, for a `logical_date` if one is given; gives the run."""
    if not AIRFLOW_3:
        dag.sync_to_db()  # a dataset that isn't there is told nothing; Airflow 3 does so by itself
        if "logical_date" in when:
            when["execution_date"] = when.pop("logical_date")
    elif not is_since("3.1"):
        _activate_assets(Path(dag.fileloc))
    with reading_only(Path(dag.fileloc).parent, dag.dag_id):
        return dag.test(run_conf=dict(conf), **when)


def _activate_assets(path: Path) -> None:
    """Store the DAGs of a file: in Airflow 3.0 no task runs whose assets no stored DAG has."""
    manager = import_module("airflow.dag_processing.bundles.manager").DagBundlesManager()
    manager.sync_bundles_to_db()
    load_dags(path).sync_to_db("dags-folder", None)


def is_command(line: str) -> bool:
    """Return whether a command that is another one before Airflow 3 is this version's."""
    is_older = line.startswith("airflow dags backfill") or "--exec-date" in line
    is_newer = line.startswith("airflow backfill") or "--logical-date" in line
    return not (is_older if AIRFLOW_3 else is_newer)


def make_scheduler(*dag_ids: str) -> Any:  # noqa: ANN401 one of two classes with the same methods
    """Give Airflow's scheduler, for these DAGs."""
    if AIRFLOW_3 and not is_since("3.1"):
        pytest.skip("the scheduler of Airflow 3.0 can't be run a step at a time: tests/e2e_backfill runs it")
    module = import_module(
        "tests.support.airflow_scheduler" if AIRFLOW_3 else "tests.support.airflow_scheduler_2"
    )
    return module.Scheduler(*dag_ids)


def serialise(dag: Any) -> Any:  # noqa: ANN401 Airflow's own
    """Give a DAG as it is after its way through Airflow's database."""
    return _dag_form().from_dict(write_dag(dag))


def write_dag(dag: Any) -> Any:  # noqa: ANN401 Airflow's own, JSON
    """Give a DAG as Airflow writes it into its database."""
    return _dag_form().to_dict(dag)


def _dag_form() -> Any:  # noqa: ANN401 Airflow's own
    module = import_module("airflow.serialization.serialized_objects")
    return module.DagSerialization if is_since("3.2") else module.SerializedDAG


def tell_asset_events(dag_id: str) -> list[str]:
    """Give all that the database knows of the events that a DAG's runs were the source of."""
    return [text for text, dag, *_ in _read_asset_events() if dag == dag_id]


def find_asset_events(root: str) -> list[tuple[str, Any]]:
    """Give URI and extra of each event whose asset is below a root."""
    return [(uri, extra) for _, _, uri, extra in _read_asset_events() if uri.startswith(root)]


def _read_asset_events() -> list[tuple[str, str, str, Any]]:
    """Give of each event all of its row as text, its source's DAG, its asset's URI, and its extra."""
    from airflow.utils.session import create_session
    from sqlalchemy import select

    kind = "Asset" if AIRFLOW_3 else "Dataset"
    event_class = getattr(import_module(f"airflow.models.{kind.lower()}"), f"{kind}Event")
    with create_session() as session:
        return [
            (repr(vars(event)), event.source_dag_id, getattr(event, kind.lower()).uri, event.extra)
            for event in session.scalars(select(event_class))
        ]


def show_link(task: Any, instance: Any) -> object:  # noqa: ANN401 Airflow's own
    """Give what a task's only button leads to: Airflow 3 asks for it in the task, 2.11 in its web server."""
    (link,) = task.operator_extra_links
    if AIRFLOW_3:
        return instance.xcom_pull(task_ids=task.task_id, key=link.xcom_key)
    return link.get_link(task, ti_key=instance.key)


def make_stats() -> Any:  # noqa: ANN401 Airflow's own
    """Make what sends Airflow's metrics, as a task's process does at its start: of the configuration."""
    if is_since("3.2"):
        make_factory = import_module("airflow.sdk.observability.metrics.stats_utils").get_stats_factory
        return (make_factory() if is_since("3.3") else make_factory(None))()
    return import_module("airflow.metrics.statsd_logger").get_statsd_logger(None)  # it looks at no class


def use_stats(client: Any) -> None:  # noqa: ANN401 Airflow's own
    """Send metrics by this; None: as is configured."""
    if is_since("3.3"):
        stats = import_module("airflow.sdk.observability.stats")
        stats.initialize(factory=lambda: client or make_stats(), export_legacy_names=True)
    elif is_since("3.2"):
        import_module("airflow.sdk.serde")  # its import sets them as they are configured
        stats = import_module("airflow.sdk.observability.stats").Stats
        stats.initialize(factory=lambda: client or make_stats())
    else:
        stats = import_module("airflow.stats").Stats
        stats.instance, stats._instance_pid = client, os.getpid()  # noqa: SLF001 Airflow 3.1 asks whose it is


def find_hook(conn_type: str) -> Any:  # noqa: ANN401 Airflow's own
    """Give what Airflow knows of a connection type's hook where tasks run."""
    if is_since("3.2"):
        manager = import_module("airflow.sdk.providers_manager_runtime").ProvidersManagerTaskRuntime()
    else:
        manager = import_module("airflow.providers_manager").ProvidersManager()
    return manager.hooks[conn_type]


def make_macros() -> Any:  # noqa: ANN401 a module
    """Give what templates call `macros`."""
    return import_module("airflow.sdk.execution_time.macros" if AIRFLOW_3 else "airflow.macros")
