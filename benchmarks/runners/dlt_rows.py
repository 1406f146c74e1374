"""dlt as its documentation has it: a resource that yields a dict a row, into Parquet files."""

from collections.abc import Iterator

from benchmarks.job import Job
from benchmarks.runners.dlt_load import load
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
    """Load each sample's dict."""
    load(job, rows(job))


if __name__ == "__main__":
    main(Job.from_arguments())
