"""Download only: count the bytes and do nothing else. This shows the maximum speed of the server."""

from benchmarks.job import Job
from benchmarks.runners.wire import Wire


def main(job: Job) -> None:
    """Request all pages."""
    wire = Wire(job)
    size = sum(sum(wire.pages(day, len)) for day in job.each_day())
    print(f"{size:,} bytes")


if __name__ == "__main__":
    main(Job.from_arguments())
