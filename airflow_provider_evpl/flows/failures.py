"""Collects the errors of single slices, and the values that are missing, for the end of a run."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from airflow_provider_evpl.errors import (
    EvplError,
    EvplForeignError,
    EvplIncompleteError,
    EvplOverlapError,
    EvplPagingError,
    EvplRequestError,
    EvplResponseError,
    EvplRetryableError,
    EvplUnavailableError,
)
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.completeness import Completeness, name_lacks
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.window import DAY, Window, floor

__all__ = ["Shortfalls", "SliceFailures"]

# After three slices in a row the API itself is probably down.
_MOST_UNANSWERED = 3
_MOST_SHOWN = 5
_UNANSWERED = (EvplPagingError, EvplRequestError, EvplResponseError, EvplUnavailableError)
_OF_ONE_SLICE = (*_UNANSWERED, EvplForeignError, EvplOverlapError)
_log = logging.getLogger(__name__)


class SliceFailures:
    """Collects the errors of a run's slices.

    Some errors concern all slices and are raised at once: refused credentials, a rate limit, a store that
    fails, a wait that is too long, a run that is being stopped. If the API fails for three slices in a row,
    the run stops too.
    """

    def __init__(self, summary: Summary, is_stopped: Callable[[], bool]) -> None:
        self._summary = summary
        self._is_stopped = is_stopped
        self._errors: list[tuple[Window, EvplError]] = []
        self._slices: set[Window] = set()
        self._unanswered = 0

    @contextmanager
    def of(self, window: Window) -> Iterator[None]:
        """Collect the error that is raised inside, if it belongs to this slice alone.

        Raises:
            EvplError: the error concerns all slices, or it is the third one in a row.
        """
        self._slices.add(window)
        try:
            yield
        except _OF_ONE_SLICE as error:
            if self._is_stopped() or (isinstance(error, EvplRetryableError) and error.wait_exceeds_limit):
                raise
            self.add(window, error.without_frames())
            self._unanswered += isinstance(error, _UNANSWERED)
            if self._unanswered == _MOST_UNANSWERED:
                raise self._join() from error

    def add(self, window: Window, error: EvplError) -> None:
        """Collect an error."""
        self._errors.append((window, error))

    def reset_count(self) -> None:
        """Note that the API answered, because only errors in a row stop the run."""
        self._unanswered = 0

    @property
    def are_permanent(self) -> bool:
        """Whether a slice could not be read, and no error is worth a retry."""
        errors = [error for _, error in self._errors]
        is_unread = any(isinstance(error, _OF_ONE_SLICE) for error in errors)
        return is_unread and not any(isinstance(error, EvplRetryableError) for error in errors)

    def raise_all(self) -> None:
        """Raise all errors as one: retryable if any of them is, with the longest wait that the API asked for.

        Return if there are no errors.
        """
        if self._errors:
            raise self._join()

    def log_rest(self) -> None:
        """Log the errors that no raised error shows: another error stopped the run, or they are too many."""
        for window, error in self._errors:
            _log.warning("%s", _describe(window, error))
        self._errors.clear()

    def _join(self) -> EvplError:
        """Make one error of all; those that it doesn't show stay for `log_rest`."""
        by_time = sorted(self._errors, key=lambda one: one[0])
        self._errors = by_time[_MOST_SHOWN:]
        errors = [error for _, error in by_time]
        if len(errors) == len(self._slices) == 1:
            return errors[0]
        what, detail = self._count(by_time), self._list(by_time[:_MOST_SHOWN])
        retryable = [error for error in errors if isinstance(error, EvplRetryableError)]
        if not retryable:
            return type(errors[0])(what, "Do what each error below says, then run the task again.", detail)
        waits = [one.retry_after_seconds for one in retryable if one.retry_after_seconds is not None]
        return type(retryable[0])(
            what,
            "Airflow retries the task. If an error below stays, do what it says.",
            detail,
            retry_after_seconds=max(waits, default=None),
        )

    def _count(self, by_time: list[tuple[Window, EvplError]]) -> str:
        incomplete = sum(isinstance(error, EvplIncompleteError) for _, error in by_time)
        failed = sum(window in self._slices for window, _ in by_time) - incomplete
        landed = len(self._summary.landings)
        counts = f"{_slices(failed)} failed, {landed:,} landed" if failed else f"{_slices(landed)} landed"
        more = f", {incomplete:,} incomplete" if incomplete else ""
        return f"window {self._summary.plan.window.label}: {counts}{more}."

    def _list(self, shown: list[tuple[Window, EvplError]]) -> str:
        lines = [_describe(*one) for one in shown]
        if self._unanswered == _MOST_UNANSWERED:
            lines.insert(0, "The API failed for three slices in a row, so the run stopped.")
        if self._errors:
            lines.append(f"and {len(self._errors):,} more: see the warnings in the log")
        return "\n".join(lines)


def _describe(window: Window, error: EvplError) -> str:
    """Return the slice and its error, each line after the first one indented."""
    named = error if window.label in error.what else error.within(f"slice {window.label}")
    return str(named).replace("\n", "\n  ")


def _slices(count: int) -> str:
    return "1 slice" if count == 1 else f"{count:,} slices"


class Shortfalls:
    """Counts a run's values by UTC day, and fails slices with less than the plan's `min_coverage`.

    The summary's `expected` grows by what becomes known after a slice has landed.
    """

    def __init__(
        self, summary: Summary, *, fail: Callable[[Window, EvplError], None], redact: Callable[[str], str]
    ) -> None:
        self._summary = summary
        self._plan = summary.plan
        self._fail = fail
        self._redact = redact
        self._unchecked: list[Completeness] = []
        self._expected = Counter[datetime]()
        self._values = Counter[datetime]()
        self._worst: dict[datetime, tuple[float, str]] = {}

    def add(self, samples: Samples) -> None:
        """Take a slice that has landed, the newest one first.

        A slice is checked when an older one with samples has landed, because it should have the series of
        that one too.
        """
        if samples.series:
            for one in self._unchecked:
                is_near = one.window.start - samples.window.end < DAY
                more = one.expecting(samples.series) if is_near else one
                self._summary.expect_more(more.expected - one.expected)
                self.check(more)
            self._unchecked.clear()
        if samples.completeness:
            self._unchecked.append(samples.completeness)

    def finish(self) -> None:
        """Check the slices that have no older one."""
        for one in self._unchecked:
            self.check(one)
        self._unchecked.clear()

    def check(self, one: Completeness) -> None:
        """Count the values of a slice, and fail it if a series has too few of them.

        A slice without a sample is incomplete, unless the plan allows empty ones.
        """
        if not one.expected and self._plan.allow_empty:
            return
        self._count(one)
        share = self._plan.min_coverage
        if share and self._plan.own_window.overlaps(one.window) and (not one.expected or one.lacking(share)):
            error = EvplIncompleteError(
                f"slice {one.window.label}: landed with {one.values:,} of {one.expected:,} expected values, "
                f"min_coverage is {share:g}.",
                "Airflow retries. If the error stays, check the circuits below.",
                self._redact(_name_lacks(one, share)),
            )
            self._fail(one.window, error)

    def _count(self, one: Completeness) -> None:
        day = floor(one.window.start, DAY)
        self._expected[day] += one.expected
        self._values[day] += one.values
        share = _share(one.values, one.expected)
        if share < self._worst.get(day, (1.0, ""))[0]:
            self._worst[day] = share, f"slice {one.window.label}: {_name_lacks(one, 1)}"

    def message(self) -> str | None:
        """Say how much of the worst day has landed, and what to do; None if no value is missing."""
        if not self._worst:
            return None
        shares = {day: _share(self._values[day], self._expected[day]) for day in self._worst}
        day = min(shares, key=lambda one: (shares[one], one))
        more = f"{len(self._worst) - 1:,} more days lack values.\n" if len(self._worst) > 1 else ""
        return self._redact(
            f"{_percent(shares[day])} of {day:%Y-%m-%d}: {self._values[day]:,} of {self._expected[day]:,} "
            f"expected values have landed.\n{more}"
            "To pull late values, set lookback, or min_coverage so that Airflow retries.\n"
            "The example DAG evpl_repair pulls values that stay missing.\n"
            f"{self._worst[day][1]}"
        )


def _name_lacks(one: Completeness, share: float) -> str:
    return name_lacks(one.lacking(share)) if one.expected else "no series has a sample"


def _share(values: int, expected: int) -> float:
    """Return the share of the expected values; 0 if no value is expected."""
    return values / expected if expected else 0.0


def _percent(share: float) -> str:
    """Round down, so that an incomplete day never shows as 100.0 %."""
    return f"{math.floor(share * 1000) / 10:.1f} %"
