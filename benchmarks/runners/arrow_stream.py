"""A plain stream of Arrow: a record batch a page, written as it comes. No order, no check."""

import pyarrow.parquet as pq

from benchmarks.job import Job
from benchmarks.runners.plain import SCHEMA, batch, pages


def main(job: Job) -> None:
    """Pull each day."""
    for day in job.each_day():
        with pq.ParquetWriter(job.file(day), SCHEMA, compression="zstd") as writer:
            for page in pages(job, day):
                writer.write_batch(batch(page))


if __name__ == "__main__":
    main(Job.from_arguments())
