"""What the report shows: plain values, without Arrow and without a lake.

Values are those of the lake, unscaled; the page divides them by `full_scale`. Shares are 0 to 1.
Times are aware datetimes; the page shows them in `time_zone`. None means that there is no figure.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from airflow_provider_evpl.models import Series

__all__ = [
    "Calendar",
    "Changes",
    "Day",
    "End",
    "Figures",
    "Group",
    "Headline",
    "Hours",
    "Move",
    "ReportModel",
    "SeriesFigures",
    "Since",
    "Thresholds",
    "Trend",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The levels that a value is compared with.

    Attributes:
        warning, critical: percent of `full_scale`; a value must be above them, not equal.
        full_scale: the value that means a full line: 100, or 1 if the API sends shares.
        min_coverage: 0 to 1; a series below it is not judged.
    """

    warning: float
    critical: float
    full_scale: float
    min_coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The first figures of the page.

    Attributes:
        samples: rows of the month.
        expected: sum over the series for which it is known; None if it is known for none.
        coverage: distinct steps with a value by `expected`, 0 to 1.
        above_warning, above_critical: series whose percentile is above; `above_warning` counts those above
            critical too.
        not_judged: series without a percentile.
        newest_sample: the newest timestamp of the month.
        pulled_at: the newest pull of the objects read: the age of the data.
    """

    circuits: int
    ends: int
    series: int
    samples: int
    expected: int | None
    coverage: float | None
    above_warning: int
    above_critical: int
    not_judged: int
    newest_sample: datetime | None
    pulled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Move:
    """The percentile of a series in two months.

    Attributes:
        series: index in `ReportModel.series`.
        before, after: percentile of the previous month and of this month.
    """

    series: int
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed since the previous month. A series is in one of the first five lists at most.

    Attributes:
        month: the previous month, for example `2026-10`.
        reason: why nothing can be compared; None if the lists are valid.
        above_critical: now above critical, before not.
        above_warning: now above warning but not above critical, before not above warning.
        below_critical: before above critical, now above warning only.
        below_warning: before above warning, now not.
        moves: other large moves, the largest first; the builder limits their number.
        new: indexes of the series that the previous month does not have.
        gone: series of the previous month that this month does not have.
    """

    month: str
    reason: str | None = None
    above_critical: tuple[Move, ...] = ()
    above_warning: tuple[Move, ...] = ()
    below_critical: tuple[Move, ...] = ()
    below_warning: tuple[Move, ...] = ()
    moves: tuple[Move, ...] = ()
    new: tuple[int, ...] = ()
    gone: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The trend of the weekly percentiles, in units of the percentile per week.

    Attributes:
        low, high: the interval of `per_week`.
        weeks: number of weeks used.
        critical_on: the local date at which the trend reaches the critical threshold.
        reason: why there is no trend or no date.
    """

    per_week: float | None = None
    low: float | None = None
    high: float | None = None
    weeks: int = 0
    critical_on: date | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """Since when each week is above a threshold.

    Attributes:
        monday: the first day of the first of these weeks, local; at most 26 weeks back.
        or_earlier: whether no week before is known.
    """

    monday: date
    or_earlier: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one month of a series, an end or a group.

    Attributes:
        percentile, mean, maximum: values of the lake; None for a group.
        maximum_at: the earliest time of the maximum.
        busy_hour: local hour 0 to 23.
        above_warning, above_critical: share of the values above the threshold.
        above_since: if the percentile is above a threshold: since when that of each week is above it, too.
            None for a group, or if the newest full week is not above the threshold.
        committed_mbits: the committed rate at the end of the month.
        percentile_mbits, mean_mbits, maximum_mbits: Mbit/s from the committed rate.
        mbits_reason: why there is no Mbit/s.
        reason: why it is not judged: percentile, mean, busy hour, shares and trend are None then.
    """

    samples: int
    null_values: int
    expected: int | None
    coverage: float | None
    percentile: float | None = None
    mean: float | None = None
    maximum: float | None = None
    maximum_at: datetime | None = None
    busy_hour: int | None = None
    above_warning: float | None = None
    above_critical: float | None = None
    above_since: Since | None = None
    last_sample: datetime | None = None
    trend: Trend = Trend()
    committed_mbits: float | None = None
    percentile_mbits: float | None = None
    mean_mbits: float | None = None
    maximum_mbits: float | None = None
    mbits_reason: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFigures:
    """One series: a metric at one end of a circuit.

    Attributes:
        direction: "in" or "out"; None if the metric's name gives none.
    """

    metric_name: str
    direction: str | None
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a circuit: a row of the table.

    Attributes:
        group, label: of the inventory.
        percentile_in, percentile_out: of the one series of the direction.
        figures: the percentile is that of the busier direction.
        direction: the busier direction, "in" or "out"; None if there is none.
        series: indexes in `ReportModel.series`, in lake order; at least one.
    """

    code_ope: str
    circuit: str
    object_type: str | None
    pop_country: str | None
    pop_name: str | None
    pop_section_name: str | None
    group: str | None = None
    label: str | None = None
    percentile_in: float | None = None
    percentile_out: float | None = None
    direction: str | None = None
    figures: Figures
    series: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One direction of a group of circuits.

    Attributes:
        circuits: number of circuits.
        full, partial, dropped: number of time steps; None if the group has no figure.
        figures: percent figures are None, Mbit/s figures and shares are those of the sums per step.
    """

    code_ope: str
    name: str
    direction: str
    circuits: int
    full: int | None
    partial: int | None
    dropped: int | None
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The values over time of all series, as arrays. Row `i` belongs to `ReportModel.series[i]`.

    Attributes:
        start: begin of the first bucket: the first moment of the month.
        step_seconds: length of a bucket: 3,600, or the granularity if it is longer than an hour.
        maxima: shape (series, buckets), the highest value of each bucket; NaN is a gap. The page keeps
            steps of 0.1 % or 0.2 % of `full_scale`.
        means: shape (series, 7, 24), the mean of each weekday (0 is Monday) and local hour; NaN if none.
            The page keeps steps of 0.5 % of `full_scale`. None for granularities above an hour.
    """

    start: datetime
    step_seconds: int
    maxima: npt.NDArray[np.float64]
    means: npt.NDArray[np.float64] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What has landed of one UTC day.

    Attributes:
        seconds: length of the day inside of the month's local range.
        covered: seconds of it that landed objects cover.
        is_due: whether the day is over, so that missing data are a gap.
        values, expected: sums of the objects, as their ledgers have them; 0 if the ledgers do not know.
        rejected: number of rejected samples.
        foreign: number of objects of another source or program; they are left out.
    """

    day: date
    seconds: int
    covered: int
    is_due: bool
    values: int
    expected: int
    rejected: int
    foreign: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The UTC days of the month of one operator code, in order."""

    code_ope: str
    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportModel:
    """One page.

    Attributes:
        month: for example `2026-11`: a local month of `time_zone`.
        granularity: as in the API, for example `300s`.
        time_zone: IANA name.
        root: URL of the lake without the connection.
        provider_version: version of this package.
        created_at: when the page was made.
        ends: in lake order.
        groups: empty without an inventory that names groups.
        has_inventory: whether Mbit/s and labels were asked for.
        notes: sentences, the most important first.
    """

    month: str
    granularity: str
    time_zone: str
    root: str
    provider_version: str
    created_at: datetime
    thresholds: Thresholds
    headline: Headline
    changes: Changes
    ends: tuple[End, ...]
    series: tuple[SeriesFigures, ...]
    groups: tuple[Group, ...] = ()
    hours: Hours
    calendar: tuple[Calendar, ...]
    has_inventory: bool = False
    notes: tuple[str, ...] = ()
