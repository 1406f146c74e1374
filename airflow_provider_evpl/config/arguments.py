"""The arguments of operators, sensor and event trigger: one table of readers, and the function that reads."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from airflow_provider_evpl.config.readers import (
    read_boolean,
    read_choice,
    read_duration,
    read_moment,
    read_number,
    read_text,
    read_whole_number,
    text_of,
)
from airflow_provider_evpl.errors import EvplConfigError, wrong
from airflow_provider_evpl.window import DAY, Granularity

__all__ = [
    "DEFAULT_GRANULARITY",
    "DEFAULT_MIN_COVERAGE",
    "Templated",
    "given_arguments",
    "given_fields",
    "read_arguments",
    "read_code_ope",
    "read_name",
]

DEFAULT_GRANULARITY = "300s"
DEFAULT_MIN_COVERAGE = 0.99

# 15,000 circuits have 60,000 series. A poll keeps them in memory until it has seen enough.
_MAX_SERIES = 1_000_000


class Templated(Protocol):
    """A task whose arguments are template fields, rendered."""

    template_fields: Sequence[str]


def given_fields(task: Templated) -> dict[str, object]:
    """Return the arguments of a task that are given, as `given_arguments` does."""
    return given_arguments({name: getattr(task, name) for name in task.template_fields})


def given_arguments(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments that are given, as text: native templates then mean the same as templates of text.

    None, the text `None` and blank text mean "not given". A value of another type, like a list, is returned
    unchanged, and its reader rejects it.
    """
    texts = {name: text_of(value) for name, value in arguments.items()}
    return {name: text for name, text in texts.items() if str(text).strip() not in ("", "None")}


def read_name(given: Mapping[str, object], field: str) -> str | None:
    """Read an argument that is text; return None if it is not given."""
    return read_text(given[field], field) if field in given else None


def read_arguments(arguments: Mapping[str, object], *required: str) -> dict[str, Any]:
    """Read the arguments that are given, each with its reader. The plans have the defaults of the others.

    An argument that is in no plan, like the path of a lake, is left out.
    """
    given = given_arguments(arguments)
    for name in required:
        if name not in given:
            raise EvplConfigError(f"{name}: must be set.")
    return {name: read(given[name], name) for name, read in _READERS.items() if name in given}


def read_code_ope(code_ope: str | None, default: str | None) -> str:
    """Return the operator code of the arguments, or else of the connection."""
    if code_ope is not None:
        return code_ope
    if default is None:
        raise EvplConfigError(
            "code_ope: is set neither as an argument nor in the connection.",
            "Set one of them. The operator code is on the invoice of Orange.",
        )
    return default


def _read_granularity(value: object, field: str) -> Granularity:
    return Granularity(read_text(value, field))


def _read_length(value: object, field: str) -> timedelta:
    length = read_duration(value, field)
    if not length:
        raise EvplConfigError(f"{field}: must be above zero.")
    return length


def _read_window_length(value: object, field: str) -> timedelta:
    length = _read_length(value, field)
    if DAY % length and length % DAY:
        raise wrong(f"{field}: must divide a day or be whole days", value)
    return length


def _read_slice_length(value: object, field: str) -> timedelta:
    length = _read_length(value, field)
    if DAY % length:
        raise wrong(f"{field}: must divide a day", value)
    return length


def _read_share(value: object, field: str) -> float:
    return read_number(value, field, (0, 1))


_READERS: dict[str, Callable[[object, str], object]] = {
    "code_ope": read_text,
    "granularity": _read_granularity,
    "window_start": read_moment,
    "window_end": read_moment,
    "window_length": _read_window_length,
    "slice_length": _read_slice_length,
    "lookback": read_duration,
    "settle": read_duration,
    "min_series": lambda value, field: read_whole_number(value, field, (1, _MAX_SERIES)),
    "allow_empty": read_boolean,
    "on_shrink": lambda value, field: read_choice(value, field, ("fail", "keep", "replace")),
    "max_rejected_fraction": _read_share,
    "min_coverage": _read_share,
    "give_up_after": read_duration,
    "fail_on_gaps": read_boolean,
}
