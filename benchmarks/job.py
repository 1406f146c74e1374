"""What a runner is told: where the API is, which days to pull, and where to put them.

Imported in every environment, so it needs the standard library alone.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

__all__ = ["CREDENTIALS", "Job"]

CREDENTIALS = ("bench-client", "bench-secret")
"""Client id and secret; they open nothing but the benchmark's server."""

APPLICATION_ID = "bench-application"
CODE_OPE = "0042"
GRANULARITY = "300s"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run.

    Attributes:
        base_url: of the server, without a trailing slash.
        target: an empty folder.
        start: first day to pull.
        days: how many.
        in_flight: pages asked for at once, where the runner can.
        requests_per_second: the pace, where the runner keeps one.
    """

    base_url: str
    target: str
    start: str
    days: int = 1
    in_flight: int = 4
    requests_per_second: float = 1000.0

    @classmethod
    def from_arguments(cls) -> "Job":
        """Read the last argument of the process."""
        return cls(**json.loads(sys.argv[-1]))

    def as_json(self) -> str:
        """Write the argument."""
        return json.dumps(asdict(self))

    @property
    def token_url(self) -> str:
        """Where tokens are issued."""
        return f"{self.base_url}/oauth/v3/token"

    @property
    def report_url(self) -> str:
        """Where pages are served."""
        return f"{self.base_url}/api-monitoring-live/v1/pm_jobs/JOBV/reports/UTILIZATION"

    @property
    def end(self) -> str:
        """The day after the last one."""
        return str(date.fromisoformat(self.start) + timedelta(self.days))

    def each_day(self) -> Iterator[str]:
        """Name the days."""
        first = date.fromisoformat(self.start)
        return (str(first + timedelta(number)) for number in range(self.days))

    def parameters(self, day: str) -> dict[str, str | list[str]]:
        """Give the query of one day."""
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
        """Give the headers of a page's request."""
        return {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "ApplicationID": APPLICATION_ID,
            "pagination": str(index),
        }

    @property
    def ended(self) -> Path:
        """Where a runner may write down when its work was over: see `process.measure`."""
        return Path(self.target).with_name("ended")

    def file(self, day: str) -> Path:
        """Name a day's file, in a folder that is there."""
        folder = Path(self.target, f"date={day}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "samples.parquet"
