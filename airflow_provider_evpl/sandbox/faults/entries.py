"""Faults in single entries: their fields, their list of samples, their type; `places` says in which."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.fields import set_fields, unset_fields

__all__ = ["ENTRY_FAULTS"]

_Entry: TypeAlias = dict[str, Any]
_Entries: TypeAlias = list[Any]
_OPTIONAL: Final = ("objectType", "pop_country", "pop_name", "pop_section_name")
_SAMPLES: Final = "performanceValues"


def _fault(name: str, description: str, change: Callable[[_Entry], Any]) -> Fault[_Entries]:
    return Fault(name, description, lambda entries: [change(one) for one in entries])


def _set(name: str, description: str, **fields: object) -> Fault[_Entries]:
    return _fault(name, description, set_fields(**fields))


def _unset(name: str, description: str, *names: str) -> Fault[_Entries]:
    return _fault(name, description, unset_fields(*names))


def _only_one(entry: _Entry) -> _Entry:
    return {**entry, _SAMPLES: entry[_SAMPLES][0]} if entry[_SAMPLES] else entry


ENTRY_FAULTS: Final[tuple[Fault[_Entries], ...]] = (
    _fault(
        "performance-values-one-object", "performanceValues is the first sample instead of a list", _only_one
    ),
    _set("performance-values-empty", "performanceValues is an empty list", **{_SAMPLES: []}),
    _set("performance-values-null", "performanceValues is null", **{_SAMPLES: None}),
    _set("performance-values-text", "performanceValues is a text", **{_SAMPLES: "none"}),
    _unset("performance-values-missing", "performanceValues is missing", _SAMPLES),
    _set("entry-field-unknown", "an entry has the field bandwidth", bandwidth="100M"),
    _set(
        "entry-sub-object",
        "an entry has the field subObjectInstanceId, as in ETSI's SOL003",
        subObjectInstanceId="unit-1",
    ),
    _set(
        "optional-null",
        "all fields of an entry for its type and place are null",
        **dict.fromkeys(_OPTIONAL),
    ),
    _unset("optional-missing", "all fields of an entry for its type and place are missing", *_OPTIONAL),
    _set("optional-number", "pop_name is a number", pop_name=7),
    _set("object-instance-id-null", "objectInstanceId is null", objectInstanceId=None),
    _set("object-instance-id-number", "objectInstanceId is a number", objectInstanceId=1),
    _unset("object-instance-id-missing", "objectInstanceId is missing", "objectInstanceId"),
    _set("metric-name-null", "metric_name is null", metric_name=None),
    _set("metric-name-number", "metric_name is a number", metric_name=1),
    _unset("metric-name-missing", "metric_name is missing", "metric_name"),
    _fault("entry-null", "an entry is null", lambda _: None),
    _fault("entry-text", "an entry is a text", lambda _: "EVPL-000001"),
)
