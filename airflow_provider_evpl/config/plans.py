"""What a task does: the arguments of the operators, the sensor and the event trigger, read and checked.

`from_arguments` raises EvplConfigError if an argument is missing or wrong. The message starts with its name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from airflow_provider_evpl.config.run_window import RunTimes, resolve_window
from airflow_provider_evpl.errors import EvplConfigError, EvplNotPublishedError, wrong
from airflow_provider_evpl.window import DAY, Granularity, Window, iso

__all__ = [
    "DEFAULT_GRANULARITY",
    "DEFAULT_MIN_COVERAGE",
    "LONGEST_WAIT",
    "CoveragePlan",
    "PullPlan",
    "WaitPlan",
    "WatchPlan",
    "given_arguments",
    "given_fields",
    "read_name",
]

DEFAULT_GRANULARITY = "300s"
DEFAULT_MIN_COVERAGE = 0.99

LONGEST_WAIT = timedelta(days=1)
"""A task waits no longer than this, whatever wait the API asks for."""

_CLOCK_SKEW = timedelta(seconds=60)
_FIVE_MINUTES = Granularity(DEFAULT_GRANULARITY)
# 15,000 circuits have 60,000 series. A poll keeps them in memory until it has seen enough.
_MAX_SERIES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPlan:
    """What to pull, and what may be replaced.

    Attributes:
        code_ope: the operator code.
        window: what to pull, lookback included.
        lookback: the part of the window before the run's own window; in whole slices.
        slice_length: the unit of replacement; divides a day.
        allow_empty: whether a window without a sample may land.
        on_shrink: `fail`, `keep` or `replace`, for a slice that would erase landed samples.
        max_rejected_fraction: 0 to 1, of the samples or entries of a slice.
        min_coverage: 0 to 1: the share of a slice's steps in which each expected series must have a value;
            None for no limit. Slices of the lookback are not checked.
    """

    code_ope: str
    window: Window
    slice_length: timedelta
    lookback: timedelta = timedelta()
    granularity: Granularity = _FIVE_MINUTES
    allow_empty: bool = False
    on_shrink: str = "fail"
    max_rejected_fraction: float = 0.01
    min_coverage: float | None = None

    @property
    def own_window(self) -> Window:
        """The window without its lookback."""
        return Window(self.window.start + self.lookback, self.window.end)

    @classmethod
    def from_arguments(
        cls,
        arguments: Mapping[str, object],
        *,
        run: RunTimes,
        default_code_ope: str | None,
        now: datetime,
    ) -> "PullPlan":
        """Read the arguments of the operator by name, as given or rendered.

        Raises:
            EvplNotPublishedError: the window ends more than 60 s after `now`.
        """
        values = _read_arguments(arguments)
        window = _resolve(values, run)
        length = values.get("slice_length") or (DAY if DAY % window.length else window.length)
        lookback = -(-values.get("lookback", timedelta()) // length) * length
        window = Window(window.start - lookback, window.end)
        if window.end > now + _CLOCK_SKEW:
            raise EvplNotPublishedError(
                f"window {window.label}: its end is in the future.",
                "Run again after its end. If the end is past, check the clock of the worker.",
                f"The clock says {iso(now.replace(microsecond=0))}.",
            )
        options = ("granularity", "allow_empty", "on_shrink", "max_rejected_fraction", "min_coverage")
        return cls(
            code_ope=_read_code_ope(values.get("code_ope"), default_code_ope),
            window=window,
            slice_length=length,
            lookback=lookback,
            **_given(values, *options),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePlan:
    """Which objects of a lake are incomplete.

    Attributes:
        min_coverage: 0 to 1: the share of an object's steps in which each expected series must have a value.
        give_up_after: the age at which a window is given up; None for never.
        fail_on_gaps: whether the task fails if anything is wrong in the range.
    """

    min_coverage: float = DEFAULT_MIN_COVERAGE
    give_up_after: timedelta | None = None
    fail_on_gaps: bool = False

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, object]) -> "CoveragePlan":
        """Read the arguments of the coverage operator that are not the pull operator's."""
        return cls(**_given(_read_arguments(arguments), "min_coverage", "give_up_after", "fail_on_gaps"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPlan:
    """Which window to wait for, and when it counts as published.

    Attributes:
        code_ope: the operator code.
        window: may be in the future.
        granularity: has a step that begins in the window.
        min_series: the number of series that must have their last sample of the window.
        due: the time of the first request: the end of the window, plus `settle`.
    """

    code_ope: str
    window: Window
    granularity: Granularity = _FIVE_MINUTES
    min_series: int
    due: datetime

    @classmethod
    def from_arguments(
        cls, arguments: Mapping[str, object], *, run: RunTimes, default_code_ope: str | None
    ) -> "WaitPlan":
        """Read the arguments of the sensor by name, as given or rendered."""
        values = _read_arguments(arguments, "min_series")
        window = _resolve(values, run)
        plan = cls(
            code_ope=_read_code_ope(values.get("code_ope"), default_code_ope),
            window=window,
            due=window.end + values.get("settle", timedelta()),
            **_given(values, "granularity", "min_series"),
        )
        plan.granularity.last_step_in(window)
        return plan

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "WaitPlan":
        """Read the result of `as_dict`."""
        return cls(
            code_ope=written["code_ope"],
            window=Window(
                datetime.fromisoformat(written["window_start"]),
                datetime.fromisoformat(written["window_end"]),
            ),
            granularity=Granularity(written["granularity"]),
            min_series=written["min_series"],
            due=datetime.fromisoformat(written["due"]),
        )

    def as_dict(self) -> dict[str, str | int]:
        """Return the plan in types of JSON."""
        return {
            "code_ope": self.code_ope,
            "granularity": self.granularity.text,
            "window_start": iso(self.window.start),
            "window_end": iso(self.window.end),
            "min_series": self.min_series,
            "due": iso(self.due),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlan:
    """Which windows to watch, and when a window counts as published.

    Attributes:
        code_ope: the operator code; None for the one of the connection.
        window_length: of each window; divides a day.
        granularity: has a step that begins in each window.
        min_series: the number of series that must have their last sample of a window.
        settle: how long after its end a window is first requested.
        lookback: how long a window is requested after that, before it is skipped.
    """

    code_ope: str | None = None
    window_length: timedelta
    granularity: Granularity = _FIVE_MINUTES
    min_series: int
    settle: timedelta = timedelta()
    lookback: timedelta = 7 * DAY

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, object]) -> "WatchPlan":
        """Read the arguments of the event trigger by name."""
        values = _read_arguments(arguments, "window_length", "min_series")
        plan = cls(**_given(values, *cls.__slots__))
        length, step = plan.window_length, plan.granularity.step
        if DAY % length:
            raise wrong("window_length: must divide a day", arguments["window_length"])
        if step is None or step > length:
            raise EvplConfigError(
                f"granularity: no step of {plan.granularity.text} begins in each window of {length}.",
                shown=[plan.granularity.text, str(length)],
            )
        return plan

    def wait_for(self, window: Window, *, default_code_ope: str | None) -> WaitPlan:
        """Make the plan to wait for one of the windows.

        Raises:
            EvplConfigError: neither this plan nor the connection has an operator code.
        """
        return WaitPlan(
            code_ope=_read_code_ope(self.code_ope, default_code_ope),
            window=window,
            granularity=self.granularity,
            min_series=self.min_series,
            due=window.end + self.settle,
        )


def _resolve(values: Mapping[str, Any], run: RunTimes) -> Window:
    start, end, length = (values.get(f"window_{name}") for name in ("start", "end", "length"))
    return resolve_window(start=start, end=end, length=length, run=run)


def _given(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the values of those arguments that are given. The plan has the defaults of the others."""
    return {name: values[name] for name in names if name in values}


class _Templated(Protocol):
    """A task whose arguments are template fields, rendered."""

    template_fields: Sequence[str]


def given_fields(task: _Templated) -> dict[str, object]:
    """Return the arguments of a task that are given, as `given_arguments` does."""
    return given_arguments({name: getattr(task, name) for name in task.template_fields})


def given_arguments(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return the given arguments as text, so that native templates mean the same as text templates.

    None, the text `None` and blank text mean "not given". A value of another type, like a list, is returned
    unchanged, and its reader rejects it.
    """
    texts = {name: text_of(value) for name, value in arguments.items()}
    return {name: text for name, text in texts.items() if str(text).strip() not in ("", "None")}


def read_name(given: Mapping[str, object], field: str) -> str | None:
    """Read an argument that is text; return None if it is not given."""
    return read_text(given[field], field) if field in given else None


def _read_arguments(arguments: Mapping[str, object], *required: str) -> dict[str, Any]:
    """Read the arguments that are given, each with its reader. The plans have the defaults of the others.

    An argument that is in no plan, like the path of a lake, is left out.
    """
    given = given_arguments(arguments)
    for name in required:
        if name not in given:
            raise EvplConfigError(f"{name}: must be set.")
    return {name: read(given[name], name) for name, read in _READERS.items() if name in given}


def _read_code_ope(code_ope: str | None, default: str | None) -> str:
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
