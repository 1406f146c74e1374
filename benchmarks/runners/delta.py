"""deltalake: write the record batches to a table, and replace the partition of the day in one commit."""

import pyarrow as pa
from deltalake import write_deltalake

from benchmarks.job import Job
from benchmarks.runners.plain import SCHEMA, batch, pages


def main(job: Job) -> None:
    """Pull each day."""
    schema = SCHEMA.append(pa.field("date", pa.string()))
    for day in job.each_day():
        batches = (
            one.append_column("date", pa.repeat(day, one.num_rows)) for one in map(batch, pages(job, day))
        )
        write_deltalake(
            job.target,
            pa.RecordBatchReader.from_batches(schema, batches),
            partition_by=["date"],
            mode="overwrite",
            predicate=f"date = '{day}'",
        )


if __name__ == "__main__":
    main(Job.from_arguments())
