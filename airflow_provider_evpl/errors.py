"""The error tree, sorted by what the reader should do.

::

    EvplError
    ├── EvplPermanentError        change something first: running again alone won't help
    │   ├── EvplConfigError       a connection field, an argument or the window
    │   ├── EvplAuthError         the credentials: the API refuses them (401)
    │   ├── EvplForbiddenError    the subscription with Orange (403)
    │   ├── EvplRequestError      the request: the API rejects it (other 4xx)
    │   ├── EvplResponseError     nothing here: the API does not answer as documented; report it to Orange
    │   ├── EvplRefusedError      a decision is needed: slices were left as they were, to keep data
    │   ├── EvplForeignError      the root of the lake: objects of another source are in it
    │   └── EvplStoreDeniedError  the permissions of the storage connection, or the bucket
    └── EvplRetryableError        run again later: nothing to change
        ├── EvplRateLimitError    too many requests (403/53, 429)
        ├── EvplUnavailableError  network, timeout, 408, 500, 502-504
        ├── EvplPagingError       the pages of a slice are inconsistent
        ├── EvplNotPublishedError the window has no sample yet, or ends in the future
        ├── EvplIncompleteError   fewer values landed than `min_coverage` requires, or there are gaps
        ├── EvplOverlapError      another run landed on the same interval at the same time
        └── EvplStoreError        the object store failed

A message has up to three parts, each on lines of its own: what happened and where, what to do, and details
such as the request id. No message has a secret.
"""

import re
from collections.abc import Sequence
from copy import copy
from typing import Self
from unicodedata import category

__all__ = [
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "EvplAuthError",
    "EvplConfigError",
    "EvplError",
    "EvplForbiddenError",
    "EvplForeignError",
    "EvplIncompleteError",
    "EvplNotPublishedError",
    "EvplOverlapError",
    "EvplPagingError",
    "EvplPermanentError",
    "EvplRateLimitError",
    "EvplRefusedError",
    "EvplRequestError",
    "EvplResponseError",
    "EvplRetryableError",
    "EvplStoreDeniedError",
    "EvplStoreError",
    "EvplUnavailableError",
    "name_of",
    "name_some",
    "one_line",
    "quoted",
    "wrong",
]


LONGEST_NAME = 200
"""Characters of a name that a message shows."""

LONGEST_TEXT = 500
"""Characters of any other text from outside that a message shows."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's categories

_MOST_NAMED = 5


class EvplError(Exception):
    """Root of all errors of this package.

    Each part of the text starts on a new line. Airflow's log view cuts a line after about 80 characters, so a
    part is short, or has line breaks of its own.
    """

    def __init__(self, what: str, next_step: str = "", detail: str = "") -> None:
        super().__init__("\n".join(filter(None, (what, next_step, detail))))
        self.what = what
        self.next_step = next_step
        self.detail = detail

    def within(self, place: str) -> Self:
        """Return the same error with a place before what happened: `slice 2026-11-22: ...`."""
        return self._with(f"{place}: {self.what}", self.next_step)

    def with_next_step(self, next_step: str) -> Self:
        """Return the same error with a next step, if it has none."""
        return self._with(self.what, self.next_step or next_step)

    def without_detail(self, reason: str) -> Self:
        """Return the same error, without cause, with a reason in place of its detail."""
        return self._with(self.what, self.next_step, reason)

    def without_frames(self) -> Self:
        """Drop the tracebacks of the error and of its causes, because their frames keep samples."""
        one: BaseException | None = self
        while one is not None:
            one.__traceback__ = None
            one = one.__cause__ or one.__context__
        return self

    def _with(self, what: str, next_step: str, detail: str | None = None) -> Self:
        error = copy(self)
        EvplError.__init__(error, what, next_step, self.detail if detail is None else detail)
        return error


class EvplPermanentError(EvplError):
    """Something must be changed first: running again alone does not help."""


class EvplConfigError(EvplPermanentError):
    """A connection field, an argument or the window is wrong; the message names it.

    Attributes:
        shown: the texts from outside that the message shows. All other words in it are our own.
    """

    def __init__(
        self, what: str, next_step: str = "", detail: str = "", *, shown: Sequence[str] = ()
    ) -> None:
        super().__init__(what, next_step, detail)
        self.shown = tuple(shown)

    def without_shown(self) -> Self:
        """Return the same error with `***` in place of the texts from outside."""
        error, parts = copy(self), [self.what, self.next_step, self.detail]
        for text in filter(None, self.shown):
            parts = [part.replace(text, "***") for part in parts]
        EvplConfigError.__init__(error, *parts)
        return error


class EvplAuthError(EvplPermanentError):
    """The API rejects the credentials, or each token issued for them (401)."""


class EvplForbiddenError(EvplPermanentError):
    """The application is not subscribed to the API, or is blocked (403)."""


class EvplRequestError(EvplPermanentError):
    """The API rejects the request (400, 404, 405, 406, 411-415, 422)."""


class EvplResponseError(EvplPermanentError):
    """The API does not answer as documented. Nothing is guessed, and nothing is landed."""


class EvplRefusedError(EvplPermanentError):
    """Slices were left as they were: too much of them is rejected, or landing them would erase samples."""


class EvplForeignError(EvplPermanentError):
    """An object in the way has another source, or was not written by this package."""


class EvplStoreDeniedError(EvplPermanentError):
    """The store denies access: wrong credentials, no permission, or no such bucket."""


class EvplRetryableError(EvplError):
    """Run again later; nothing has to be changed.

    Attributes:
        retry_after_seconds: the wait that the server asked for; None if it named none.
        wait_exceeds_limit: the wait is longer than the rest of `max_retry_seconds`.
    """

    def __init__(
        self,
        what: str,
        next_step: str = "",
        detail: str = "",
        *,
        retry_after_seconds: float | None = None,
        wait_exceeds_limit: bool = False,
    ) -> None:
        super().__init__(what, next_step, detail)
        self.retry_after_seconds = retry_after_seconds
        self.wait_exceeds_limit = wait_exceeds_limit


class EvplRateLimitError(EvplRetryableError):
    """Too many requests, or the quota is exhausted (403 with code 53, 429)."""


class EvplUnavailableError(EvplRetryableError):
    """The network or the service failed (no or an incomplete response, 408, 500, 502-504)."""


class EvplPagingError(EvplRetryableError):
    """The pages of a slice are inconsistent at each attempt. Nothing of the slice was landed."""


class EvplNotPublishedError(EvplRetryableError):
    """The window has no sample yet, or ends later than the clock of the worker says."""


class EvplIncompleteError(EvplRetryableError):
    """Fewer values landed than `min_coverage` requires, or `fail_on_gaps` is set and the lake has gaps."""


class EvplOverlapError(EvplRetryableError):
    """Another run landed on the same interval at the same time. The next run removes the overlap."""


class EvplStoreError(EvplRetryableError):
    """The object store failed, or has no credentials now. The slice is unchanged, or landed completely."""


def one_line(text: object, most: int = LONGEST_TEXT) -> str:
    """Return a text from outside for use in a message: on one line, and cut.

    A blank replaces each character that breaks a line, controls a terminal or is invisible: control
    characters, line and paragraph separators, marks of the writing direction, characters without a width,
    and lone surrogates.
    """
    whole = str(text)
    shown = whole[:most]
    if not shown.isprintable():
        shown = re.sub(r"\n+", " ", "".join("\n" if category(one) in _INVISIBLE else one for one in shown))
    return shown if len(whole) <= most else f"{shown}..."


def quoted(value: object) -> str:
    """Return the value of a field or an argument for use in a message: as Python writes it, cut."""
    return one_line(repr(value), LONGEST_NAME)


def name_of(*texts: str | None, most: int = LONGEST_NAME) -> str:
    """Join the texts of a name on one line, for use in a message that is redacted later.

    A longer name is replaced by its length: redaction would not recognize a part of a secret.
    """
    text = " ".join(filter(None, texts))
    return one_line(text) if len(text) <= most else f"a name of {len(text):,} characters"


def name_some(texts: Sequence[str], separator: str = ", ") -> str:
    """Return the first five texts and the number of the others: `a, b, c, d, e and 7 more`."""
    more = len(texts) - _MOST_NAMED
    return separator.join(texts[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def wrong(must: str, value: object, next_step: str = "") -> EvplConfigError:
    """Make the error of a wrong value: `must` names the field, and says what it must be."""
    text = quoted(value)
    return EvplConfigError(f"{must}, but is {text}.", next_step, shown=[text])
