"""A task that tells where rows landed, as the pull does: at Amazon, whose console is not asked."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_evpl.hooks.storage import open_object_storage
from airflow_provider_evpl.telemetry.link import LandedLink, push_link

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class Teller(BaseOperator):
    """Opens the lake through its connection; two days have landed in it."""

    operator_extra_links = (LandedLink(),)

    def execute(self, context: "Context") -> None:
        """Do as the pull at its end."""
        store = open_object_storage("s3://lake_store@lake/evpl", None)
        folder = "samples/operator_code=op-0042/granularity=300s"
        days = ("2026-11-21", "2026-11-22")
        landed = [{"path": store.url(f"{folder}/date={day}/x.parquet")} for day in days]
        push_link(store, {"slices": landed}, context)


with DAG(dag_id="evpl_link", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    Teller(task_id="pull")
