"""The columns of the figures table: one row a month for each series, end of a circuit, and group."""

import pyarrow as pa

from airflow_provider_evpl.models import Series

__all__ = ["FIGURES_SCHEMA", "FIGURES_VERSION", "SORT_COLUMNS"]

FIGURES_VERSION = "1"
"""Changes if a figure is computed in another way: all months are then computed again."""

_MOMENT = pa.timestamp("us", "UTC")

FIGURES_SCHEMA = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),  # series, end, group
        pa.field("code_ope", pa.string(), nullable=False),
        pa.field("month_start", _MOMENT, nullable=False),
        pa.field("time_zone", pa.string(), nullable=False),
        # Names. A group has only its group; an end has no metric.
        *(pa.field(name, pa.string()) for name in Series._fields),
        pa.field("group", pa.string()),
        pa.field("label", pa.string()),
        pa.field("direction", pa.string()),  # in or out; an end has that of its busier series
        # In the unit of the samples. Null for groups, because percentages are never summed.
        pa.field("percentile", pa.float64()),
        pa.field("percentile_in", pa.float64()),  # ends only
        pa.field("percentile_out", pa.float64()),  # ends only
        pa.field("mean", pa.float64()),
        pa.field("maximum", pa.float64()),
        pa.field("maximum_at", _MOMENT),
        pa.field("minimum", pa.float64()),
        pa.field("busy_hour", pa.int8()),  # local clock hour
        pa.field("above_warning", pa.float64()),  # share of the values, 0 to 1
        pa.field("above_critical", pa.float64()),
        # How much of the month the figures cover.
        pa.field("samples", pa.int64(), nullable=False),
        pa.field("null_values", pa.int64(), nullable=False),
        pa.field("expected", pa.int64()),  # steps
        pa.field("coverage", pa.float64()),  # share of the expected steps that has a value
        pa.field("reason", pa.string()),  # why the figures are null
        pa.field("first_sample", _MOMENT),
        pa.field("last_sample", _MOMENT),
        # From the inventory.
        pa.field("committed_mbits", pa.float64()),  # at the end of the month
        pa.field("percentile_mbits", pa.float64()),
        pa.field("mean_mbits", pa.float64()),
        pa.field("maximum_mbits", pa.float64()),
        pa.field("minimum_mbits", pa.float64()),
        pa.field("mbits_reason", pa.string()),  # why these are null
        pa.field("full_steps", pa.int64()),  # groups only
        pa.field("partial_steps", pa.int64()),
        pa.field("dropped_steps", pa.int64()),
        # In the unit of the samples. A group's are in Mbit/s.
        pa.field("trend_per_week", pa.float64()),
        pa.field("trend_low", pa.float64()),
        pa.field("trend_high", pa.float64()),
        pa.field("trend_weeks", pa.int32()),
        pa.field("critical_on", pa.date32()),
        pa.field("trend_reason", pa.string()),  # why there is no trend, or no date
    ]
)

SORT_COLUMNS = ("kind", "group", *Series._fields, "direction")
"""The order of the rows, nulls first."""
