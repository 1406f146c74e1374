"""The server's ceiling: bytes are counted, nothing else is done with them."""

from benchmarks.job import Job
from benchmarks.runners.wire import Wire


def main(job: Job) -> None:
    """Fetch all pages."""
    wire = Wire(job)
    size = sum(sum(wire.pages(day, len)) for day in job.each_day())
    print(f"{size:,} bytes")


if __name__ == "__main__":
    main(Job.from_arguments())
