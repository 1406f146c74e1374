"""Publishes landed days of a lake into an Apache Iceberg table."""

import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY, given_fields, read_name
from airflow_provider_evpl.config.publish_plan import PublishPlan
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.errors import EvplPermanentError
from airflow_provider_evpl.hooks.evpl import EvplHook, get_hook
from airflow_provider_evpl.hooks.iceberg import DEFAULT_CONN_ID, check_extra, with_catalog
from airflow_provider_evpl.hooks.storage import open_store
from airflow_provider_evpl.telemetry.asset_events import add_asset_events

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pyiceberg.catalog import Catalog

    from airflow_provider_evpl.flows.publish.publish import Publication, Publisher
    from airflow_provider_evpl.lake.store import Store
    from airflow_provider_evpl.telemetry.lineage import Lineage, Names

__all__ = ["EvplIcebergPublishOperator"]

_LONGEST_PAUSE_SECONDS = 2.0


class EvplIcebergPublishOperator(BaseOperator):
    """Publishes landed UTC days into an Apache Iceberg table. A day of the lake replaces that of the table.

    Each day of an operator code is read from the lake as it is when the task runs. A day that the table
    already has in this state is skipped. Readers of the table see the old day or the new one. Up to a
    hundred days are replaced in one commit.

    The table is created if it is missing: the columns of the lake and `granularity`, partitioned by operator
    code, granularity and UTC day.

    Run one task for all operator codes, and don't map it: tasks that publish at the same time into one table
    wait for each other, and the last ones fail.

    Args:
        table: namespace and name of the table: `evpl.utilization`.
        object_storage_path: root of the lake, as `ObjectStoragePath` reads it.
        iceberg_conn_id: Airflow's connection of the catalog, of type `iceberg`.
        object_storage_conn_id: storage connection, if the path doesn't name one.
        evpl_conn_id: connection of type `evpl` that landed the objects.
        code_ope: operator code, or a list of codes. None: the connection's.
        granularity: step of the samples: `300s`, `1h`.
        window_start: start of the range: a moment with a zone, or a date. Needs `window_end`.
        window_end: end of the range, not included.
        window_length: publish the last full window of this length on the UTC grid.
        lookback: start this much earlier.
        on_missing: what to do about a day that isn't in the lake: `fail`, after all other days are
            published; or `delete` its rows from the table.

    Raises:
        EvplConfigError: the extra `iceberg` is not installed.
    """

    template_fields: Sequence[str] = (
        "table",
        "object_storage_path",
        "iceberg_conn_id",
        "object_storage_conn_id",
        "evpl_conn_id",
        "code_ope",
        "granularity",
        "window_start",
        "window_end",
        "window_length",
        "lookback",
        "on_missing",
    )

    def __init__(  # noqa: PLR0913 one argument a setting, by keyword only
        self,
        *,
        table: str,
        object_storage_path: str,
        iceberg_conn_id: str = DEFAULT_CONN_ID,
        object_storage_conn_id: str | None = None,
        evpl_conn_id: str = EvplHook.default_conn_name,
        code_ope: str | Sequence[str] | None = None,
        granularity: str = DEFAULT_GRANULARITY,
        window_start: datetime | str | None = None,
        window_end: datetime | str | None = None,
        window_length: timedelta | str | None = None,
        lookback: timedelta | str = timedelta(),
        on_missing: str = "fail",
        **kwargs: Any,  # noqa: ANN401 BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        check_extra()
        self.table = table
        self.object_storage_path = object_storage_path
        self.iceberg_conn_id = iceberg_conn_id
        self.object_storage_conn_id = object_storage_conn_id
        self.evpl_conn_id = evpl_conn_id
        self.code_ope = code_ope
        self.granularity = granularity
        self.window_start = window_start
        self.window_end = window_end
        self.window_length = window_length
        self.lookback = lookback
        self.on_missing = on_missing
        self._names: Names | None = None
        self._table = ""
        self._publisher: Publisher | None = None

    def get_openlineage_facets_on_complete(self, _: object) -> "Lineage | None":
        """Return the lineage: from the lake to the table. If the task failed, with what was published."""
        if self._names is None or self._publisher is None or self._publisher.location is None:
            return None
        from airflow_provider_evpl.telemetry.lineage import lineage_of_publication

        rows = self._publisher.publication.rows
        return lineage_of_publication(self._names, self._table, self._publisher.location, rows)

    def execute(self, context: "Context") -> dict[str, object]:
        """Publish the days of the window and return what was done.

        Raises:
            AirflowFailException: running again alone won't help. Its cause is the typed error.
            EvplNotPublishedError: a day isn't in the lake, and `on_missing` is `fail`.
            EvplRetryableError: running again later may help. Several errors of days are raised as one: a
                temporary one if any of them is temporary.
        """
        try:
            publication = self._publish(given_fields(self), context)
        except EvplPermanentError as error:
            raise AirflowFailException(error.what) from error
        result = {"table": self._table, **publication.as_dict()}
        # An earlier try may have published days and failed, so without an event.
        is_retry = "ti" in context and context["ti"].try_number > 1
        add_asset_events(self, context, result, publication.dates(is_retry=is_retry))
        return result

    def _publish(self, given: Mapping[str, object], context: "Context") -> "Publication":
        from airflow_provider_evpl.telemetry.link import dataset_names

        settings = get_hook(given).get_settings()
        plan = guarded(
            lambda: PublishPlan.from_arguments(
                given,
                run=RunTimes.from_context(context),
                default_code_ope=settings.code_ope,
                now=datetime.now(UTC),
            ),
            settings.client_secret,
        )
        store = open_store(given, settings.client_secret)
        self._names = dataset_names(store)
        conn_id = read_name(given, "iceberg_conn_id") or DEFAULT_CONN_ID
        return with_catalog(
            conn_id, lambda catalog: self._publish_into(catalog, store, settings.source, plan)
        )

    def _publish_into(
        self, catalog: "Catalog", store: "Store", source: Mapping[str, str], plan: PublishPlan
    ) -> "Publication":
        from airflow_provider_evpl.flows.publish.publish import Publisher
        from airflow_provider_evpl.flows.publish.table import open_table
        from airflow_provider_evpl.flows.publish.units import Unit

        publisher = Publisher(
            store,
            source,
            lambda: open_table(catalog, plan.table),
            wait=_pause,
            deletes_missing=plan.deletes_missing,
        )
        self._table, self._publisher = plan.table, publisher
        pairs = product(plan.codes, plan.days)
        try:
            return publisher.publish(Unit(code, plan.granularity.text, day) for code, day in pairs)
        finally:
            self._log_publication(publisher.publication)

    def _log_publication(self, done: "Publication") -> None:
        self.log.info(
            "Published %s days with %s rows in %s commits; %s days were unchanged, %s emptied, %s failed",
            f"{len(done.published):,}",
            f"{done.rows:,}",
            len(done.snapshots),
            f"{len(done.skipped):,}",
            f"{len(done.emptied):,}",
            f"{len(done.failed) + len(done.missing):,}",
        )


def _pause(attempt: int) -> None:
    """Wait longer after each failed attempt, with jitter, so that two publishers don't meet again."""
    time.sleep(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.1 * 2**attempt)))  # noqa: S311 no secret
