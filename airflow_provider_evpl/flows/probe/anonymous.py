"""Replaces what identifies a user by numbers, which have a meaning inside one file only."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from airflow_provider_evpl.errors import LONGEST_TEXT, one_line
from airflow_provider_evpl.escapes import Reading
from airflow_provider_evpl.flows.probe.asking import Seen
from airflow_provider_evpl.flows.probe.facts import parse_body

__all__ = ["Names", "names_of"]

_OURS: Final = "api.orange.com"
_MOST_NAMES: Final = 20_000
_MOST_SEARCHED: Final = 8000
_LONGEST_NAME: Final = 100  # of a longer name, all behind its beginning is left out
_SHORTEST_IN_WORDS: Final = 4  # FR is a country, but not in the word "from"
_SECRET: Final = "***"  # noqa: S105 what stands for one
_KINDS_IN_OWN: Final = ("host", "proxy")
_SURE_END: Final = 300
_LEFT_OUT: Final = "(left out: too many names)"
_URL: Final = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:[\w.%+-]+@)?(?<![\w-])(?:[\w-]+\.)+[^\W\d_]{2,24}(?![\w-])")
_PATH: Final = re.compile(r"(?<![\w.<>/])(?:/[\w.@%+~-]+)+/?|[A-Za-z]:\\[^\s\"']+")
_ODD_WORD: Final = re.compile(
    r"\(\d{3}(?:/\d{1,3})?\)|[^\s\"'`<>{}()\[\]=:;,.!?/&]*\d[^\s\"'`<>{}()\[\]=:;,!?/&]*"
)
_HARMLESS: Final = re.compile(
    r"\(.*\)|\d{1,2}(\.\d+)?|\d{1,4}(ms|s|m|h|d|w|y)\.?|\d{4}-\d\d-\d\dT\d\d|utf-?8|iso-8859-\d\d?",
    re.ASCII | re.IGNORECASE,
)


class Names:
    """The names of a user, each with its number, and a way to replace them in texts."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._aliases: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._hidden: dict[str, str] = {}
        self._given = {_SECRET, _OURS}

    def add(self, kind: str, name: str | None) -> str:
        """Learn a name, and return its alias: `circuit-1`."""
        if not name:
            return ""
        if name not in self._aliases:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._aliases[name] = f"{kind}-{self._counts[kind]}"
            self._given.add(self._aliases[name])
        return self._aliases[name]

    def add_secret(self, secret: str) -> None:
        """Learn a secret, to find it in other cases, too."""
        self._aliases[secret] = _SECRET

    def hide(self, text: str, *, is_path: bool = False) -> str:
        """Return a text from outside without secrets, names, URLs, hosts, paths and words with digits.

        Words with digits are replaced too, because a server may name a circuit that is on no page. One word
        alone is no host, because metrics may have dots.

        Args:
            text: from a server.
            is_path: it is the path of a field, whose dots are no host's.
        """
        if text not in self._hidden:
            hidden = _URL.sub(lambda match: self._host(match[0]), self.replace(text))
            if " " in text and not is_path:
                hidden = _HOST.sub(lambda match: self._known(match[0], "host"), hidden)
            hidden = _PATH.sub(lambda match: self.add("path", match[0]), hidden)
            self._hidden[text] = _ODD_WORD.sub(lambda match: self._word(match[0]), hidden)
        return self._hidden[text]

    def hide_own(self, text: str) -> str:
        """Return a text of ours without the names of the connection: the only ones that are in it.

        A short name of another kind may be a word of the text, and would be revealed by its absence.
        """
        for name, alias in self._aliases.items():
            kind = alias.partition("-")[0]
            if kind == "connection":
                text = text.replace(f"connection {name}", f"connection {alias}")
            elif kind in _KINDS_IN_OWN:
                text = text.replace(name, alias)
        return text

    def replace(self, text: str, *, shortest: int = 1) -> str:
        """Return a text without secrets and known names, in any escaped form and in three cases.

        A text that was cut may end with a part of a name, so its end is left out.

        Args:
            text: on one line afterwards.
            shortest: leave shorter names, which may be a part of anything.
        """
        if len(self._aliases) > _MOST_NAMES:
            return _LEFT_OUT
        text = one_line(self._redact(text), _MOST_SEARCHED)
        end = _SURE_END if len(text) > LONGEST_TEXT else len(text)
        reading, places = Reading(text), list[tuple[int, int, str]]()
        for name, alias in self._aliases.items():
            for form in _forms_of(name) if len(name) >= shortest else ():
                found = reading.find(form[:_LONGEST_NAME])
                if len(form) < _SHORTEST_IN_WORDS:
                    found = ((at, until) for at, until in found if _is_word(text, at, until))
                is_long = len(form) > _LONGEST_NAME
                places += ((at, -len(text) if is_long else -until, alias) for at, until in found if at < end)
        return "".join(_replaced(text, sorted(places), end))

    def host(self, url: str) -> str:
        """Return the host of a URL if it is Orange's, else its alias."""
        host = urlsplit(url).hostname or ""
        return host if host == _OURS else self.add("host", host)

    def _host(self, url: str) -> str:
        try:
            return self.host(url)
        except ValueError:
            return self.add("host", url)

    def _word(self, word: str) -> str:
        return word if _HARMLESS.fullmatch(word) else self._known(word, "name")

    def _known(self, word: str, kind: str) -> str:
        return word if word.rstrip(".") in self._given else self.add(kind, word)


def _is_word(text: str, start: int, end: int) -> bool:
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())


def _forms_of(name: str) -> set[str]:
    forms = {name, one_line(name, len(name)), name.lower(), name.upper()}
    return forms | ({_base64(name)} if len(name) >= _SHORTEST_IN_WORDS else set())


def _base64(name: str) -> str:
    return b64encode(name.encode(errors="surrogatepass")).decode().rstrip("=")


def _replaced(text: str, places: list[tuple[int, int, str]], end: int) -> Iterator[str]:
    """Give the pieces of a text with aliases. If names overlap, the first and longest is replaced."""
    shown = 0
    for start, minus_end, alias in places:
        if start >= shown:
            yield text[shown:start]
            yield alias
        shown = max(shown, -minus_end)
    yield text[shown:end]


def names_of(seen: Seen, redact: Callable[[str], str]) -> Names:
    """Learn the names in the connection, in the arguments, and in all entries that came."""
    names, settings = Names(redact), seen.settings
    for code in (seen.plan.code_ope, *seen.plan.further, settings.code_ope):
        names.add("operator", code)
    names.add("application", settings.application_id)
    names.add("client", settings.client_id)
    names.add("connection", settings.connection.removeprefix("connection "))
    for url in (settings.base_url, settings.token_url):
        names.host(url)
    names.add("proxy", settings.proxy)
    names.add("proxy", urlsplit(settings.proxy or "").netloc)
    names.add("proxy", urlsplit(settings.proxy or "").hostname)
    names.add("path", settings.verify if isinstance(settings.verify, str) else None)
    for kind, name in _places(seen):
        names.add(kind, name)
    for secret in (*settings.secrets, *_tokens(seen)):
        names.add_secret(secret)
    return names


def _tokens(seen: Seen) -> Iterator[str]:
    responses = (one.response for one in seen.exchanges if one.token_auth and one.response)
    for body in (parse_body(one.body) for one in responses):
        if isinstance(body, dict) and isinstance(token := body.get("access_token"), str):
            yield token


def _places(seen: Seen) -> Iterator[tuple[str, str]]:
    for exchange in seen.exchanges:
        for name in sorted(exchange.facts.circuits):
            yield "circuit", name
        for name in sorted(exchange.facts.pops):
            yield "pop", name
        for entry in exchange.entries:
            yield "circuit", entry.series.object_instance_id
            for place in entry.series[2:5]:
                yield "pop", place or ""
