"""dlt with Arrow: load a resource that yields one record batch per page into Parquet files."""

from benchmarks.job import Job
from benchmarks.runners.dlt_load import load
from benchmarks.runners.plain import batch, pages


def main(job: Job) -> None:
    """Load the record batch of each page."""
    load(job, (batch(page) for day in job.each_day() for page in pages(job, day)))


if __name__ == "__main__":
    main(Job.from_arguments())
