"""What the raw JSON of a page says and the decoder hides: types, forms of times, missing fields, marks."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_evpl.decode.limits import MAX_VALUES
from airflow_provider_evpl.decode.schema import ENTRY_NAMES

__all__ = ["Facts", "Shape", "parse_body", "read_facts", "shape_of", "type_of"]

Shape = Mapping[str, Mapping[str, int]]
"""The types of the fields of JSON, counted by path: `entries[].pop_name` is text 24 times, null once."""

_TYPES: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "boolean",
    str: "text",
    int: "number",
    float: "number",
    list: "list",
}
_MOST_PATHS: Final = 100
_DEEPEST: Final = 5
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:([.,])(\d+))?)?(Z|[+-]\d\d:?\d*)?", re.ASCII
)
_PLAIN: Final = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts about one page; all empty if its JSON can't be read.

    Attributes:
        marks: a hash of names and first timestamp of each entry, in order, to recognize an element.
        zones: `Z`, `offset`, `none` or `unreadable`, counted over all timestamps.
        decimals: digits after the second, counted.
        values: `text`, `number`, `null`, `empty`, `missing` or another type, counted.
        odd_times: timestamps with a decimal comma, or a blank in place of the T.
        odd_texts: values as text in another form than 12.34.
        missing: documented fields of an entry that are missing or null, counted.
        lists: the types of `performanceValues`, counted; `missing` too.
        elements: a hash of the JSON of each entry, to compare two pages.
        circuits, pops: all texts of the fields that name a circuit, and of those that name a place.
    """

    marks: tuple[int, ...] = ()
    zones: Counter[str] = field(default_factory=Counter)
    decimals: Counter[int] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    odd_times: int = 0
    odd_texts: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    lists: Counter[str] = field(default_factory=Counter)
    elements: tuple[int, ...] = ()
    circuits: frozenset[str] = frozenset()
    pops: frozenset[str] = frozenset()


def read_facts(body: bytes) -> Facts:
    """Read the body of a report; return empty facts if a plain parser can't read it."""
    report = parse_body(body)
    elements = report.get("entries") if isinstance(report, dict) else None
    with suppress(RecursionError):  # nested more deeply than what can be written again
        if isinstance(elements, list):
            return _read_elements(elements)
    return Facts()


def _read_elements(elements: list[Any]) -> Facts:
    entries = [one for one in elements if isinstance(one, dict)]
    samples = [sample for entry in entries for sample in _samples(entry)]
    texts = (sample.get("timeStamp") for sample in samples)
    times = [_TIME.fullmatch(text) for text in texts if isinstance(text, str)]
    return Facts(
        marks=tuple(map(_mark, elements)),
        zones=Counter(map(_zone, times)),
        decimals=Counter(len(match[2] or "") for match in times if match),
        values=Counter(map(_value_type, samples)),
        odd_times=sum(1 for match in times if match and (match[1] == "," or " " in match[0])),
        odd_texts=sum(1 for one in samples if _is_odd(one.get("value"))),
        missing=Counter(name for entry in entries for name in ENTRY_NAMES if entry.get(name) is None),
        lists=Counter(type_of(entry.get("performanceValues")) for entry in entries),
        elements=tuple(hash(json.dumps(one)) for one in elements),
        circuits=frozenset(_texts(entries, "objectInstanceId")),
        pops=frozenset(_texts(entries, "pop_country", "pop_name", "pop_section_name")),
    )


def type_of(value: object) -> str:
    """Return the name of a JSON type."""
    return _TYPES.get(type(value), "object")


def shape_of(body: bytes) -> Shape:
    """Return the types of all fields; empty for a body that is no JSON."""
    shape: dict[str, Counter[str]] = {}
    for path, kind in _walk(parse_body(body), "", 0):
        if path in shape or len(shape) < _MOST_PATHS:
            shape.setdefault(path, Counter())[kind] += 1
    return shape


def _walk(value: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if path:
        yield path, type_of(value)
    if depth < _DEEPEST and isinstance(value, dict):
        for name, one in value.items():
            yield from _walk(one, f"{path}.{name}" if path else str(name), depth + 1)
    elif depth < _DEEPEST and isinstance(value, list):
        for one in value:
            yield from _walk(one, f"{path}[]", depth + 1)


def parse_body(body: bytes) -> object:
    """Return the JSON of a body; None if a plain parser can't read it, or if it is too large for one."""
    if max(body.count(b","), body.count(b"[") + body.count(b"{")) >= MAX_VALUES:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _samples(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    samples = entry.get("performanceValues")
    listed = samples if isinstance(samples, list) else [samples]
    return [one for one in listed if isinstance(one, dict)]


def _mark(element: object) -> int:
    if isinstance(element, dict):
        names = {name: element.get(name) for name in sorted(ENTRY_NAMES - {"performanceValues"})}
        first = [sample.get("timeStamp") for sample in _samples(element)[:1]]
        return hash(json.dumps([names, first]))
    return hash(json.dumps(element))


def _zone(match: re.Match[str] | None) -> str:
    if match is None:
        return "unreadable"
    if match[3] is None:
        return "none"
    return "Z" if match[3] == "Z" else "offset"


def _value_type(sample: Mapping[str, object]) -> str:
    if "value" not in sample:
        return "missing"
    return "empty" if sample["value"] == "" else type_of(sample["value"])


def _is_odd(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not _PLAIN.fullmatch(value)


def _texts(entries: list[dict[str, Any]], *names: str) -> Iterator[str]:
    for entry in entries:
        for name in names:
            if entry.get(name) not in (None, ""):
                yield str(entry[name])
