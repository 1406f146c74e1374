"""How far a pull is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_evpl.page import Page
from airflow_provider_evpl.window import Window

__all__ = ["Progress", "ProgressMeter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a pull is.

    Attributes:
        pages, samples: received so far.
        share: of the window, 0 to 1.
        seconds_left: None until there is something to reckon from.
    """

    pages: int
    samples: int
    share: float
    seconds_left: float | None


class ProgressMeter:
    """Turns pages into progress.

    Args:
        window: the whole of it.
        on_progress: is told after every page.
        clock: monotonic seconds.
    """

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
        """Since the pull began."""
        return self._clock() - self._started

    def begin(self, target: Window) -> None:
        """Turn to the next slice, in any order."""
        self._done += self._target_length
        self._target_length, self._target_pages = target.length, 0

    def page(self, page: Page) -> None:
        """Count a page and tell."""
        self._pages += 1
        self._target_pages += 1
        self._samples += sum(len(entry.timestamps) for entry in page.entries)
        share = self._share(page.total_pages)
        left = self.seconds * (1 - share) / share if share else None
        self._on_progress(Progress(pages=self._pages, samples=self._samples, share=share, seconds_left=left))

    def _share(self, total_pages: int | None) -> float:
        inside = min(1.0, self._target_pages / total_pages) if total_pages else 0.0
        return min(1.0, (self._done + inside * self._target_length) / self._window.length)
