"""Operators that read a lake: the figures of each month, and the report of a month."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_evpl.config.figures_plan import FiguresPlan, ReportPlan
from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY, given_fields, read_name
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.errors import EvplPermanentError
from airflow_provider_evpl.hooks.storage import open_object_storage, read_object

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.flows.figures.inventory import Inventory
    from airflow_provider_evpl.lake.store import Store
    from airflow_provider_evpl.telemetry.lineage import Lineage, Names

__all__ = ["EvplFiguresOperator", "EvplReportOperator"]

_RULES = (
    "object_storage_path",
    "object_storage_conn_id",
    "code_ope",
    "granularity",
    "time_zone",
    "min_coverage",
    "warning",
    "critical",
    "full_scale",
    "directions",
    "inventory",
)


class _LakeReader(BaseOperator):
    """A task that reads a lake without a connection to the API."""

    template_fields: Sequence[str] = ()
    _names: "Names | None" = None

    def get_openlineage_facets_on_complete(self, _: object) -> "Lineage | None":
        """Return the lineage: the lake that was read."""
        if self._names is None:
            return None
        from airflow_provider_evpl.telemetry.lineage import lineage_of_read

        return lineage_of_read(self._names)

    def execute(self, context: "Context") -> dict[str, object]:  # noqa: ARG002 nothing depends on the run
        """Read the arguments and the lake, and write the result.

        Returns:
            A summary of what was written: small, never rows.

        Raises:
            AirflowFailException: a retry alone won't help. Its cause is the typed error.
            EvplRetryableError: a retry may help.
        """
        from airflow_provider_evpl.telemetry.link import dataset_names

        try:
            given = given_fields(self)
            conn_id = read_name(given, "object_storage_conn_id")
            store = guarded(lambda: open_object_storage(given.get("object_storage_path"), conn_id), None)
            self._names = dataset_names(store)
            return self._compute(store, given)
        except EvplPermanentError as error:
            raise AirflowFailException(error.what) from error

    @abstractmethod
    def _compute(self, store: "Store", given: Mapping[str, object]) -> dict[str, object]:
        """Compute and write; return the task's result."""

    def _log_notes(self, notes: Sequence[str]) -> None:
        for note in notes:
            self.log.info("Note: %s", note)


class EvplFiguresOperator(_LakeReader):
    """Computes a table of figures for each month of a lake: percentiles, coverage, busy hours and trends.

    The table of a month is one Parquet object for each operator code. It has one row for each series, each
    end of a circuit and, with an inventory, each group of circuits. Months that did not change since the last
    run are not computed again.

    The task reads the lake only. It needs no connection to the API. All arguments are template fields. Each
    may be text; `None` and blank text mean "not given".

    Args:
        object_storage_path: root of the lake, as `ObjectStoragePath` reads it.
        object_storage_conn_id: storage connection, if the path doesn't name one.
        code_ope: operator code, or several: a list, or text with commas. None: all codes of the lake.
        granularity: of the samples: `300s`, `1h`.
        first_month: first month to compute: `2026-11`. None: the first month of the lake.
        last_month: last month to compute. None: the newest month of the lake.
        time_zone: of months, hours and weeks: `UTC`, `Europe/Paris`.
        min_coverage: 0 to 1: the share of the expected steps that must have a value. A series with less has
            no percentile.
        warning: threshold in percent of `full_scale`. Only larger values are above it.
        critical: the second threshold; not below `warning`.
        full_scale: the value that means a full line; 1 if the API sends shares.
        directions: `in`, `out` or `none` by metric name, for names whose last word isn't their direction.
        inventory: URL of a CSV or Parquet file with committed rates: `s3://aws_default@lake/inventory.csv`.
    """

    template_fields: Sequence[str] = (*_RULES, "first_month", "last_month")

    def __init__(  # noqa: PLR0913 one argument a setting, by keyword only
        self,
        *,
        object_storage_path: str,
        object_storage_conn_id: str | None = None,
        code_ope: str | Sequence[str] | None = None,
        granularity: str = DEFAULT_GRANULARITY,
        first_month: str | None = None,
        last_month: str | None = None,
        time_zone: str = "UTC",
        min_coverage: float | str = 0.9,
        warning: float | str = 70,
        critical: float | str = 90,
        full_scale: float | str = 100,
        directions: Mapping[str, str] | str | None = None,
        inventory: str | None = None,
        **kwargs: Any,  # noqa: ANN401 BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.object_storage_path = object_storage_path
        self.object_storage_conn_id = object_storage_conn_id
        self.code_ope = code_ope
        self.granularity = granularity
        self.first_month = first_month
        self.last_month = last_month
        self.time_zone = time_zone
        self.min_coverage = min_coverage
        self.warning = warning
        self.critical = critical
        self.full_scale = full_scale
        self.directions = directions
        self.inventory = inventory

    def _compute(self, store: "Store", given: Mapping[str, object]) -> dict[str, object]:
        from airflow_provider_evpl.flows.figures.figures import compute_figures

        plan = guarded(lambda: FiguresPlan.from_arguments(given), None)
        result = compute_figures(store, plan, inventory=_read_inventory(given, plan.time_zone)).as_dict()
        self._log_notes(result["notes"])
        self.log.info(
            "Figures: %s objects, %s computed, %s unchanged, below %s",
            f"{result['object_count']:,}",
            f"{result['computed']:,}",
            f"{result['unchanged']:,}",
            store.url("figures"),
        )
        return result


class EvplReportOperator(_LakeReader):
    """Builds the report of a month: one HTML file that shows full circuits, trends, and gaps in the data.

    The file needs no server and loads nothing. It replaces the report of an earlier run. A lake with more
    than 5,000 series gets one file for each operator code.

    The task reads the lake only. It needs no connection to the API. All arguments are template fields. Each
    may be text; `None` and blank text mean "not given".

    Args:
        object_storage_path: root of the lake, as `ObjectStoragePath` reads it.
        object_storage_conn_id: storage connection, if the path doesn't name one.
        code_ope: operator code, or several: a list, or text with commas. None: all codes of the lake.
        granularity: of the samples: `300s`, `1h`.
        month: the month to show: `2026-11`. None: the newest month of the lake.
        time_zone: of months, hours and weeks: `UTC`, `Europe/Paris`.
        min_coverage: 0 to 1: the share of the expected steps that must have a value. A series with less has
            no percentile.
        warning: threshold in percent of `full_scale`. Only larger values are above it.
        critical: the second threshold; not below `warning`.
        full_scale: the value that means a full line; 1 if the API sends shares.
        directions: `in`, `out` or `none` by metric name, for names whose last word isn't their direction.
        inventory: URL of a CSV or Parquet file with committed rates: `s3://aws_default@lake/inventory.csv`.
    """

    template_fields: Sequence[str] = (*_RULES, "month")

    def __init__(  # noqa: PLR0913 one argument a setting, by keyword only
        self,
        *,
        object_storage_path: str,
        object_storage_conn_id: str | None = None,
        code_ope: str | Sequence[str] | None = None,
        granularity: str = DEFAULT_GRANULARITY,
        month: str | None = None,
        time_zone: str = "UTC",
        min_coverage: float | str = 0.9,
        warning: float | str = 70,
        critical: float | str = 90,
        full_scale: float | str = 100,
        directions: Mapping[str, str] | str | None = None,
        inventory: str | None = None,
        **kwargs: Any,  # noqa: ANN401 BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.object_storage_path = object_storage_path
        self.object_storage_conn_id = object_storage_conn_id
        self.code_ope = code_ope
        self.granularity = granularity
        self.month = month
        self.time_zone = time_zone
        self.min_coverage = min_coverage
        self.warning = warning
        self.critical = critical
        self.full_scale = full_scale
        self.directions = directions
        self.inventory = inventory

    def _compute(self, store: "Store", given: Mapping[str, object]) -> dict[str, object]:
        from airflow_provider_evpl.flows.report.report import build_report

        plan = guarded(lambda: ReportPlan.from_arguments(given), None)
        inventory = _read_inventory(given, plan.time_zone)
        result = build_report(store, plan, inventory=inventory, now=datetime.now(UTC)).as_dict()
        for page in result["pages"]:
            self._log_notes(page["notes"])
            log = self.log.warning if page["not_judged"] else self.log.info
            log(
                "Report of %s: %s circuits, %s series: %s above %s %%, %s above %s %%, %s not judged. %s",
                result["month"],
                f"{page['circuits']:,}",
                f"{page['series']:,}",
                f"{page['above_critical']:,}",
                f"{plan.critical:g}",
                f"{page['above_warning']:,}",
                f"{plan.warning:g}",
                f"{page['not_judged']:,}",
                page["path"],
            )
        return result


def _read_inventory(given: Mapping[str, object], zone: "ZoneInfo") -> "Inventory | None":
    """Read the file of the argument `inventory`, if the argument is given."""
    if "inventory" not in given:
        return None
    from airflow_provider_evpl.flows.figures.inventory import read_inventory

    url = given["inventory"]
    data = guarded(lambda: read_object(url, read_name(given, "object_storage_conn_id"), "inventory"), None)
    return read_inventory(data, str(url), zone)
