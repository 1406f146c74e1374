"""Keeps secrets out of every text that leaves the API side: of errors, and of raw JSON."""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import Final, TypeVar

from airflow_provider_evpl.errors import LONGEST_TEXT, EvplConfigError, EvplError, one_line
from airflow_provider_evpl.escapes import LONGEST_FORM, MOST_SEARCHED, Reading

__all__ = ["Secrets"]

_HIDDEN: Final = "***"
_MOST_TOKENS: Final = 16
_PART: Final = 1 << 18
_SHORTEST_IN_NAMES: Final = 6
_Error = TypeVar("_Error", bound=EvplError)


class Secrets:
    """Texts that must never be shown, and a way to redact them in what servers and libraries say.

    A secret is found plain, in base64, and however a server escapes its characters: percent-encoded, as HTML
    entities, as JSON does (once or twice), behind backslashes, or as UTF-8 that was read as Latin-1.
    Of a secret with more than 1,000 characters the first 1,000 are searched, and all after them is hidden.

    Safe to share between threads.
    """

    def __init__(self, on_secret: Callable[[str], None]) -> None:
        self._on_secret = on_secret
        self._lock = threading.Lock()
        self._lasting: tuple[str, ...] = ()
        self._tokens: tuple[str, ...] = ()
        self._known: tuple[str, ...] = ()

    def add(self, secret: str, *, is_token: bool = False) -> None:
        """Learn a secret. Newer tokens replace older ones: only the last 16 tokens are kept."""
        with self._lock:
            if secret in self._lasting:
                return
            if secret not in self._tokens:
                self._on_secret(secret)
            if is_token:
                earlier = (token for token in self._tokens if token != secret)
                self._tokens = (*earlier, secret)[-_MOST_TOKENS:]
            else:
                self._lasting = (*self._lasting, secret)
            known = (*self._lasting, *self._tokens)
            self._known = tuple(dict.fromkeys(form for one in known for form in _forms_of(one)))

    def redact(self, text: str, *, most: int | None = None) -> str:
        """Replace every secret in a text, however the secret is escaped.

        The time grows with the length of the text, whatever is in the text and in the secrets.

        Args:
            text: to be shown or kept.
            most: return only the beginning of the text, up to so many characters. A secret that begins there
                is hidden, even if it ends later.
        """
        end = len(text) if most is None else min(most, len(text))
        parts = (slice(at, min(at + _PART, end)) for at in range(0, end, _PART))
        places = sorted(place for part in parts for place in _find(self._known, text, part))
        return "".join(_hide(text, places, end)) if places else text[:end]

    def quote(self, text: str) -> str:
        """Show a text from outside: on one line, cut, without secrets."""
        beginning = self.redact(text, most=LONGEST_TEXT)
        return one_line(beginning, len(beginning)) + ("..." if len(text) > LONGEST_TEXT else "")

    def redact_error(self, error: _Error) -> _Error:
        """Return the same error without secrets, each of its lines cut."""
        parts = (error.what, error.next_step, error.detail)
        safe = copy(error)
        EvplError.__init__(safe, *("\n".join(map(self.quote, part.split("\n"))) for part in parts))
        if isinstance(safe, EvplConfigError):
            safe.shown = ()
        return safe

    def is_in_names(self, names: str) -> bool:
        """Whether a secret is in names that would land.

        A secret of fewer than six characters is not searched, because it may be a part of any name.
        """
        known = [one for one in self._known if len(one) >= _SHORTEST_IN_NAMES]
        parts = (slice(at, at + _PART) for at in range(0, len(names), _PART))
        return any(True for part in parts for _ in _find(known, names, part))


def _forms_of(secret: str) -> Iterator[str]:
    """Give a secret as it is, as a message on one line shows it, and in base64."""
    yield secret
    yield one_line(secret, len(secret))
    if len(secret) >= _SHORTEST_IN_NAMES:
        yield b64encode(secret.encode(errors="surrogatepass")).decode().rstrip("=")


def _find(known: Sequence[str], text: str, part: slice) -> Iterator[tuple[int, int]]:
    """Give the places of secrets that begin in a part of a text; the whole text would take much memory."""
    longest = min(max(map(len, known), default=0), MOST_SEARCHED)
    reading = Reading(text[part.start : part.stop + longest * LONGEST_FORM])
    for secret in known:
        for start, end in reading.find(secret):
            yield part.start + start, part.start + end if len(secret) <= MOST_SEARCHED else len(text)


def _hide(text: str, places: Iterable[tuple[int, int]], end: int) -> Iterator[str]:
    """Give the pieces of a text up to an end; overlapping places become one `***`."""
    shown = 0
    for start, stop in places:
        if start >= end:
            break
        if start >= shown:
            yield text[shown:start]
            yield _HIDDEN
        shown = max(shown, stop)
    yield text[shown:end]
