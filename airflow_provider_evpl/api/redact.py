"""Keeps secrets out of every text that leaves the API side."""

import json
import re
import threading
from collections.abc import Callable
from html.entities import codepoint2name
from typing import Final

__all__ = ["Secrets"]

_HIDDEN: Final = "***"
_LAST_OF_ASCII: Final = 0x7F
_MOST_PASSING: Final = 16
_ENTITY_NAMES: Final = codepoint2name | {ord("'"): "apos"}


class Secrets:
    """Texts that must never be shown, and a way to blot them out of what servers and libraries say.

    Safe to share between threads.

    Args:
        on_secret: is told each new one, so that the caller can hide it in its own logs.
    """

    def __init__(self, on_secret: Callable[[str], None]) -> None:
        self._on_secret = on_secret
        self._lock = threading.Lock()
        self._lasting: tuple[str, ...] = ()
        self._passing: tuple[str, ...] = ()
        self._longest_first: tuple[str, ...] = ()
        self._patterns: dict[str, re.Pattern[str]] = {}

    def add(self, secret: str, *, passes: bool = False) -> None:
        """Learn one; of those that pass, tokens that a newer one replaces, only the last few are kept."""
        with self._lock:
            if secret not in self._longest_first:
                self._on_secret(secret)
            if passes:
                earlier = (one for one in self._passing if one != secret)
                self._passing = (*earlier, secret)[-_MOST_PASSING:]
            else:
                self._lasting = (*self._lasting, secret)
            known = dict.fromkeys((*self._lasting, *self._passing))
            self._longest_first = tuple(sorted(known, key=len, reverse=True))
            self._patterns = {one: made for one, made in self._patterns.items() if one in known}

    def blot(self, text: str, *, shortest: int = 1) -> str:
        """Replace every secret in a text, however it is escaped; what is shorter than one can't hold it.

        Args:
            text: to be shown or kept.
            shortest: leave secrets alone that have fewer characters: they may be part of any word.
        """
        for secret in self._longest_first:
            if shortest <= len(secret) <= len(text):
                text = self._pattern(secret).sub(_HIDDEN, text)
        return text

    def _pattern(self, secret: str) -> re.Pattern[str]:
        """Made when it is needed: that of a token of 8 kB takes seconds, and few texts are so long."""
        pattern = self._patterns.get(secret) or re.compile(_any_form(secret))
        self._patterns[secret] = pattern
        return pattern


def _any_form(secret: str) -> str:
    """A pattern for a secret: who echoes it may escape more characters than our libraries would, or fewer."""
    begins = re.escape("%&+\\" + secret[0] + chr(_utf_8(secret[0])[0]))
    forms = "".join(f"(?:{'|'.join(_escapes(character))})" for character in secret)
    return f"(?=[{begins}]){forms}"  # where none can begin none is tried: takes a third of the time


def _escapes(character: str) -> list[str]:
    """Patterns for a character: percent-encoded, in HTML, in JSON (or twice), misread, plain."""
    code = ord(character)
    utf_8, utf_16 = _utf_8(character), character.encode("utf-16-be", errors="surrogatepass")
    units = [utf_16[at : at + 2].hex() for at in range(0, len(utf_16), 2)]
    json_letter = json.dumps(character)[2:-1]  # the n of a line feed's escape
    return [
        "(?i:" + "".join(f"%{byte:02x}" for byte in utf_8) + ")",
        *([r"\+"] if character == " " else []),
        rf"(?i:&#0*{code};|&#x0*{code:x};)",
        *([f"&{_ENTITY_NAMES[code]};"] if code in _ENTITY_NAMES else []),
        "(?i:" + "".join(rf"\\{{1,3}}u{unit}" for unit in units) + ")",
        *([rf"\\{{1,3}}{json_letter}"] if json_letter.isalpha() else []),
        "".join(map(_misread, utf_8)),
        rf"\\{{0,3}}{re.escape(character)}",  # last: it is the beginning of some above
    ]


def _utf_8(character: str) -> bytes:
    return character.encode(errors="surrogatepass")


def _misread(byte: int) -> str:
    """A byte of UTF-8 read as Latin-1, as HTTP's headers are; plain, or as Python writes it.

    Plain ASCII is among the escapes already: twice, a beginning of a secret would take 2**n steps.
    """
    plain = f"{re.escape(chr(byte))}|" if byte > _LAST_OF_ASCII else ""
    return rf"(?:{plain}\\{{1,3}}x{byte:02x})"
