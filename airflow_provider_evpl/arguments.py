"""Readers of the arguments that plans share: which operator code, which window."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.fields import (
    read_duration,
    read_text,
    read_whole_number,
    text_of,
    wrong,
)
from airflow_provider_evpl.window import (
    DAY,
    Granularity,
    RunTimes,
    Window,
    read_moment,
    resolve_window,
)

__all__ = [
    "FIVE_MINUTES",
    "Templated",
    "given_arguments",
    "given_fields",
    "read_code_ope",
    "read_granularity",
    "read_length",
    "read_min_series",
    "read_name",
    "read_window",
    "within_dates",
]

FIVE_MINUTES = Granularity("300s")
_MOST_SERIES = 1_000_000  # 15,000 circuits have 60,000; a look keeps them until there are enough


class Templated(Protocol):
    """A task whose arguments are template fields, rendered."""

    template_fields: Sequence[str]


def given_fields(task: Templated) -> dict[str, object]:
    """Return the arguments of a task that are given, as `given_arguments` does."""
    return given_arguments({name: getattr(task, name) for name in task.template_fields})


def given_arguments(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments that are given, as text: so native templates give the same as templates of text.

    None, the text `None` and blank text are "not given". A value of another type, like a list, stays as it
    is: its reader refuses it.
    """
    texts = {name: text_of(value) for name, value in arguments.items()}
    return {name: text for name, text in texts.items() if str(text).strip() not in ("", "None")}


def read_name(given: Mapping[str, object], field: str) -> str | None:
    """Read an argument that is text; None where it isn't given.

    Raises:
        EvplConfigError: it is no text.
    """
    return read_text(given[field], field) if field in given else None


def read_code_ope(given: Mapping[str, object], default: str | None) -> str:
    """Read `code_ope`.

    Args:
        given: the arguments.
        default: the connection's.

    Raises:
        EvplConfigError: it is given nowhere, or is no text.
    """
    value = given.get("code_ope", default)
    if value is None:
        raise EvplConfigError(
            "code_ope: set the operator's argument or the connection's extra; it is on Orange's invoice"
        )
    return read_text(value, "code_ope")


def read_granularity(value: object, field: str) -> Granularity:
    """Read a granularity.

    Raises:
        EvplConfigError: it is no text, or of another form.
    """
    return Granularity(read_text(value, field))


def read_min_series(given: Mapping[str, object]) -> int:
    """Read `min_series`.

    Raises:
        EvplConfigError: it isn't given, or is no whole number from 1 to a million.
    """
    if "min_series" not in given:
        raise EvplConfigError("min_series: must be set, to the number of series to wait for")
    return read_whole_number(given["min_series"], "min_series", (1, _MOST_SERIES))


def read_window(given: Mapping[str, object], run: RunTimes) -> Window:
    """Find the window that `window_start`, `window_end`, `window_length` and the run mean.

    Raises:
        EvplConfigError: one of them is wrong, or nothing says which window is meant.
        OverflowError: it lies outside of what dates can say.
    """
    length = read_length(given, "window_length")
    if length is not None and DAY % length and length % DAY:
        raise wrong("window_length: must divide a day or be whole days", given["window_length"])
    start, end = _moment(given, "window_start"), _moment(given, "window_end")
    return resolve_window(start=start, end=end, length=length, run=run)


def read_length(given: Mapping[str, object], field: str) -> timedelta | None:
    """Read a length of time above zero; None where it isn't given.

    Raises:
        EvplConfigError: it has another form, or is zero.
    """
    if field not in given:
        return None
    length = read_duration(given[field], field)
    if not length:
        raise EvplConfigError(f"{field}: must be above zero")
    return length


def _moment(given: Mapping[str, object], field: str) -> datetime | None:
    return read_moment(given[field], field) if field in given else None


@contextmanager
def within_dates() -> Iterator[None]:
    """Say in words what an overflow of dates means.

    Raises:
        EvplConfigError: in place of an OverflowError.
    """
    try:
        yield
    except OverflowError:
        raise EvplConfigError("window: lies outside of what dates can say") from None
