"""dlt as in its documentation: load a resource that yields one dict per row into Parquet files."""

from collections.abc import Iterator

from benchmarks.job import Job
from benchmarks.runners.dlt_load import load
from benchmarks.runners.plain import NAMES, pages


def rows(job: Job) -> Iterator[dict[str, object]]:
    """Yield one dict per sample."""
    for day in job.each_day():
        for page in pages(job, day):
            for entry in page["entries"]:
                names = {name: entry[name] for name in NAMES}
                for sample in entry["performanceValues"]:
                    yield {**names, "timeStamp": sample["timeStamp"], "value": float(sample["value"])}


def main(job: Job) -> None:
    """Load the dict of each sample."""
    load(job, rows(job))


if __name__ == "__main__":
    main(Job.from_arguments())
