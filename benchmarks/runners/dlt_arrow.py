"""dlt with Arrow: a resource that yields a record batch a page, into Parquet files."""

import dlt

from benchmarks.job import Job
from benchmarks.runners.plain import batch, pages


def main(job: Job) -> None:
    """Run a pipeline of its own into the target."""
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=f"{job.target}/_pipelines",
        destination=dlt.destinations.filesystem(f"file://{job.target}"),
        dataset_name="lake",
    )
    batches = (batch(page) for day in job.each_day() for page in pages(job, day))
    resource = dlt.resource(batches, name="samples", write_disposition="append")
    pipeline.run(resource, loader_file_format="parquet").raise_on_failed_jobs()


if __name__ == "__main__":
    main(Job.from_arguments())
