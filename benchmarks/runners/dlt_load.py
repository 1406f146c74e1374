"""The dlt pipeline of both dlt runners: it writes Parquet files below the target."""

from collections.abc import Iterable

import dlt

from benchmarks.job import Job

__all__ = ["load"]


def load(job: Job, samples: Iterable[object]) -> None:
    """Run a new pipeline on these samples."""
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=f"{job.target}/_pipelines",
        destination=dlt.destinations.filesystem(f"file://{job.target}"),
        dataset_name="lake",
    )
    resource = dlt.resource(samples, name="samples", write_disposition="append")
    pipeline.run(resource, loader_file_format="parquet").raise_on_failed_jobs()
