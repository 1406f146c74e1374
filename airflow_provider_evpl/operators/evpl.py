"""Pulls a window of EVPL utilisation into object storage."""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_evpl.config.arguments import DEFAULT_GRANULARITY, given_fields
from airflow_provider_evpl.errors import EvplPermanentError, EvplRetryableError, one_line
from airflow_provider_evpl.flows.progress import ProgressLog
from airflow_provider_evpl.hooks.evpl import EvplHook
from airflow_provider_evpl.operators.coverage import EvplCoverageOperator
from airflow_provider_evpl.operators.inputs import hook_of, plan_of, store_of
from airflow_provider_evpl.telemetry.asset_events import add_asset_events
from airflow_provider_evpl.telemetry.link import LandedLink, push_link, push_link_of_failed
from airflow_provider_evpl.telemetry.metrics import send_metrics
from airflow_provider_evpl.triggers.deferral import defer_if_told, read_deferrable
from airflow_provider_evpl.version_compat import HAS_RETRY_POLICY

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.api.client import Client
    from airflow_provider_evpl.flows.summary import Summary
    from airflow_provider_evpl.telemetry.lineage import Lineage, Names

__all__ = ["EvplCoverageOperator", "EvplUtilizationToObjectStorageOperator"]

_IDS = ("dag_id", "run_id", "task_id", "map_index", "try_number")


class EvplUtilizationToObjectStorageOperator(BaseOperator):
    """Pulls one time window and lands it, each slice exactly once, however often it runs.

    All arguments are template fields; text is fine for each, `None` and blank mean "not given".
    The window is the first of: `window_start` and `window_end`; the run's partition date;
    `window_length`, ending at or before the data interval's end or the logical date; the data
    interval. It is never taken from the clock.

    On Airflow 3.3 its `retry_policy` is `EvplRetryPolicy`, if none is given.

    Events of assets among its `outlets` say what landed: `airflow_provider_evpl.assets` makes the lake's.

    Args:
        object_storage_path: root of the data set, as `ObjectStoragePath` reads it:
            `s3://aws_default@lake/evpl`, `gs://google_cloud_default@lake/evpl`,
            `abfs://wasb_default@lake/evpl`, `file:///data/evpl`.
        object_storage_conn_id: storage connection, where it isn't in the path.
        evpl_conn_id: connection of type `evpl`.
        code_ope: operator code; None takes the connection's.
        granularity: step of the samples: `300s`, `1h`.
        window_start: a moment with a zone, or a date; with `window_end`.
        window_end: likewise; not part of the window.
        window_length: pull the last full window of this length on the UTC grid.
        lookback: start this much earlier, to pick up late samples; in whole slices, rounded up.
        slice_length: unit of replacement, divides a day.
        allow_empty: may a window without a single sample land.
        on_shrink: a slice that would erase landed samples: `fail`, `keep` what has landed, or
            `replace` it.
        max_rejected_fraction: 0 to 1; a slice with more rejected than this is left as it was.
        min_coverage: 0 to 1: the share of a slice's steps in which each expected series must have a value. An
            incomplete slice lands, then the task fails so that Airflow retries. Slices of the lookback only
            log a warning. None: only log a warning.
        deferrable: where the API asks to wait for longer than the connection lets a request wait, give
            the worker slot back, then pull anew; None takes `[operators] default_deferrable`.
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
        if HAS_RETRY_POLICY and self.retry_policy is None:  # neither an argument nor of `default_args`
            from airflow_provider_evpl.operators.retry_policy import EvplRetryPolicy

            self.retry_policy = EvplRetryPolicy()
        self._client: Client | None = None
        self._is_killed = False
        self._pulled: tuple[Mapping[str, str], Names, Summary] | None = None

    def get_openlineage_facets_on_complete(self, _: object) -> "Lineage | None":
        """Tell OpenLineage what came from where; of a task that failed in its pull, what had landed."""
        if self._pulled is None:
            return None
        from airflow_provider_evpl.telemetry.lineage import lineage_of_pull

        return lineage_of_pull(*self._pulled)

    def on_kill(self) -> None:
        """Stop the pull: what is being put is put whole, all else stays as it was."""
        self._is_killed = True
        client = self._client
        if client is not None:  # Airflow calls this in a signal's handler: no locks here
            threading.Thread(target=client.stop, name="evpl-stop", daemon=True).start()

    def execute(self, context: "Context", event: object = None) -> dict[str, object]:  # noqa: ARG002 of the trigger
        """Pull the window and land it; after a wait in the triggerer, all of it again.

        Returns:
            The summary of what landed: small, never rows.

        Raises:
            AirflowFailException: running again alone won't help; its cause is the typed error.
            EvplRetryableError: running again later may help.
            TaskDeferred: `deferrable`, and the API named the time from which on it helps.
        """
        is_deferrable = False
        try:
            given = given_fields(self)
            is_deferrable = read_deferrable(given)
            return self._execute(given, context)
        except EvplPermanentError as error:
            raise AirflowFailException(str(error)) from error
        except EvplRetryableError as error:
            if is_deferrable:
                defer_if_told(self, error, context, method_name="execute")
            raise
        finally:
            self._client = None  # its locks can be neither copied nor pickled

    def _execute(self, given: Mapping[str, object], context: "Context") -> dict[str, object]:
        from airflow_provider_evpl.flows.pull import pull
        from airflow_provider_evpl.flows.summary import Summary
        from airflow_provider_evpl.telemetry.link import dataset_names

        progress = ProgressLog(self.log, clock=time.monotonic)
        with hook_of(given).get_conn() as client:
            self._client = client
            if self._is_killed:  # before there was one
                client.stop()
            plan = plan_of(given, context, client.settings, datetime.now(UTC))
            store = store_of(given, client.settings.client_secret)
            self.log.info(
                "Pulling operator code %s, %s, every %s, into %s",
                one_line(client.redact(plan.code_ope)),
                plan.window,
                plan.granularity.text,
                store.url("samples"),
            )
            pulled = Summary(plan=plan)
            self._pulled = client.settings.source, dataset_names(store), pulled
            try:
                pull(
                    client,
                    store,
                    plan,
                    provenance=_provenance(context),
                    on_progress=progress,
                    summary=pulled,
                )
            except BaseException:  # it has landed something, perhaps
                push_link_of_failed(store, pulled.as_dict(), context)
                raise
        summary = pulled.as_dict()
        push_link(store, summary, context)
        progress.finish(summary)
        send_metrics(summary, context)
        add_asset_events(self, context, summary, pulled.dates)
        return summary


def _provenance(context: "Context") -> dict[str, str]:
    task_instance = context.get("ti")
    ids = {name: getattr(task_instance, name, None) for name in _IDS}
    if ids["map_index"] == -1:
        ids["map_index"] = None
    return {name: str(value) for name, value in ids.items() if value is not None}
