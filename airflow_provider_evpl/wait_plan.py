"""What to wait for: the sensor's arguments, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_evpl.arguments import (
    FIVE_MINUTES,
    given_arguments,
    read_code_ope,
    read_granularity,
    read_min_series,
    read_window,
    within_dates,
)
from airflow_provider_evpl.fields import read_duration
from airflow_provider_evpl.window import Granularity, RunTimes, Window, iso

__all__ = ["LONGEST_WAIT", "WaitPlan"]

LONGEST_WAIT = timedelta(days=1)
"""Where the API says how long to wait, nobody waits longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPlan:
    """Which window to wait for, and when it counts as published.

    Attributes:
        code_ope: the operator code, an opaque string.
        window: may lie ahead of the clock.
        granularity: has a step that begins in the window.
        min_series: so many series must have their last sample of the window.
        due: before that nothing is asked: the window's end and some time to settle.
    """

    code_ope: str
    window: Window
    granularity: Granularity
    min_series: int
    due: datetime

    @classmethod
    def from_arguments(
        cls, arguments: Mapping[str, object], *, run: RunTimes, default_code_ope: str | None
    ) -> "WaitPlan":
        """Read the sensor's arguments by name, as given or rendered.

        Absent, None, the text `None` and blank text are "not given".

        Raises:
            EvplConfigError: an argument is missing or wrong; the message names it.
        """
        given = {"granularity": FIVE_MINUTES.text, "settle": "0s"} | given_arguments(arguments)
        granularity = read_granularity(given["granularity"], "granularity")
        settle = read_duration(given["settle"], "settle")
        with within_dates():
            window = read_window(given, run)
            granularity.last_step_in(window)
            return cls(
                code_ope=read_code_ope(given, default_code_ope),
                window=window,
                granularity=granularity,
                min_series=read_min_series(given),
                due=window.end + settle,
            )

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "WaitPlan":
        """Read what `as_dict` wrote."""
        return cls(
            code_ope=written["code_ope"],
            window=Window(
                datetime.fromisoformat(written["window_start"]),
                datetime.fromisoformat(written["window_end"]),
            ),
            granularity=Granularity(written["granularity"]),
            min_series=written["min_series"],
            due=datetime.fromisoformat(written["due"]),
        )

    def as_dict(self) -> dict[str, str | int]:
        """Write it as JSON can."""
        return {
            "code_ope": self.code_ope,
            "granularity": self.granularity.text,
            "window_start": iso(self.window.start),
            "window_end": iso(self.window.end),
            "min_series": self.min_series,
            "due": iso(self.due),
        }
