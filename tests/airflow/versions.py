"""Where the tests depend on Airflow's version: here alone. It imports Airflow nowhere at its top."""

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version


def is_since(least: str) -> bool:
    """Tell whether Airflow is of this version or of a newer one."""
    return Version(version("apache-airflow")) >= Version(least)


AIRFLOW_3 = is_since("3.0")

OTHERS_WARNINGS = (
    # Airflow 2.11's web server, and what it is made of, of each other, when its database is made.
    r"ignore:'(_app_ctx_stack|_request_ctx_stack|locked_cached_property)' is deprecated:DeprecationWarning",
    r"ignore:Accessing jsonschema.draft4_format_checker is deprecated:DeprecationWarning",
    r"ignore:jsonschema.(RefResolver|exceptions.RefResolutionError) is deprecated:DeprecationWarning",
    r"ignore:The '__version__' attribute is deprecated:DeprecationWarning",
    r"ignore:Deprecated API features detected! These feature\(s\) are not compatible with SQLAlchemy 2.0",
    r"ignore:Timer and timing metrics publish in seconds were deprecated",  # it has that as a default
    # It warns of an extra that is no JSON object; tests give it such a one.
    r"ignore:Encountered (non-JSON|JSON value) in `extra`",
)
"""What Airflow 2.11 warns of itself; a warning is an error else, on every version."""

DEBUG_LINE = "[debug" if AIRFLOW_3 else "DEBUG"
"""What a log has where it was written at DEBUG."""

DAG_FILES_IMPORT = "airflow.sdk" if AIRFLOW_3 else "airflow.models.baseoperator, airflow.models.dag"
"""What every DAG file imports of Airflow, whichever provider it is of."""


def needs(least: str, what: str) -> pytest.MarkDecorator:
    """Skip a test where Airflow is older than the first version that has what it is about."""
    return pytest.mark.skipif(not is_since(least), reason=f"Airflow has {what} since {least}")


def load_dags(path: Path) -> Any:  # noqa: ANN401 a DagBag, which moved
    """Import the DAG files of a folder, or one."""
    if AIRFLOW_3:
        return import_module("airflow.dag_processing.dagbag").DagBag(path)
    import_module("airflow.providers.fab.auth_manager.models")  # without users no run can be deleted
    return import_module("airflow.models.dagbag").DagBag(path)


def try_dag(dag: Any, conf: Mapping[str, object], **when: datetime | None) -> Any:  # noqa: ANN401 Airflow's own
    """Run a DAG in this process, by `dag.test()`, for a `logical_date` if one is given; gives the run."""
    if not AIRFLOW_3 and "logical_date" in when:
        when["execution_date"] = when.pop("logical_date")
    return dag.test(run_conf=dict(conf), **when)


def make_scheduler(*dag_ids: str) -> Any:  # noqa: ANN401 one of two classes with the same methods
    """Give Airflow's scheduler, for these DAGs."""
    module = import_module("tests.airflow.scheduler" if AIRFLOW_3 else "tests.airflow.scheduler_2")
    return module.Scheduler(*dag_ids)


def serialise(dag: Any) -> Any:  # noqa: ANN401 Airflow's own
    """Give a DAG as it is after its way through Airflow's database."""
    module = import_module("airflow.serialization.serialized_objects")
    form = module.DagSerialization if AIRFLOW_3 else module.SerializedDAG
    return form.from_dict(form.to_dict(dag))


def tell_asset_events(dag_id: str) -> list[str]:
    """Give all that the database knows of the events that a DAG's runs were the source of."""
    from airflow.utils.session import create_session
    from sqlalchemy import select

    event_class: Any
    if AIRFLOW_3:
        event_class = import_module("airflow.models.asset").AssetEvent
    else:
        event_class = import_module("airflow.models.dataset").DatasetEvent
    with create_session() as session:
        events = session.scalars(select(event_class).where(event_class.source_dag_id == dag_id))
        return [repr(vars(event)) for event in events]


def find_hook(conn_type: str) -> Any:  # noqa: ANN401 Airflow's own
    """Give what Airflow knows of a connection type's hook where tasks run."""
    if AIRFLOW_3:
        manager = import_module("airflow.sdk.providers_manager_runtime").ProvidersManagerTaskRuntime()
    else:
        manager = import_module("airflow.providers_manager").ProvidersManager()
    return manager.hooks[conn_type]


def make_macros() -> Any:  # noqa: ANN401 a module
    """Give what templates call `macros`."""
    return import_module("airflow.sdk.execution_time.macros" if AIRFLOW_3 else "airflow.macros")
