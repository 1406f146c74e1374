"""Finds what a lake lacks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_evpl.config.arguments import DEFAULT_GRANULARITY, DEFAULT_MIN_COVERAGE, given_fields
from airflow_provider_evpl.config.plans import CoveragePlan
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.errors import EvplIncompleteError, EvplPermanentError
from airflow_provider_evpl.hooks.evpl import EvplHook
from airflow_provider_evpl.operators.inputs import hook_of, plan_of, store_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_evpl.flows.findings import Coverage
    from airflow_provider_evpl.telemetry.lineage import Lineage, Names

__all__ = ["EvplCoverageOperator"]

_MOST_WINDOWS = 1000  # Airflow maps 1,024 at most, `[core] max_map_length`


class EvplCoverageOperator(BaseOperator):
    """Finds what a range of a lake lacks, and returns the windows to pull again.

    Series are compared by name: each is expected from its first UTC day in the range until `give_up_after`
    after its last one. These windows are returned:

    - What is missing, and what lies in two objects: always.
    - An object that has no sample, or in which series lack values: when its age has doubled since its last
      pull, until it is given up. Of a series that vanished, only the first UTC day without it.

    Reported, but not returned: what was given up, objects that this connection didn't land, and days before
    the data set's first one. The XCom `coverage` has the counts and the first hundred findings.

    The result is ready for dynamic task mapping, `pull.expand_kwargs(coverage.output)`: the newest thousand
    windows, if there are more. Arguments are read, and the range is found, as in the pull operator. It reads
    the lake, and asks the API nothing.

    Args:
        object_storage_path: root of the data set, as `ObjectStoragePath` reads it.
        object_storage_conn_id: storage connection, where it isn't in the path.
        evpl_conn_id: connection of type `evpl`: whose objects are meant.
        code_ope: operator code; None takes the connection's.
        granularity: step of the samples: `300s`, `1h`.
        window_start: a moment with a zone, or a date; with `window_end`.
        window_end: likewise; not part of the range.
        window_length: the last full window of this length on the UTC grid.
        lookback: start this much earlier; rounded up to whole lengths of the window, or to days.
        min_coverage: 0 to 1: the share of an object's steps in which each expected series must have a value.
        give_up_after: when to stop pulling a window that stays incomplete: after a pull later than this
            age, at the latest at twice this age. Also how long a series is expected after its last UTC day.
            None: never.
        fail_on_gaps: fail while anything is wrong in the range, for a task of its own after the pulls.
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
        """Tell OpenLineage which lake was looked over."""
        if self._names is None:
            return None
        from airflow_provider_evpl.telemetry.lineage import lineage_of_read

        return lineage_of_read(self._names)

    def execute(self, context: "Context") -> list[dict[str, str]]:
        """Return `window_start` and `window_end` of each window to pull again, within one UTC day each.

        Raises:
            AirflowFailException: running again alone won't help; its cause is the typed error.
            EvplIncompleteError: `fail_on_gaps`, and something is wrong in the range.
            EvplRetryableError: running again later may help.
        """
        from airflow_provider_evpl.window import iso

        try:
            coverage, fails_on_gaps = self._find_gaps(given_fields(self), context)
        except EvplPermanentError as error:
            raise AirflowFailException(str(error)) from error
        for message in coverage.messages:
            self.log.warning("%s", message)
        windows = coverage.windows
        returned = windows[-_MOST_WINDOWS:]
        self.log.info(
            "Read %s objects in %s: %s findings, %s windows to pull again, %s of them returned, %s given up",
            f"{coverage.objects:,}",
            coverage.window,
            f"{len(coverage.findings):,}",
            f"{len(windows):,}",
            f"{len(returned):,}",
            f"{coverage.given_up:,}",
        )
        context["ti"].xcom_push(key="coverage", value=coverage.as_dict())
        if fails_on_gaps and coverage.gaps:
            raise EvplIncompleteError(
                f"{len(coverage.gaps):,} findings in {coverage.window}, and fail_on_gaps is set. Pull the "
                "windows again; the XCom coverage lists the first hundred findings. The first one: "
                f"{coverage.gaps[0]}"
            )
        return [{"window_start": iso(one.start), "window_end": iso(one.end)} for one in returned]

    def _find_gaps(self, given: Mapping[str, object], context: "Context") -> "tuple[Coverage, bool]":
        from airflow_provider_evpl.flows.coverage import find_gaps
        from airflow_provider_evpl.lake.layout import Dataset
        from airflow_provider_evpl.lake.objects import Objects
        from airflow_provider_evpl.telemetry.link import dataset_names

        settings = hook_of(given).get_settings()
        now = datetime.now(UTC)
        plan = plan_of(given, context, settings, now)
        store = store_of(given, settings.client_secret)
        rule = guarded(lambda: CoveragePlan.from_arguments(given), settings.client_secret)
        self._names = dataset_names(store)
        coverage = find_gaps(
            Objects(store, Dataset(plan.code_ope, plan.granularity.text), settings.source),
            plan.window,
            min_coverage=rule.min_coverage,
            give_up_after=rule.give_up_after,
            now=now,
        )
        return coverage, rule.fail_on_gaps
