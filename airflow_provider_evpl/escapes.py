"""Finds a text in another one, however each of its characters is escaped."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from html.entities import html5
from typing import Final, TypeAlias

__all__ = ["LONGEST_FORM", "MOST_SEARCHED", "Reading"]

MOST_SEARCHED: Final = 1000
"""How many characters of a text are searched for."""

LONGEST_FORM: Final = 40
"""The most characters of an escape: the longest entity of HTML has 33."""

_BACKSLASHES: Final = ("\\", "\\\\", "\\\\\\")
_ESCAPE: Final = re.compile(
    r"%[0-9a-fA-F]{2}|\\x[0-9a-fA-F]{2}|\\[uU][0-9a-fA-F]{4}"
    r"|&(?:#[0-9]{1,12}|#[xX][0-9a-fA-F]{1,12}|[a-zA-Z][a-zA-Z0-9]{1,31});"
)
_LAST_OF_UNICODE: Final = 0x10FFFF
_MOST_DIGITS: Final = 7

_Forms: TypeAlias = list[str]
_Way: TypeAlias = list[_Forms]
"""The parts of a character in one encoding, for example its bytes, each with its forms."""


class Reading:
    """A text in which other texts are searched, each of their characters plain or escaped.

    A character may be percent-encoded, an HTML entity, escaped as in JSON (once or twice), behind
    backslashes, or UTF-8 that was read as Latin-1. A blank may be a `+`.

    A set of places in the text is a number: bit 7 stands for place 7. So one step of a search, for one
    character, handles all places at once. A search ends when no place is left, usually after a few steps. Its
    time grows with the length of the text, whatever the texts are.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._bytes = defaultdict[int, _Forms](list)
        self._units = defaultdict[int, _Forms](list)
        self._entities = defaultdict[str, _Forms](list)
        self._backslashes = [one for one in _BACKSLASHES if one in text]
        self._ways: dict[str, list[_Way]] = {}
        self._places: dict[str, int] = {}
        escapes = set(_ESCAPE.findall(text)) if any(one in text for one in "\\%&") else set[str]()
        for escape in escapes:
            self._learn(escape)
        self._is_escaped = bool(self._backslashes or escapes)

    def _learn(self, escape: str) -> None:
        kind, digits = escape[1], escape[2:]
        if escape[0] == "%":
            self._bytes[int(escape[1:], 16)].append(escape)
        elif escape[0] == "&":
            self._entities[_character_of(escape[1:-1])].append(escape)
        else:
            parts = self._bytes if kind == "x" else self._units
            parts[int(digits, 16)] += [f"{one}{kind}{digits}" for one in self._backslashes]

    def find(self, wanted: str) -> Iterator[tuple[int, int]]:
        """Give start and end of each place of another text, or of its first 1,000 characters."""
        head = wanted[:MOST_SEARCHED]
        return self._read(head) if self._may_be_escaped(head) else self._find_plain(head)

    def _may_be_escaped(self, wanted: str) -> bool:
        is_misread = not wanted.isascii() and not self._text.isascii()
        is_form = " " in wanted and "+" in self._text
        return self._is_escaped or is_misread or is_form

    def _find_plain(self, head: str) -> Iterator[tuple[int, int]]:
        start = self._text.find(head)
        while start >= 0:
            yield start, start + len(head)
            start = self._text.find(head, start + len(head))

    def _read(self, head: str) -> Iterator[tuple[int, int]]:
        starts = self._starts(head)
        if not starts:
            return
        is_start, is_end = (f"{one:b}"[::-1] for one in (starts, self._ends(head, starts)))
        start = is_start.find("1")
        while start >= 0:
            end = is_end.find("1", start + len(head))
            following = is_start.find("1", end)
            end = is_end.rfind(
                "1", end, following + 1 if following >= 0 else None
            )  # of several ends, the last
            yield start, end
            start = following

    def _starts(self, head: str) -> int:
        """Find the places where a text starts, from its last character backwards."""
        places = (1 << len(self._text) + 1) - 1
        for character in reversed(head):
            after, places = places, 0
            for way in self._ways_of(character):
                before = after
                for forms in reversed(way):
                    before = self._step_back(forms, before)
                places |= before
            if not places:
                break
        return places

    def _step_back(self, forms: _Forms, after: int) -> int:
        before = 0
        for form in forms:
            if places := self._places_of(form):
                before |= after >> len(form) & places
        return before

    def _ends(self, head: str, starts: int) -> int:
        places = starts
        for character in head:
            before, places = places, 0
            for way in self._ways_of(character):
                after = before
                for forms in way:
                    after = self._step(forms, after)
                places |= after
        return places

    def _step(self, forms: _Forms, before: int) -> int:
        after = 0
        for form in forms:
            if places := self._places_of(form):
                after |= (before & places) << len(form)
        return after

    def _places_of(self, form: str) -> int:
        """Find the places where a form starts."""
        if form not in self._places:
            flags, at = bytearray(), self._text.find(form)
            if at >= 0:
                flags = bytearray(b"0") * len(self._text)
            while at >= 0:
                flags[-1 - at] = ord("1")
                at = self._text.find(form, at + 1)
            self._places[form] = int(flags or b"0", 2)
        return self._places[form]

    def _ways_of(self, character: str) -> list[_Way]:
        if character not in self._ways:
            utf_8 = character.encode(errors="surrogatepass")
            utf_16 = memoryview(character.encode("utf-16", errors="surrogatepass")[2:]).cast("H")
            ways = [
                [self._whole(character)],
                [[chr(byte), *self._bytes.get(byte, [])] for byte in utf_8 if not character.isascii()],
                [self._units.get(unit, []) for unit in utf_16 if len(utf_16) > 1],
            ]
            self._ways[character] = [way for way in ways if way and all(way)]
        return self._ways[character]

    def _whole(self, character: str) -> _Forms:
        """Give the forms of a whole character: plain, behind backslashes, escaped, a blank as `+`."""
        letter = json.dumps(character)[2:-1]  # the n in the escape of a line feed
        return [
            character,
            *(f"{one}{character}" for one in self._backslashes),
            *(f"{one}{letter}" for one in self._backslashes if letter.isalpha()),
            *self._entities.get(character, []),
            *self._bytes.get(ord(character), []),
            *self._units.get(ord(character), []),
            *(["+"] if character == " " else []),
        ]


def _character_of(name: str) -> str:
    """Return the character of an HTML entity; empty if there is none."""
    if not name.startswith("#"):
        return html5.get(f"{name};", "")
    base, digits = (16, name[2:]) if name[1] in "xX" else (10, name[1:])
    digits = digits.lstrip("0") or "0"
    code = int(digits, base) if len(digits) <= _MOST_DIGITS else _LAST_OF_UNICODE + 1
    return chr(code) if code <= _LAST_OF_UNICODE else ""
