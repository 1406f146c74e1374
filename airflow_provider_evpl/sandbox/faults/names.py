"""Faults in the names of an entry: hostile text in every name that reaches a lake."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.fields import set_fields

__all__ = ["NAME_FAULTS"]

_Entries: TypeAlias = list[Any]
_FIELDS: Final = (
    "objectType",
    "objectInstanceId",
    "metric_name",
    "pop_country",
    "pop_name",
    "pop_section_name",
)
_MANY: Final = 10_240
_HOSTILE_NAME: Final = "../'\"\n\U0001f525"


def _fault(name: str, description: str, change: Callable[[str], str]) -> Fault[_Entries]:
    """Change only text, because another fault may have replaced it."""

    def apply(entry: object) -> object:
        if not isinstance(entry, dict):
            return entry
        texts = {key: entry[key] for key in _FIELDS if isinstance(entry.get(key), str)}
        return {**entry, **{key: change(text) for key, text in texts.items()}}

    described = f"all six names of an entry {description}"
    return Fault(f"names-{name}", described, lambda entries: [apply(one) for one in entries])


def _add_field(entries: _Entries) -> _Entries:
    add = set_fields(**{_HOSTILE_NAME: 1})
    return [add(one) if isinstance(one, dict) else one for one in entries]


NAME_FAULTS: Final[tuple[Fault[_Entries], ...]] = (
    _fault("slash", "begin with a slash and have a second one", lambda text: f"/etc/{text}/x"),
    _fault("dots", "begin with ../../", lambda text: f"../../{text}"),
    _fault("quotes", "have quotes of SQL and of a shell", lambda text: f"{text}'\"`; --"),
    _fault("newline", "have a line feed, a carriage return, a tab", lambda text: f"{text}\r\n\tx"),
    _fault("nul", "have the character NUL", lambda text: f"{text}\0x"),
    _fault("emoji", "have an emoji, which needs more than 16 bits", lambda text: f"{text} \U0001f525"),
    _fault("blanks", "have blanks around them", lambda text: f" {text} "),
    _fault("long", f"are {_MANY} characters longer", lambda text: text + "x" * _MANY),
    _fault("surrogate", "have half of a surrogate pair", lambda text: f"{text}\ud83d"),
    Fault(
        "field-name-hostile",
        "an entry has a field whose name has slashes, quotes, an emoji",
        _add_field,
    ),
)
