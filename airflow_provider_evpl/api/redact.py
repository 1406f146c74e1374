"""Keeps secrets out of every text that leaves the API side."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from airflow_provider_evpl.errors import LONGEST_TEXT, one_line
from airflow_provider_evpl.escapes import LONGEST_FORM, MOST_SEARCHED, Reading

__all__ = ["Secrets"]

_HIDDEN: Final = "***"
_MOST_PASSING: Final = 16
_PART: Final = 1 << 18


class Secrets:
    """Texts that must never be shown, and a way to hide them in what servers and libraries say.

    A secret is found however a server escapes each of its characters: percent-encoded, as an entity of HTML,
    as JSON does (once or twice), behind backslashes, or as UTF-8 that was read as Latin-1.
    If a secret has more than 1,000 characters, the first 1,000 are searched, and all after them is hidden.

    Safe to share between threads.

    Args:
        on_secret: is told each new one, so that the caller can hide it in its own logs.
    """

    def __init__(self, on_secret: Callable[[str], None]) -> None:
        self._on_secret = on_secret
        self._lock = threading.Lock()
        self._lasting: tuple[str, ...] = ()
        self._passing: tuple[str, ...] = ()
        self._known: tuple[str, ...] = ()

    def add(self, secret: str, *, passes: bool = False) -> None:
        """Learn one; of those that pass, tokens that a newer one replaces, only the last few are kept."""
        with self._lock:
            if secret not in (*self._lasting, *self._passing):
                self._on_secret(secret)
            if passes:
                earlier = (one for one in self._passing if one != secret)
                self._passing = (*earlier, secret)[-_MOST_PASSING:]
            elif secret not in self._lasting:
                self._lasting = (*self._lasting, secret)
            known = (*self._lasting, *self._passing)
            as_shown = (one_line(one, len(one)) for one in known)  # in a name that is on one line already
            self._known = tuple(dict.fromkeys((*known, *as_shown)))

    def redact(self, text: str, *, shortest: int = 1, most: int | None = None) -> str:
        """Replace every secret in a text, however it is escaped.

        The time grows with the length of the text, whatever is in the text and in the secrets.

        Args:
            text: to be shown or kept.
            shortest: leave secrets alone that have fewer characters: they may be part of any word.
            most: return only the beginning of the text, up to so many characters. A secret that begins there
                is hidden, also if it ends later.
        """
        end = len(text) if most is None else min(most, len(text))
        known = [one for one in self._known if shortest <= len(one)]
        parts = (slice(at, min(at + _PART, end)) for at in range(0, end, _PART))
        places = sorted(place for part in parts for place in _find(known, text, part))
        return "".join(_hide(text, places, end)) if places else text[:end]

    def quote(self, text: str) -> str:
        """Show what others say: on one line, cut, without secrets."""
        beginning = self.redact(text, most=LONGEST_TEXT)
        return one_line(beginning, len(beginning)) + ("..." if len(text) > LONGEST_TEXT else "")


def _find(known: Sequence[str], text: str, part: slice) -> Iterator[tuple[int, int]]:
    """Give the places of secrets that begin in a part of a text: all of it at once would take much memory."""
    longest = min(max(map(len, known), default=0), MOST_SEARCHED)
    reading = Reading(text[part.start : part.stop + longest * LONGEST_FORM])
    for secret in known:
        for start, end in reading.find(secret):
            yield part.start + start, part.start + end if len(secret) <= MOST_SEARCHED else len(text)


def _hide(text: str, places: Iterable[tuple[int, int]], end: int) -> Iterator[str]:
    """Give the pieces of a text up to an end; places that overlap are hidden as one."""
    shown = 0
    for start, stop in places:
        if start >= end:
            break
        if start >= shown:
            yield text[shown:start]
            yield _HIDDEN
        shown = max(shown, stop)
    yield text[shown:end]
