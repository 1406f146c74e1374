"""A plain pyarrow stream: write each page as one record batch, without sorting or checks."""

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
