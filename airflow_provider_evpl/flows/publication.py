"""Asks whether a window is published, with the smallest possible requests; no sample is kept."""

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.config.plans import LONGEST_WAIT, WaitPlan
from airflow_provider_evpl.errors import EvplRetryableError
from airflow_provider_evpl.window import EPOCH, Granularity, Window, iso, microseconds

if TYPE_CHECKING:
    from airflow_provider_evpl.models import Series

__all__ = ["Watch", "count_published"]

_log = logging.getLogger(__name__)


class Watch:
    """Polls now and then whether a window is published. `str()` of it says what the last poll saw."""

    def __init__(self, plan: WaitPlan, *, clock: Callable[[], datetime]) -> None:
        self._plan = plan
        self._clock = clock
        self._due = plan.due
        self._seen = f"window {plan.window.label}: nothing seen yet (requests begin at {iso(plan.due)})"
        self._failure = ""
        self._series: int | None = None

    @property
    def due(self) -> datetime:
        """The time of the next request: the plan's, or later if the API asked to wait, up to a day."""
        return self._due

    @property
    def has_failed(self) -> bool:
        """Whether the last poll met a temporary error: the API is down, or asks to wait."""
        return bool(self._failure)

    @property
    def series(self) -> int | None:
        """The number of series that the last poll saw; None if it sent no request, or failed."""
        return self._series

    def __str__(self) -> str:
        """Say how many series the last successful poll saw, and why a later one failed."""
        return self._seen + self._failure

    def poll(self, client: Client) -> bool:
        """Poll once, if a request is due. Return whether enough series have their last sample.

        A temporary error is logged and counts as "not yet".

        Raises:
            EvplPermanentError: polling again won't help.
        """
        is_published = self._clock() >= self._due and self._count(client)
        _log.log(logging.WARNING if self._failure else logging.INFO, "%s", self)
        return is_published

    def _count(self, client: Client) -> bool:
        plan = self._plan
        self._failure, self._series = "", None
        try:
            self._series = count_published(
                client,
                code_ope=plan.code_ope,
                granularity=plan.granularity,
                window=plan.window,
                enough=plan.min_series,
            )
        except EvplRetryableError as error:
            self._failure = f"; the last poll failed: {' '.join(str(error).splitlines())}"
            if error.retry_after_seconds:
                self._due = self._clock() + min(timedelta(seconds=error.retry_after_seconds), LONGEST_WAIT)
            return False
        counts = f"{self._series} of {plan.min_series} series have their last sample"
        self._seen = f"window {plan.window.label}: {counts}"
        return self._series >= plan.min_series


def count_published(
    client: Client, *, code_ope: str, granularity: Granularity, window: Window, enough: int
) -> int:
    """Count the series that have a sample in the last step that begins in a window.

    Orange does not say whether a timestamp marks the start or the end of its step. A window's samples are
    those whose timestamp lies in it, and so is its last one [A]. A sample without a value counts, because it
    is a row in the lake. An unreadable sample is logged and not counted.

    No further page is requested once `enough` series are counted.
    """
    last = granularity.last_step_in(window)
    requested = Window(last.replace(microsecond=0), window.end)  # a request has whole seconds
    query = Query(code_ope=code_ope, granularity=granularity, window=requested)
    first, end = (microseconds(moment - EPOCH) for moment in (last, window.end))
    found: set[Series] = set()
    rejected, reason = 0, ""
    with closing(client.pages(query)) as pages:
        for page in pages:
            rejected += sum(one.samples for one in page.rejections)
            reason = reason or next((one.reason for one in page.rejections), "")
            for entry in page.entries:
                if any(first <= timestamp < end for timestamp in entry.timestamps):
                    found.add(entry.series)
            if len(found) >= enough:
                break
    if rejected:
        _log.warning("%d samples can't be read and don't count, the first: %s", rejected, reason)
    return len(found)
