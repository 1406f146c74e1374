"""The common recipe: requests, `json_normalize`, `to_parquet`, one file per day."""

import pandas as pd

from benchmarks.job import Job
from benchmarks.runners.plain import NAMES, pages


def main(job: Job) -> None:
    """Pull each day."""
    for day in job.each_day():
        entries = [entry for page in pages(job, day) for entry in page["entries"]]
        frame = pd.json_normalize(entries, "performanceValues", list(NAMES))
        frame["timeStamp"] = pd.to_datetime(frame["timeStamp"])
        frame["value"] = pd.to_numeric(frame["value"])
        frame.to_parquet(job.file(day))


if __name__ == "__main__":
    main(Job.from_arguments())
