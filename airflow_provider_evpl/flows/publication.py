"""How far a window is published: asked with the smallest request there is, nothing is kept."""

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
    """Looks now and then whether a window is published; as text it says what was seen last.

    Args:
        plan: what to wait for.
        clock: the time, with its zone.
    """

    def __init__(self, plan: WaitPlan, *, clock: Callable[[], datetime]) -> None:
        self._plan = plan
        self._clock = clock
        self._due = plan.due
        self._seen = f"window {plan.window}: nothing seen yet (asked from {iso(plan.due)} on)"
        self._failure = ""
        self._series: int | None = None

    @property
    def due(self) -> datetime:
        """Before that nothing is asked: the plan's, or later where the API said to wait, a day at most."""
        return self._due

    @property
    def has_failed(self) -> bool:
        """Whether the last look met what may pass: the API is away, or asks to wait."""
        return bool(self._failure)

    @property
    def series(self) -> int | None:
        """How many series the last look saw, enough or too few; None where it didn't ask, or failed."""
        return self._series

    def __str__(self) -> str:
        """How many series were there at the last look that worked, and why a later one didn't."""
        return self._seen + self._failure

    def poll(self, client: Client) -> bool:
        """Poll once, if it is time: whether enough series have their last sample.

        What may pass is logged, and counts as "not yet".

        Raises:
            EvplPermanentError: looking again won't help.
        """
        is_published = self._clock() >= self._due and self._ask(client)
        _log.log(logging.WARNING if self._failure else logging.INFO, "%s", self)
        return is_published

    def _ask(self, client: Client) -> bool:
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
            self._failure = f"; the last look failed: {error}"
            if error.retry_after_seconds:
                self._due = self._clock() + min(timedelta(seconds=error.retry_after_seconds), LONGEST_WAIT)
            return False
        self._seen = (
            f"window {plan.window}: {self._series} of {plan.min_series} series have their last sample"
        )
        return self._series >= plan.min_series


def count_published(
    client: Client, *, code_ope: str, granularity: Granularity, window: Window, enough: int
) -> int:
    """Count the series that have their last sample of a window: one in the last step that begins in it.

    Whether a timestamp is the start or the end of its step, nobody knows; a window's samples are
    those whose timestamp lies in it, so the last one is too [A]. A sample without a value counts:
    it is a row in the lake. One that can't be read is none, it is only logged.

    Args:
        client: asks for one page after the other.
        code_ope: the operator code.
        granularity: has a step that begins in the window.
        window: what should be published.
        enough: at so many series no further page is asked for.

    Raises:
        EvplConfigError: no step begins in the window, or the granularity has no fixed length.
        EvplPagingError: the pages don't add up.
        EvplError: as `Client.page`.
    """
    last = granularity.last_step_in(window)
    asked = Window(last.replace(microsecond=0), window.end)  # whole seconds, as a request has them
    query = Query(code_ope=code_ope, granularity=granularity, window=asked)
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
