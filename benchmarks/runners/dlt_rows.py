"""dlt as its documentation has it: a resource that yields a dict a row, into Parquet files."""

from collections.abc import Iterator

import dlt

from benchmarks.job import Job
from benchmarks.runners.plain import NAMES, pages


def rows(job: Job) -> Iterator[dict[str, object]]:
    """Give a dict a sample."""
    for day in job.each_day():
        for page in pages(job, day):
            for entry in page["entries"]:
                names = {name: entry[name] for name in NAMES}
                for sample in entry["performanceValues"]:
                    yield {**names, "timeStamp": sample["timeStamp"], "value": float(sample["value"])}


def main(job: Job) -> None:
    """Run a pipeline of its own into the target."""
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=f"{job.target}/_pipelines",
        destination=dlt.destinations.filesystem(f"file://{job.target}"),
        dataset_name="lake",
    )
    resource = dlt.resource(rows(job), name="samples", write_disposition="append")
    pipeline.run(resource, loader_file_format="parquet").raise_on_failed_jobs()


if __name__ == "__main__":
    main(Job.from_arguments())
