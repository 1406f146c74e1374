"""The values over time: the maximum of each hour, and the mean of each weekday and hour."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_provider_evpl.flows.report.model import Hours
from airflow_provider_evpl.months import clock_hours
from airflow_provider_evpl.window import EPOCH, Granularity, Window, microseconds

__all__ = ["join_hours", "make_hours", "no_hours"]

_Floats = npt.NDArray[np.float64]
_Indexes = npt.NDArray[np.int64]

_HOUR = timedelta(hours=1)
_CELLS = 7 * 24


def make_hours(
    table: pa.Table, count: int, window: Window, *, zone: ZoneInfo, granularity: Granularity
) -> Hours:
    """Arrange the clock hours of the series of one operator code as arrays.

    Args:
        table: `MonthOfCode.hours`.
        count: number of series.
        window: the month.
        zone: of weekdays and hours.
        granularity: of the samples. If its step has no fixed length, the month is one bucket.
    """
    step = max(_HOUR, granularity.step or window.length)
    has_means = granularity.step is not None and granularity.step <= _HOUR
    return Hours(
        start=window.start,
        step_seconds=step // timedelta(seconds=1),
        maxima=_maxima(table, count, window, step),
        means=_means(table, count, window, zone) if has_means else None,
    )


def no_hours() -> pa.Table:
    """Return the clock hours of a month without series."""
    return pa.schema(
        {
            "series": pa.int32(),
            "hour": pa.timestamp("us", "UTC"),
            "values": pa.int64(),
            "mean": pa.float64(),
            "maximum": pa.float64(),
        }
    ).empty_table()


def join_hours(parts: Sequence[Hours]) -> Hours:
    """Put the series of several operator codes one after another."""
    means = [one.means for one in parts if one.means is not None]
    return Hours(
        start=parts[0].start,
        step_seconds=parts[0].step_seconds,
        maxima=np.concatenate([one.maxima for one in parts]),
        means=np.concatenate(means) if means else None,
    )


def _maxima(table: pa.Table, count: int, window: Window, step: timedelta) -> _Floats:
    """Return the highest value of each series and bucket of the month."""
    maxima = np.full((count, -(-window.length // step)), np.nan)
    since = microseconds(window.start - EPOCH)
    bucket = (_moments(table) - since) // microseconds(step)
    np.fmax.at(maxima, (table["series"].to_numpy(), bucket), table["maximum"].to_numpy())
    return maxima


def _means(table: pa.Table, count: int, window: Window, zone: ZoneInfo) -> _Floats:
    """Return the mean of all values of each series, local weekday and local hour."""
    length, hours = clock_hours(window, zone)
    cell_of = np.array([24 * one.weekday + one.hour for one in hours])
    since = microseconds(hours[0].start - EPOCH)
    cell = cell_of[(_moments(table) - since) // microseconds(length)]
    cell += table["series"].to_numpy().astype(np.int64) * _CELLS
    values = table["values"].to_numpy()
    sums = np.where(values > 0, table["mean"].to_numpy() * values, 0.0)
    size = count * _CELLS
    with np.errstate(invalid="ignore"):
        means = np.bincount(cell, sums, size) / np.bincount(cell, values, size)
    return means.reshape(count, 7, 24)


def _moments(table: pa.Table) -> _Indexes:
    """Return the starts of the clock hours, in microseconds since the epoch."""
    moments: _Indexes = table["hour"].cast(pa.int64()).to_numpy()
    return moments
