"""The plans of figures and report: arguments, read and checked.

`from_arguments` raises EvplConfigError if an argument is wrong. The message starts with the argument's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY, given_arguments
from airflow_provider_evpl.config.readers import parse_json, read_choice, read_codes, read_number, read_text
from airflow_provider_evpl.errors import wrong
from airflow_provider_evpl.months import Month, parse_month
from airflow_provider_evpl.window import Granularity

__all__ = ["FiguresPlan", "ReportPlan"]

_DIRECTIONS = ("in", "out", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """How figures are computed.

    Attributes:
        codes: operator codes; empty for all codes of the lake.
        min_coverage: 0 to 1: the share of a series' expected steps that must have a value.
        warning, critical: thresholds in percent of `full_scale`.
        full_scale: the value that means a full line.
        directions: `in`, `out` or `none` by metric name, for names that don't show their direction.
    """

    codes: tuple[str, ...] = ()
    granularity: Granularity = field(default_factory=lambda: Granularity(DEFAULT_GRANULARITY))
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    min_coverage: float = 0.9
    warning: float = 70.0
    critical: float = 90.0
    full_scale: float = 100.0
    directions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the order of the thresholds."""
        if self.critical < self.warning:
            raise wrong(f"critical: must not be below warning, {self.warning:g}", self.critical)

    @property
    def warning_value(self) -> float:
        """The warning threshold in the unit of the samples."""
        return self.warning * self.full_scale / 100

    @property
    def critical_value(self) -> float:
        """The critical threshold in the unit of the samples."""
        return self.critical * self.full_scale / 100

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, object]) -> Self:
        """Read the arguments of an operator by name, as given or rendered."""
        given = given_arguments(arguments)
        values: dict[str, Any] = {
            name: read(given[name], name) for name, read in _READERS.items() if name in given
        }
        if "code_ope" in values:
            values["codes"] = values.pop("code_ope")
        return cls(**{name: value for name, value in values.items() if name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresPlan(_Rules):
    """Which months to compute, and how.

    Attributes:
        first_month, last_month: both included; None for the first or last month of the lake.
    """

    first_month: Month | None = None
    last_month: Month | None = None

    def __post_init__(self) -> None:
        """Check the order of the months."""
        super(FiguresPlan, self).__post_init__()
        if self.first_month and self.last_month and self.last_month < self.first_month:
            raise wrong(
                f"last_month: must not be before first_month, {self.first_month}", str(self.last_month)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlan(_Rules):
    """Which month to report, and how.

    Attributes:
        month: None for the newest month of the lake.
    """

    month: Month | None = None


def _read_directions(value: object, name: str) -> dict[str, str]:
    """Read directions by metric name, also as the text of a JSON object."""
    found = parse_json(value, name) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise wrong(f"{name}: must be a JSON object, with metric names as keys", found)
    return {metric: read_choice(direction, name, _DIRECTIONS) for metric, direction in found.items()}


def _read_zone(value: object, name: str) -> ZoneInfo:
    text = read_text(value, name)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise wrong(f"{name}: is no time zone", text, "Write it like UTC or Europe/Paris.") from None


def _read_month(value: object, name: str) -> Month:
    text = read_text(value, name)
    try:
        return parse_month(text)
    except ValueError:
        raise wrong(f"{name}: must be a month", text, "Write it like 2026-11.") from None


def _read_percent(value: object, name: str) -> float:
    return read_number(value, name, (0, 1000), above=True)


_READERS: dict[str, Callable[[object, str], object]] = {
    "code_ope": read_codes,
    "granularity": lambda value, name: Granularity(read_text(value, name)),
    "first_month": _read_month,
    "last_month": _read_month,
    "month": _read_month,
    "time_zone": _read_zone,
    "min_coverage": lambda value, name: read_number(value, name, (0, 1)),
    "warning": _read_percent,
    "critical": _read_percent,
    "full_scale": lambda value, name: read_number(value, name, (0, 1e15), above=True),
    "directions": _read_directions,
}
