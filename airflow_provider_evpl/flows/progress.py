"""Measures how far a pull is, and logs it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_evpl.window import Window

if TYPE_CHECKING:
    # Airflow imports this module when it parses a DAG file, and the models import msgspec.
    from airflow_provider_evpl.models import Page

__all__ = ["Progress", "ProgressLog", "ProgressMeter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a pull is.

    Attributes:
        pages, samples: received so far.
        share: the share of the window that is pulled, 0 to 1.
        seconds_left: an estimate; None until a share of the window is pulled.
    """

    pages: int
    samples: int
    share: float
    seconds_left: float | None


class ProgressMeter:
    """Measures the progress of a pull by its pages, with a clock of monotonic seconds."""

    def __init__(
        self, window: Window, on_progress: Callable[[Progress], None], clock: Callable[[], float]
    ) -> None:
        self._window = window
        self._on_progress = on_progress
        self._clock = clock
        self._started = clock()
        self._pages = self._samples = 0
        self._done = timedelta()
        self._target_length = timedelta()
        self._target_pages = 0

    @property
    def seconds(self) -> float:
        """The duration of the pull so far."""
        return self._clock() - self._started

    def begin(self, target: Window) -> None:
        """Begin the next slice. The order of the slices does not matter."""
        self._done += self._target_length
        self._target_length, self._target_pages = target.length, 0

    def page(self, page: "Page") -> None:
        """Count a page, and call `on_progress`."""
        self._pages += 1
        self._target_pages += 1
        self._samples += sum(len(entry.timestamps) for entry in page.entries)
        share = self._share(page.total_pages)
        left = self.seconds * (1 - share) / share if share else None
        self._on_progress(Progress(pages=self._pages, samples=self._samples, share=share, seconds_left=left))

    def _share(self, total_pages: int | None) -> float:
        inside = min(1.0, self._target_pages / total_pages) if total_pages else 0.0
        return min(1.0, (self._done + inside * self._target_length) / self._window.length)


_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class _Logger(Protocol):
    def info(self, event: str, /, *arguments: object) -> object:
        """Log a line."""


class ProgressLog:
    """Logs the progress of a pull, with `every_seconds` between two lines at least."""

    def __init__(self, logger: _Logger, *, clock: Callable[[], float], every_seconds: float = 10.0) -> None:
        self._logger = logger
        self._clock = clock
        self._every_seconds = every_seconds
        self._logged_at = clock()
        self._unlogged: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Log a line, if the last one is old enough."""
        self._unlogged = progress
        if self._clock() - self._logged_at >= self._every_seconds:
            self._log(progress)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Log the last progress, and what the pull has landed."""
        if self._unlogged is not None:
            self._log(self._unlogged)
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

    def _log(self, progress: Progress) -> None:
        self._logged_at = self._clock()
        self._unlogged = None
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
    """Return a duration in its two largest units, rounded up: `1 h 20 min`."""
    rest = math.ceil(seconds)
    parts = []
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
