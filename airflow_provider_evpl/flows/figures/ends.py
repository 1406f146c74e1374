"""The figures of each end of a circuit, from those of its series."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["end_rows"]

_END = ("object_instance_id", "object_type", "pop_country", "pop_name", "pop_section_name")
_SHARED = ("code_ope", "month_start", "time_zone", *_END, "label", "committed_mbits")
_OF_BUSIER = (
    *("direction", "percentile", "mean", "busy_hour", "above_warning", "above_critical"),
    *("percentile_mbits", "mean_mbits", "maximum_mbits", "minimum_mbits", "mbits_reason"),
    *("trend_per_week", "trend_low", "trend_high", "trend_weeks", "critical_on", "trend_reason"),
)


def end_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Make a row for each end: operator code, circuit, object type and the three columns of its place.

    Args:
        rows: of the series of one operator code and month. `steps` is the number of steps with a value.
    """
    ends = defaultdict[tuple[str | None, ...], list[Mapping[str, Any]]](list)
    for row in rows:
        ends[tuple(row[name] for name in _END)].append(row)
    return [_row(series) for series in ends.values()]


def _row(series: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    expected = _sum(one["expected"] for one in series)
    steps = sum(one["steps"] for one in series if one["expected"])
    highest = max((one["maximum"] for one in series if one["maximum"] is not None), default=None)
    row = {
        "kind": "end",
        **{name: series[0].get(name) for name in _SHARED},
        "maximum": highest,
        "maximum_at": _least(one["maximum_at"] for one in series if one["maximum"] == highest),
        "minimum": _least(one["minimum"] for one in series),
        "samples": sum(one["samples"] for one in series),
        "null_values": sum(one["null_values"] for one in series),
        "expected": expected,
        "coverage": round(steps / expected, 6) if expected else None,
        "first_sample": _least(one["first_sample"] for one in series),
        "last_sample": max((one["last_sample"] for one in series if one["last_sample"]), default=None),
    }
    directions = {name: [one for one in series if one["direction"] == name] for name in ("in", "out")}
    for name, ones in directions.items():
        row[f"percentile_{name}"] = ones[0].get("percentile") if len(ones) == 1 else None
    return row | _busier(directions)


def _busier(directions: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the figures of the busier direction, or the reason why it is unknown."""
    if not any(directions.values()):
        return {"reason": "metric names give no direction"}
    for name, series in directions.items():
        if len(series) != 1:
            return {"reason": f"direction {name}: {len(series) or 'no'} series"}
    for name, series in directions.items():
        if reason := series[0]["reason"]:
            return {"reason": f"direction {name}: {reason}"}
    busier = max((series[0] for series in directions.values()), key=lambda one: one["percentile"])
    return {name: busier.get(name) for name in _OF_BUSIER}


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _least(values: Iterable[Any]) -> Any:  # noqa: ANN401 numbers or moments
    return min((value for value in values if value is not None), default=None)
