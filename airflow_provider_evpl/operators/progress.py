"""How far a pull is, in the task log: a line now and then, not one a page."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from airflow_provider_evpl.progress import Progress

__all__ = ["ProgressLog"]

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class _Logger(Protocol):
    def info(self, event: str, /, *arguments: object) -> object:
        """Write a line."""


class ProgressLog:
    """Takes a pull's progress and logs it.

    Args:
        logger: of the task.
        clock: monotonic seconds.
        every_seconds: the shortest time between two lines.
    """

    def __init__(self, logger: _Logger, *, clock: Callable[[], float], every_seconds: float = 10.0) -> None:
        self._logger = logger
        self._clock = clock
        self._every_seconds = every_seconds
        self._told_at = clock()
        self._untold: Progress | None = None

    def __call__(self, progress: "Progress") -> None:
        """Log it, if it is time for a line."""
        self._untold = progress
        if self._clock() - self._told_at >= self._every_seconds:
            self._tell(progress)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Log where the pull came to, and what it landed.

        Args:
            summary: the operator's result.
        """
        if self._untold is not None:
            self._tell(self._untold)
        self._logger.info(
            "Landed %s rows in %s slices, %.1f MB; received %s, duplicates %s, out of window %s, "
            "rejected %s; values %s of %s expected; retries %s; %s",
            f"{summary['rows']:,}",
            f"{summary['slice_count']:,}",
            summary["bytes"] / 1e6,
            f"{summary['received']:,}",
            f"{summary['duplicates']:,}",
            f"{summary['out_of_window']:,}",
            f"{summary['rejected']:,}",
            _count(summary["values"]),
            _count(summary["expected"]),
            f"{summary['retries']:,}",
            _human(summary["seconds"]),
        )

    def _tell(self, progress: "Progress") -> None:
        self._told_at = self._clock()
        self._untold = None
        left = "" if progress.seconds_left is None else f", {_human(progress.seconds_left)} left"
        self._logger.info(
            "%s pages, %s samples, %.0f %% of the window%s",
            f"{progress.pages:,}",
            f"{progress.samples:,}",
            100 * progress.share,
            left,
        )


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _human(seconds: float) -> str:
    """Write a length of time in its two largest units, rounded up: `1 h 20 min`."""
    rest = math.ceil(seconds)
    parts = []
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
