"""Find the busiest circuits of a window, on demand, with the hook's data frame in a TaskFlow task.

Use this for a single question without a lake. The same two lines work in a notebook. Memory grows with the
window, so for more than a few days land the samples and query the lake.

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_evpl.hooks.evpl import EvplHook

EVPL_CONN_ID = "evpl_default"

# A circuit has four series: two ends, which the pop_ columns identify, and one metric per direction.
SERIES = ["object_instance_id", "metric_name", "pop_country", "pop_name", "pop_section_name"]


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"window_start": "2026-11-20", "window_end": "2026-11-21", "top": 10},
    tags=["evpl"],
    doc_md=__doc__,
)
def evpl_taskflow_question() -> None:
    """Return the busiest series as the result of the task."""

    @task
    def busiest(*, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the series with the highest peaks: a few rows. The samples stay in the task."""
        asked = params or {}
        frame = EvplHook(EVPL_CONN_ID).get_utilization_df(asked["window_start"], asked["window_end"])
        series = frame.groupby(SERIES, dropna=False)["value"]
        peaks = series.agg(peak="max", mean="mean").nlargest(asked["top"], "peak").reset_index()
        rows: list[dict[str, Any]] = peaks.astype(object).where(peaks.notna(), None).to_dict("records")
        return rows  # for JSON: a missing name or value is None, not NaN

    busiest()


evpl_taskflow_question()
