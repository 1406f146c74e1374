"""Finds what a lake lacks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_evpl.config.plans import (
    DEFAULT_GRANULARITY,
    DEFAULT_MIN_COVERAGE,
    CoveragePlan,
    given_fields,
)
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.errors import EvplIncompleteError, EvplPermanentError
from airflow_provider_evpl.hooks.evpl import EvplHook, get_hook, read_plan
from airflow_provider_evpl.hooks.storage import open_store

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.flows.findings import Coverage
    from airflow_provider_evpl.telemetry.lineage import Lineage, Names

__all__ = ["EvplCoverageOperator"]

# Airflow's default `[core] max_map_length` is 1,024.
_MOST_WINDOWS = 1000


class EvplCoverageOperator(BaseOperator):
    """Finds what a range of a lake lacks, and returns the windows to pull again.

    The operator returns these windows:

    - Missing windows, and windows with the same samples in two objects: always.
    - Windows without a sample, or in which series lack values: when their age has doubled since the last
      pull, until they are given up. For a series that vanished, only the first UTC day without it.

    The operator reports but does not return windows that were given up, objects that this connection didn't
    land, and days before the first day of the lake. The XCom `coverage` has the counts and the first hundred
    findings.

    The result fits dynamic task mapping: `pull.expand_kwargs(coverage.output)`. If there are more than a
    thousand windows, the newest thousand are returned. The arguments and the range are resolved as in the
    pull operator. The operator reads the lake only, and sends no request to the API.

    Series are compared by name. Each series is expected from its first UTC day in the range until
    `give_up_after` after its last one.

    Args:
        object_storage_path: root of the lake, as `ObjectStoragePath` reads it.
        object_storage_conn_id: storage connection, if the path doesn't name one.
        evpl_conn_id: connection of type `evpl` that landed the objects.
        code_ope: operator code. None: the connection's.
        granularity: step of the samples: `300s`, `1h`.
        window_start: start of the range: a moment with a zone, or a date. Needs `window_end`.
        window_end: end of the range, not included.
        window_length: examine the last full window of this length on the UTC grid.
        lookback: start this much earlier. Rounded up to whole lengths of the window, or to days.
        min_coverage: 0 to 1: the share of an object's steps in which each expected series must have a value.
        give_up_after: when to stop returning a window that stays incomplete: after a pull later than this
            age, at the latest at twice this age. Also how long a series is expected after its last UTC day.
            None: never.
        fail_on_gaps: fail while the range has a finding. Use it in a task of its own after the pulls.
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
        "min_coverage",
        "give_up_after",
        "fail_on_gaps",
    )

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
        min_coverage: float | str = DEFAULT_MIN_COVERAGE,
        give_up_after: timedelta | str | None = "7d",
        fail_on_gaps: bool | str = False,
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
        self.min_coverage = min_coverage
        self.give_up_after = give_up_after
        self.fail_on_gaps = fail_on_gaps
        self._names: Names | None = None

    def get_openlineage_facets_on_complete(self, _: object) -> "Lineage | None":
        """Return the lineage: the lake that was read."""
        if self._names is None:
            return None
        from airflow_provider_evpl.telemetry.lineage import lineage_of_read

        return lineage_of_read(self._names)

    def execute(self, context: "Context") -> list[dict[str, str]]:
        """Return `window_start` and `window_end` of each window to pull again, within one UTC day each.

        Raises:
            AirflowFailException: running again alone won't help. Its cause is the typed error.
            EvplIncompleteError: `fail_on_gaps` is set, and the range has a finding.
            EvplRetryableError: running again later may help.
        """
        from airflow_provider_evpl.window import iso

        try:
            coverage, fails_on_gaps = self._find_gaps(given_fields(self), context)
        except EvplPermanentError as error:
            raise AirflowFailException(error.what) from error
        for message in coverage.messages:
            self.log.warning("%s", message)
        windows = coverage.windows
        returned = windows[-_MOST_WINDOWS:]
        self.log.info(
            "Read %s objects in %s: %s findings, %s windows to pull again, %s of them returned, %s given up",
            f"{coverage.objects:,}",
            coverage.window.label,
            f"{len(coverage.findings):,}",
            f"{len(windows):,}",
            f"{len(returned):,}",
            f"{coverage.given_up:,}",
        )
        context["ti"].xcom_push(key="coverage", value=coverage.as_dict())
        if fails_on_gaps and coverage.gaps:
            raise EvplIncompleteError(
                f"{len(coverage.gaps):,} findings in {coverage.window.label}, and fail_on_gaps is set.",
                "Pull the windows again. The XCom `coverage` lists the first hundred findings.",
                f"The first one: {coverage.gaps[0]}",
            )
        return [{"window_start": iso(one.start), "window_end": iso(one.end)} for one in returned]

    def _find_gaps(self, given: Mapping[str, object], context: "Context") -> "tuple[Coverage, bool]":
        from airflow_provider_evpl.flows.coverage import find_gaps
        from airflow_provider_evpl.lake.layout import Dataset
        from airflow_provider_evpl.lake.objects import Objects
        from airflow_provider_evpl.telemetry.link import dataset_names

        settings = get_hook(given).get_settings()
        plan = read_plan(given, context, settings)
        store = open_store(given, settings.client_secret)
        rule = guarded(lambda: CoveragePlan.from_arguments(given), settings.client_secret)
        self._names = dataset_names(store)
        coverage = find_gaps(
            Objects(store, Dataset(plan.code_ope, plan.granularity.text), settings.source),
            plan.window,
            min_coverage=rule.min_coverage,
            give_up_after=rule.give_up_after,
            now=datetime.now(UTC),
        )
        return coverage, rule.fail_on_gaps
