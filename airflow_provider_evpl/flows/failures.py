"""Collects the errors of single slices; the run raises them together at its end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
from airflow_provider_evpl.window import Window

__all__ = ["SliceFailures"]

# After three slices in a row the API itself is probably down.
_MOST_UNANSWERED = 3
_MOST_LINES = 20
_UNANSWERED = (EvplPagingError, EvplRequestError, EvplResponseError, EvplUnavailableError)
_OF_ONE_SLICE = (*_UNANSWERED, EvplForeignError, EvplOverlapError)
_log = logging.getLogger(__name__)


class SliceFailures:
    """Collects the errors of a run's slices.

    Credentials, a rate limit, a wait that is longer than allowed, a run that is being stopped, and the store
    concern all slices: such an error is raised at once. Three slices in a row that the API can't answer stop
    the run too.

    Args:
        summary: of the run: what has landed.
        is_stopped: whether the run is being stopped.
    """

    def __init__(self, summary: Summary, is_stopped: Callable[[], bool]) -> None:
        self._summary = summary
        self._is_stopped = is_stopped
        self._errors: list[tuple[Window, EvplError]] = []
        self._slices: set[Window] = set()
        self._unanswered = 0

    @contextmanager
    def of(self, window: Window) -> Iterator[None]:
        """Keep the error that is raised inside, if it belongs to this slice alone.

        Raises:
            EvplError: the error concerns all slices, or it is the third one in a row.
        """
        self._slices.add(window)
        try:
            yield
        except _OF_ONE_SLICE as error:
            if self._is_stopped() or (isinstance(error, EvplRetryableError) and error.wait_exceeds_limit):
                raise
            self.add(window, _without_frames(error))
            self._unanswered += isinstance(error, _UNANSWERED)
            if self._unanswered == _MOST_UNANSWERED:
                raise self._all() from error

    def add(self, window: Window, error: EvplError) -> None:
        """Keep an error, and log it now, because an error that stops the run hides the collected ones.

        Slices that are incomplete have one warning a run, for all of them.
        """
        if not isinstance(error, EvplIncompleteError):
            _log.warning("%s", _tell(window, error))
        self._errors.append((window, error))

    @property
    def miss_a_slice(self) -> bool:
        """Whether a slice could not be read, and no error is worth a retry."""
        errors = [error for _, error in self._errors]
        is_missed = any(isinstance(error, _OF_ONE_SLICE) for error in errors)
        return is_missed and not any(isinstance(error, EvplRetryableError) for error in errors)

    def answered(self) -> None:
        """Note that the API answered, because only errors in a row stop the run."""
        self._unanswered = 0

    def raise_all(self) -> None:
        """Raise all errors as one; return if there are none.

        Raises:
            EvplError: retryable if any of them is, with the longest wait that the API asked for.
        """
        if self._errors:
            raise self._all()

    def _all(self) -> EvplError:
        by_time = sorted(self._errors, key=lambda one: one[0])
        errors = [error for _, error in by_time]
        if len(errors) == len(self._slices) == 1:
            return errors[0]
        lines = [self._count(errors), *(_tell(*one) for one in by_time[:_MOST_LINES])]
        if len(errors) > _MOST_LINES:
            lines.append(f"and {len(errors) - _MOST_LINES:,} more, see the log")
        message = "\n".join(lines)
        retryable = [error for error in errors if isinstance(error, EvplRetryableError)]
        if not retryable:
            return type(errors[0])(message)
        waits = [one.retry_after_seconds for one in retryable if one.retry_after_seconds is not None]
        return type(retryable[0])(message, retry_after_seconds=max(waits, default=None))

    def _count(self, errors: list[EvplError]) -> str:
        incomplete = sum(isinstance(error, EvplIncompleteError) for error in errors)
        left = len(errors) - incomplete
        counts = (
            f"slices landed: {len(self._summary.landings)}",
            f"failed: {left}" if left else "",
            f"landed with fewer values than min_coverage: {incomplete}" if incomplete else "",
        )
        stopped = "; the run stopped because the API failed for three slices in a row"
        return f"{', '.join(filter(None, counts))}{stopped if self._unanswered == _MOST_UNANSWERED else ''}:"


def _without_frames(error: EvplError) -> EvplError:
    """Drop the tracebacks of an error and its causes, because their frames keep the slice's samples."""
    one: BaseException | None = error
    while one is not None:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error


def _tell(window: Window, error: EvplError) -> str:
    """Name the slice; most errors do so themselves, one of the token doesn't."""
    text = str(error)
    return text if str(window) in text or window.label in text else f"slice {window}: {text}"
