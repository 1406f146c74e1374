"""The job of a runner: where the API is, which days to pull, and where to write them.

This module only imports the standard library, because every environment imports it.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

__all__ = ["CREDENTIALS", "Job"]

CREDENTIALS = ("bench-client", "bench-secret")
"""Client id and secret; they only give access to the server of the benchmark."""

APPLICATION_ID = "bench-application"
CODE_OPE = "0042"
GRANULARITY = "300s"


@dataclass(frozen=True, kw_only=True)
class Job:
    """The arguments of one run.

    Attributes:
        base_url: URL of the server, without a trailing slash.
        target: an empty folder.
        start: the first day to pull.
        days: the number of days.
        in_flight: pages requested at once, if the runner can do that.
        requests_per_second: the rate limit, if the runner has one.
    """

    base_url: str
    target: str
    start: str
    days: int = 1
    in_flight: int = 4
    requests_per_second: float = 1000.0

    @classmethod
    def from_arguments(cls) -> "Job":
        """Read the job from the last argument of the process."""
        return cls(**json.loads(sys.argv[-1]))

    def as_json(self) -> str:
        """Return the job as an argument for a runner."""
        return json.dumps(asdict(self))

    @property
    def token_url(self) -> str:
        """The URL of the token endpoint."""
        return f"{self.base_url}/oauth/v3/token"

    @property
    def report_url(self) -> str:
        """The URL of the report."""
        return f"{self.base_url}/api-monitoring-live/v1/pm_jobs/JOBV/reports/UTILIZATION"

    @property
    def end(self) -> str:
        """The day after the last one."""
        return str(date.fromisoformat(self.start) + timedelta(self.days))

    def each_day(self) -> Iterator[str]:
        """Return the days to pull."""
        first = date.fromisoformat(self.start)
        return (str(first + timedelta(number)) for number in range(self.days))

    def parameters(self, day: str) -> dict[str, str | list[str]]:
        """Return the query parameters for one day."""
        end = date.fromisoformat(day) + timedelta(1)
        return {
            "codeOpe": CODE_OPE,
            "startTime": f"{day}T00:00:00.000Z",
            "endTime": f"{end}T00:00:00.000Z",
            "offer_type": "EVPL",
            "granularity": GRANULARITY,
            "ctxtid": ["wses", "vsn"],
        }

    def headers(self, token: str, index: int) -> dict[str, str]:
        """Return the headers of a request for a page."""
        return {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "ApplicationID": APPLICATION_ID,
            "pagination": str(index),
        }

    @property
    def ended(self) -> Path:
        """The file in which a runner can note when its work ended; see `process.measure`."""
        return Path(self.target).with_name("ended")

    def file(self, day: str) -> Path:
        """Return the path of the file for a day, and create its folder."""
        folder = Path(self.target, f"date={day}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "samples.parquet"
