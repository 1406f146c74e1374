"""The error tree, sorted by what the reader should do.

::

    EvplError
    ├── EvplPermanentError        change something first: running again alone won't help
    │   ├── EvplConfigError       a connection field, an argument or the window
    │   ├── EvplAuthError         the credentials: the API refuses them (401)
    │   ├── EvplForbiddenError    the subscription with Orange (403)
    │   ├── EvplRequestError      the request: the API calls it wrong (other 4xx)
    │   ├── EvplResponseError     nothing here: the API answers against its own document; report it
    │   ├── EvplRefusedError      decide: slices were left as they were, to keep data
    │   ├── EvplForeignError      the root of the lake: somebody else's objects are in it
    │   └── EvplStoreDeniedError  the storage connection's rights, or the bucket
    └── EvplRetryableError        run again later: nothing to change
        ├── EvplRateLimitError    too many requests (403/53, 429)
        ├── EvplUnavailableError  network, time-out, 408, 500, 502-504
        ├── EvplPagingError       the pages of a slice don't add up, perhaps they moved
        ├── EvplNotPublishedError the window has no sample yet, or lies ahead
        ├── EvplIncompleteError   fewer values landed than `min_coverage` asks, or there are gaps
        ├── EvplOverlapError      another run landed on the same interval meanwhile
        └── EvplStoreError        the object store failed

Each message says what, where (slice, page), the request id where there is one, and the next step.
None holds a secret.
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
"""How many characters of a name a message shows."""

LONGEST_TEXT = 500
"""How many characters of any other text from outside a message shows."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's categories

_MOST_NAMED = 5


class EvplError(Exception):
    """Root of all errors of this package.

    The text of an error has a line for each of its parts. Airflow's log view cuts a line after about 80
    characters, so a part is short, or has line breaks of its own.

    Args:
        what: what happened, and where.
        next_step: what the reader does about it.
        detail: what helps to find the cause.
    """

    def __init__(self, what: str, next_step: str = "", detail: str = "") -> None:
        super().__init__("\n".join(filter(None, (what, next_step, detail))))
        self.what = what
        self.next_step = next_step
        self.detail = detail

    def within(self, place: str) -> Self:
        """Return the same error with a place before what happened: `slice 2026-11-22: ...`."""
        error = copy(self)
        EvplError.__init__(error, f"{place}: {self.what}", self.next_step, self.detail)
        return error


class EvplPermanentError(EvplError):
    """Change something first: running again alone won't help."""


class EvplConfigError(EvplPermanentError):
    """A connection field, an argument or the window is wrong; the message names it.

    Attributes:
        without_value: the message without the wrong value, for where that holds a secret.
    """

    def __init__(
        self, what: str, next_step: str = "", detail: str = "", *, without_value: str | None = None
    ) -> None:
        super().__init__(what, next_step, detail)
        self.without_value = str(self) if without_value is None else without_value


class EvplAuthError(EvplPermanentError):
    """The API refuses the credentials, or every token made of them (401)."""


class EvplForbiddenError(EvplPermanentError):
    """The API is not subscribed, or the requester is blocked (403)."""


class EvplRequestError(EvplPermanentError):
    """The API calls the request wrong (400, 404, 405, 406, 411-415, 422)."""


class EvplResponseError(EvplPermanentError):
    """The API answered against its own document; nothing is guessed, nothing is landed."""


class EvplRefusedError(EvplPermanentError):
    """Slices were left as they were: too much in them is rejected, or landing them would erase samples."""


class EvplForeignError(EvplPermanentError):
    """An object in the way has another source, or was not written by this package."""


class EvplStoreDeniedError(EvplPermanentError):
    """The store refuses: wrong credentials, no permission, or no such bucket."""


class EvplRetryableError(EvplError):
    """Run again later; nothing needs to change.

    Attributes:
        retry_after_seconds: how long the other side asked to wait; None where it didn't say.
        wait_exceeds_limit: that is longer than what was left of `max_retry_seconds`.
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
    """Too many requests, or a quota is used up (403 with code 53, 429)."""


class EvplUnavailableError(EvplRetryableError):
    """The network or the service failed (no answer, a cut one, 408, 500, 502-504)."""


class EvplPagingError(EvplRetryableError):
    """The pages of a slice don't add up, again and again; nothing of it was landed."""


class EvplNotPublishedError(EvplRetryableError):
    """The window has no sample yet, or ends ahead of the worker's clock."""


class EvplIncompleteError(EvplRetryableError):
    """Fewer values have landed than `min_coverage` asks for, or a lake with `fail_on_gaps` has gaps."""


class EvplOverlapError(EvplRetryableError):
    """Another run landed on the same interval meanwhile; the next run tidies up."""


class EvplStoreError(EvplRetryableError):
    """The object store failed, or has no credentials now; the slice is as it was, or landed whole."""


def one_line(text: object, most: int = LONGEST_TEXT) -> str:
    """Show a text from outside in a message: on one line, and cut.

    What breaks a line, steers a terminal or is invisible becomes a blank: control characters, line and
    paragraph separators, marks of the direction of writing, characters of no width, halves of characters.

    Args:
        text: whatever others say: an API, a library, a footer, a name, a field of a connection.
        most: the longest text that is shown whole, in characters.
    """
    whole = str(text)
    shown = whole[:most]
    if not shown.isprintable():
        shown = re.sub(r"\n+", " ", "".join("\n" if category(one) in _INVISIBLE else one for one in shown))
    return shown if len(whole) <= most else f"{shown}..."


def quoted(value: object) -> str:
    """Show the value of a field or an argument in a message: as Python writes it, cut."""
    return one_line(repr(value), LONGEST_NAME)


def name_of(*texts: str | None, most: int = LONGEST_NAME) -> str:
    """Join the texts of a name on one line, for a message in which secrets are searched later.

    A name of more characters is counted, not cut: a half of a secret would not be recognised as one.
    """
    text = " ".join(filter(None, texts))
    return one_line(text) if len(text) <= most else f"a name of {len(text):,} characters"


def name_some(texts: Sequence[str]) -> str:
    """Name the first five texts, and the number of the others: `a, b, c, d, e and 7 more`."""
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def wrong(must: str, value: object) -> EvplConfigError:
    """Make the error of a wrong value.

    Args:
        must: names the field and says what it must be.
        value: is shown on one line, and cut.
    """
    return EvplConfigError(f"{must}, is {quoted(value)}", without_value=f"{must}, is ***")
