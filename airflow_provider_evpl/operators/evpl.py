"""Pulls a window of EVPL utilization into object storage."""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY, given_fields
from airflow_provider_evpl.errors import EvplPermanentError, EvplRetryableError, one_line
from airflow_provider_evpl.flows.progress import ProgressLog
from airflow_provider_evpl.hooks.evpl import EvplHook, get_hook, read_plan
from airflow_provider_evpl.hooks.storage import open_store
from airflow_provider_evpl.operators.coverage import EvplCoverageOperator
from airflow_provider_evpl.operators.figures import EvplFiguresOperator, EvplReportOperator
from airflow_provider_evpl.operators.iceberg import EvplIcebergPublishOperator
from airflow_provider_evpl.telemetry.asset_events import add_asset_events
from airflow_provider_evpl.telemetry.link import LandedLink, push_link, try_to_push_link
from airflow_provider_evpl.telemetry.metrics import send_metrics
from airflow_provider_evpl.triggers.deferral import defer_if_asked, read_deferrable
from airflow_provider_evpl.version_compat import HAS_RETRY_POLICY

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.api.client import Client
    from airflow_provider_evpl.flows.summary import Summary
    from airflow_provider_evpl.telemetry.lineage import Lineage, Names

__all__ = [
    "EvplCoverageOperator",
    "EvplFiguresOperator",
    "EvplIcebergPublishOperator",
    "EvplReportOperator",
    "EvplUtilizationToObjectStorageOperator",
]

_IDS = ("dag_id", "run_id", "task_id", "map_index", "try_number")


class EvplUtilizationToObjectStorageOperator(BaseOperator):
    """Pulls one time window into a lake. Running again replaces each slice, and never repeats a sample.

    The window is the first of these that is given: `window_start` and `window_end`; the run's partition date;
    the last `window_length` before the data interval's end or the logical date; the data interval. The clock
    never sets the window.

    All arguments are template fields. Each may be text; `None` and blank text mean "not given".

    On Airflow 3.3 and newer, `retry_policy` is `EvplRetryPolicy` by default. If `outlets` contains assets of
    `airflow_provider_evpl.assets`, their events say what landed.

    Args:
        object_storage_path: root of the lake, as `ObjectStoragePath` reads it:
            `s3://aws_default@lake/evpl`, `gs://google_cloud_default@lake/evpl`,
            `abfs://wasb_default@lake/evpl`, `file:///data/evpl`.
        object_storage_conn_id: storage connection, if the path doesn't name one.
        evpl_conn_id: connection of type `evpl`.
        code_ope: operator code. None: the connection's.
        granularity: step of the samples: `300s`, `1h`.
        window_start: start of the window: a moment with a zone, or a date. Needs `window_end`.
        window_end: end of the window, not included.
        window_length: pull the last full window of this length on the UTC grid.
        lookback: start this much earlier, to pick up late samples. Rounded up to whole slices.
        slice_length: unit of replacement; must divide a day.
        allow_empty: land a window even if the API has no sample in it.
        on_shrink: what to do with a slice that would erase landed samples: `fail`, `keep` what has landed, or
            `replace` it.
        max_rejected_fraction: 0 to 1. A slice with a larger share of rejected samples does not land.
        min_coverage: 0 to 1: the share of a slice's steps in which each expected series must have a value. An
            incomplete slice lands, then the task fails so that Airflow retries. Slices of the lookback only
            log a warning. None: only log a warning.
        deferrable: if the API asks for a wait that is longer than the connection allows, free the worker slot
            until then, and pull the window again. None: Airflow's `[operators] default_deferrable`.
    """

    template_fields: Sequence[str] = (
        "object_storage_path",
        "object_storage_conn_id",
        "evpl_conn_id",
        "code_ope",
        "granularity",
        "window_start",
        "window_end",
        "window_length",
        "lookback",
        "slice_length",
        "allow_empty",
        "on_shrink",
        "max_rejected_fraction",
        "min_coverage",
        "deferrable",
    )
    operator_extra_links = (LandedLink(),)

    def __init__(  # noqa: PLR0913 one argument a setting, by keyword only
        self,
        *,
        object_storage_path: str,
        object_storage_conn_id: str | None = None,
        evpl_conn_id: str = EvplHook.default_conn_name,
        code_ope: str | None = None,
        granularity: str = DEFAULT_GRANULARITY,
        window_start: datetime | str | None = None,
        window_end: datetime | str | None = None,
        window_length: timedelta | str | None = None,
        lookback: timedelta | str = timedelta(),
        slice_length: timedelta | str | None = None,
        allow_empty: bool | str = False,
        on_shrink: str = "fail",
        max_rejected_fraction: float | str = 0.01,
        min_coverage: float | str | None = None,
        deferrable: bool | str | None = None,
        **kwargs: Any,  # noqa: ANN401 BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.object_storage_path = object_storage_path
        self.object_storage_conn_id = object_storage_conn_id
        self.evpl_conn_id = evpl_conn_id
        self.code_ope = code_ope
        self.granularity = granularity
        self.window_start = window_start
        self.window_end = window_end
        self.window_length = window_length
        self.lookback = lookback
        self.slice_length = slice_length
        self.allow_empty = allow_empty
        self.on_shrink = on_shrink
        self.max_rejected_fraction = max_rejected_fraction
        self.min_coverage = min_coverage
        self.deferrable = deferrable
        if HAS_RETRY_POLICY and self.retry_policy is None:
            from airflow_provider_evpl.operators.retry_policy import EvplRetryPolicy

            self.retry_policy = EvplRetryPolicy()
        self._client: Client | None = None
        self._is_killed = False
        self._lineage: tuple[Mapping[str, str], Names, Summary] | None = None

    def get_openlineage_facets_on_complete(self, _: object) -> "Lineage | None":
        """Return the lineage of the pull. If the pull failed, the lineage has what had landed."""
        if self._lineage is None:
            return None
        from airflow_provider_evpl.telemetry.lineage import lineage_of_pull

        return lineage_of_pull(*self._lineage)

    def on_kill(self) -> None:
        """Stop the pull. An object that is being written is written whole; all others stay as they were."""
        self._is_killed = True
        client = self._client
        if client is not None:
            # Airflow calls this in a signal handler, which must not wait for a lock.
            threading.Thread(target=client.stop, name="evpl-stop", daemon=True).start()

    def execute(self, context: "Context", event: object = None) -> dict[str, object]:  # noqa: ARG002 of the trigger
        """Pull the window and land it. After a deferral, pull the whole window again.

        Returns:
            A summary of what landed: small, never rows.

        Raises:
            AirflowFailException: running again alone won't help. Its cause is the typed error.
            EvplRetryableError: running again later may help.
            TaskDeferred: `deferrable` is set, and the API asked for a long wait.
        """
        is_deferrable = False
        try:
            given = given_fields(self)
            is_deferrable = read_deferrable(given)
            return self._pull(given, context)
        except EvplPermanentError as error:
            raise AirflowFailException(error.what) from error
        except EvplRetryableError as error:
            if is_deferrable:
                defer_if_asked(self, error, context, method_name="execute")
            raise
        finally:
            # The client has locks, which can be neither copied nor pickled with the task.
            self._client = None

    def _pull(self, given: Mapping[str, object], context: "Context") -> dict[str, object]:
        from airflow_provider_evpl.flows.pull import pull
        from airflow_provider_evpl.flows.summary import Summary
        from airflow_provider_evpl.telemetry.link import dataset_names

        progress = ProgressLog(self.log, clock=time.monotonic)
        with get_hook(given).get_conn() as client:
            self._client = client
            if self._is_killed:
                client.stop()
            plan = read_plan(given, context, client.settings)
            store = open_store(given, client.settings.client_secret)
            summary = Summary(plan=plan)
            self._lineage = client.settings.source, dataset_names(store), summary
            self.log.info(
                "Pulling operator code %s, %s, every %s, into %s",
                one_line(client.redact(plan.code_ope)),
                plan.window.label,
                plan.granularity.text,
                store.url("samples"),
            )
            try:
                pull(client, store, plan, provenance=_ids(context), on_progress=progress, summary=summary)
            except BaseException:
                try_to_push_link(store, summary.as_dict(), context)
                raise
        result = summary.as_dict()
        push_link(store, result, context)
        progress.finish(result)
        send_metrics(result, context)
        add_asset_events(self, context, result, summary.dates)
        return result


def _ids(context: "Context") -> dict[str, str]:
    """Return the ids of the run, for the footers of its objects."""
    task_instance = context.get("ti")
    ids = {name: getattr(task_instance, name, None) for name in _IDS}
    if ids["map_index"] == -1:
        ids["map_index"] = None
    return {name: str(value) for name, value in ids.items() if value is not None}
