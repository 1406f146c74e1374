"""Compute the 95th percentile of each series and month whenever samples land, as a table beside the lake.

The percentile is the nearest rank, as in burst billing: of the 8,640 five-minute samples of 30 days, the top
432 are dropped. It is indicative, not an invoice. The columns `samples` and `expected` show how much of the
month the percentile covers. DuckDB reads the lake through the storage connection of the pull. It comes with
the extra `report`, in a checkout of airflow-provider-evpl: pip install '.[report]'

Did a task fail? Search `docs/troubleshooting.md` of airflow-provider-evpl for its message.
"""

import calendar
import os
import re
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, Asset, ObjectStoragePath, task

from airflow_provider_evpl.assets import samples_asset

# As in evpl_utilization_daily.py: the asset of that DAG triggers this one.
LAKE_ROOT = os.environ.get("EVPL_LAKE_ROOT")

if not LAKE_ROOT:
    raise RuntimeError(
        "The environment variable EVPL_LAKE_ROOT is not set.\n"
        "Set it to the root of the lake where Airflow parses and runs DAGs,\n"
        "for example file:///data/evpl or s3://aws_default@lake/evpl."
    )

root: str = LAKE_ROOT
lake = re.sub("//[^/]*@", "//", root, count=1).rstrip("/")
p95 = Asset(f"{lake}/p95")

QUESTION = """
    SELECT code_ope, object_instance_id, metric_name, pop_country, pop_name, pop_section_name,
        quantile_disc(value, 0.95) AS p95,
        count(value) AS samples,
        $expected AS expected
    FROM read_parquet($objects, hive_partitioning = false)
    GROUP BY ALL
    ORDER BY ALL
"""

with DAG(
    dag_id="evpl_p95_monthly",
    schedule=[samples_asset(root)],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={"months": []},  # a manual run can name months, for example 2026-11
    tags=["evpl"],
    doc_md=__doc__,
):

    @task
    def months(*, params: dict[str, list[str]] | None = None) -> list[str]:
        """Return the months to compute: the last two in the lake, because samples may arrive late."""
        fs = ObjectStoragePath(root).fs
        fs.invalidate_cache()
        days = fs.glob(f"{lake}/samples/operator_code=*/granularity=300s/date=*")
        found = {re.sub(r".*/date=(\d{4}-\d\d)-\d\d$", r"\1", day.rstrip("/")) for day in days}
        return (params or {})["months"] or sorted(found)[-2:]

    @task(outlets=[p95], map_index_template="{{ task.op_kwargs.month }}")
    def compute(month: str) -> str:
        """Replace the table of the month and return its path."""
        import duckdb
        import pyarrow as pa
        import pyarrow.parquet as pq

        fs = ObjectStoragePath(root).fs
        fs.invalidate_cache()
        objects = f"{lake}/samples/operator_code=*/granularity=300s/date={month}-*/*.parquet"
        expected = calendar.monthrange(*map(int, month.split("-")))[1] * 288
        with duckdb.connect() as db:
            db.register_filesystem(fs)
            table = db.sql(QUESTION, params={"objects": objects, "expected": expected}).to_arrow_table()
        written = pa.BufferOutputStream()
        pq.write_table(table, written)
        path = f"{lake}/p95/month={month}/p95.parquet"
        if lake.startswith("file:"):  # on a store, makedirs would ask for the right to create a bucket
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        fs.pipe_file(path, written.getvalue().to_pybytes())
        return path

    compute.expand(month=months())
