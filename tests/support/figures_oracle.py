"""Computes the figures of a month a second time, with pandas, from what landed.

It shares nothing with the flow but the names of the columns. It takes one series after the other, and exact
fractions for ranks and shares.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from airflow_provider_evpl.flows.figures.schema import FIGURES_SCHEMA
from tests.support.figures_facts import (
    END,
    NAMES,
    TREND,
    Facts,
    Moment,
    Rate,
    Row,
    Terms,
    Weekly,
    count_steps_before,
    exact,
    find_direction,
    find_extremes,
    find_start,
    find_trend,
    mean,
    percentile,
)

__all__ = ["compute_figures"]

WEEKS = 26
DAY = pd.Timedelta(days=1)
US = pd.Timedelta(microseconds=1)

Chosen = dict[str, Row]
"""The series that counts for a group, by circuit."""


def compute_figures(facts: Facts, terms: Terms, year: int, month: int) -> list[Row]:
    """Compute all rows of a month, in no order."""
    return [row for code in facts.slices for row in _Code(facts, terms, code, year, month).rows()]


class _Code:
    """One month of one operator code."""

    def __init__(self, facts: Facts, terms: Terms, code: str, year: int, month: int) -> None:
        self.code, self.terms, self.step = code, terms, facts.step
        self.zone = ZoneInfo(terms.time_zone)  # by its name, pandas 2 takes the zone from pytz
        self.slices = facts.slices[code]
        self.start = find_start(date(year, month, 1), terms.time_zone)
        self.end = find_start(date(year + month // 12, month % 12 + 1, 1), terms.time_zone)
        self.bound = min(self.end, pd.Timestamp(max(end for _, end in self.slices)))
        self.weeks = self._find_weeks()
        of_code = facts.rows[facts.rows.code_ope == code]
        landed = [
            of_code[(of_code.timestamp >= start) & (of_code.timestamp < end)]
            for start, end in self.slices
            if start < self.end and end > self.weeks[0]
        ]
        self.landed = pd.concat([of_code.iloc[:0], *landed])

    def _find_weeks(self) -> list[Moment]:
        """Find the bounds of the last full weeks."""
        local = self.bound.tz_convert(self.zone).date()
        mondays = [local - timedelta(days=local.weekday() + 7 * back) for back in range(-1, WEEKS + 2)]
        bounds = sorted(find_start(one, self.terms.time_zone) for one in mondays)
        return [one for one in bounds if one <= self.bound][-WEEKS - 1 :]

    def rows(self) -> list[Row]:
        """Compute all rows; none if nothing has landed in the month."""
        if not any(start < self.end and end > self.start for start, end in self.slices):
            return []
        series = [
            one
            for names, rows in self.landed.groupby(NAMES, dropna=False, sort=False)
            if (one := self._series(dict(zip(NAMES, map(_text, names), strict=True)), rows))
        ]
        every = {"code_ope": self.code, "month_start": self.start, "time_zone": self.terms.time_zone}
        rows = [*series, *self._ends(series), *self._groups(series)]
        return [dict.fromkeys(FIGURES_SCHEMA.names) | every | _shown(row) for row in rows]

    # --- series

    def _series(self, names: Row, landed: pd.DataFrame) -> Row | None:
        days = landed.timestamp.dt.floor("D")
        rows = landed[(landed.timestamp >= self.weeks[0]) & (landed.timestamp < self.end)]
        month = rows[rows.timestamp >= self.start]
        values = month.dropna(subset="value")
        since, until = max(self.start, days.min()), min(self.bound, days.max() + 8 * DAY)
        expected = self._count_steps(since, until)
        if not expected and month.empty:
            return None
        row = {
            **names,
            "kind": "series",
            "direction": find_direction(names["metric_name"], self.terms.directions),
            **self._counts(month, values, expected),
            **find_extremes(values),
            **self._rate_columns(names["object_instance_id"]),
        }
        row["reason"] = self._reason(row, len(values))
        judged = self._judge(values) if row["reason"] is None else dict.fromkeys(_JUDGED)
        level = self.terms.critical / 100 * self.terms.full_scale
        trend = self._trend(judged["percentile"], self._weekly(rows), level)
        row |= {**judged, **trend}
        row |= self._series_mbits(row, values)
        return row | {"_rows": rows, "_values": values}

    def _count_steps(self, start: Moment, end: Moment) -> int:
        """Count the steps that begin in a window."""
        return max(0, count_steps_before(end, self.step) - count_steps_before(start, self.step))

    def _counts(self, month: pd.DataFrame, values: pd.DataFrame, expected: int) -> Row:
        steps = values.timestamp.dt.floor(self.step)
        value_steps = int(steps[steps >= self.start].nunique()) if expected else 0
        return {
            "samples": len(month),
            "null_values": len(month) - len(values),
            "first_sample": _moment(month.timestamp.min()),
            "last_sample": _moment(month.timestamp.max()),
            "expected": expected or None,
            "coverage": value_steps / expected if expected else None,
            "_value_steps": value_steps,
        }

    def _reason(self, row: Row, values: int) -> str | None:
        if not values:
            return "no value"
        if row["coverage"] is None:
            return "no step is expected"
        if row["coverage"] < self.terms.min_coverage:
            shown = math.floor(row["coverage"] * 1000) / 1000
            return f"coverage {shown:g} is below {self.terms.min_coverage:g}"
        return None

    def _judge(self, values: pd.DataFrame) -> Row:
        warning, critical = (
            float(exact(one) * exact(self.terms.full_scale) / 100)
            for one in (self.terms.warning, self.terms.critical)
        )
        return {
            "percentile": percentile(values.value),
            "mean": mean(values.value),
            "busy_hour": self._busy_hour(values.timestamp, values.value),
            "above_warning": round(float((values.value > warning).mean()), 6),
            "above_critical": round(float((values.value > critical).mean()), 6),
        }

    def _busy_hour(self, moments: pd.Series, values: pd.Series) -> int | None:
        if self.step > pd.Timedelta(hours=1):
            return None
        means = values.groupby(moments.dt.tz_convert(self.zone).dt.hour).agg(mean)
        return int(means[means == means.max()].index.min())

    def _weekly(self, rows: pd.DataFrame) -> Weekly:
        """Find the percentile of each week that has enough values."""
        values = rows.dropna(subset="value")
        number = pd.cut(values.timestamp, self.weeks, right=False, labels=False)
        found = []
        for week, part in values.groupby(number):
            start, end = self.weeks[int(week)], self.weeks[int(week) + 1]
            steps = part.timestamp.dt.floor(self.step)
            share = Fraction(steps[steps >= start].nunique(), self._count_steps(start, end))
            if share >= exact(self.terms.min_coverage):
                found.append((int(week), percentile(part.value)))
        return found

    # --- Mbit/s

    def _rates(self, circuit: str) -> list[Rate]:
        return [one for one in self.terms.inventory or () if one.circuit == circuit]

    def _rate(self, circuit: str, moment: Moment) -> Rate | None:
        return next((one for one in self._rates(circuit) if one.is_valid(moment)), None)

    def _rate_columns(self, circuit: str) -> Row:
        valid = self._rate(circuit, self.bound - US)
        newest = max(
            self._rates(circuit),
            key=lambda one: one.valid_from or datetime.min.replace(tzinfo=self.bound.tz),
            default=None,
        )
        return {"committed_mbits": valid and valid.mbits, "label": newest and newest.label}

    def _series_mbits(self, row: Row, values: pd.DataFrame) -> Row:
        nothing = dict.fromkeys(_MBITS)
        circuit = row["object_instance_id"]
        if self.terms.inventory is None or not self._rates(circuit):
            reason = None if self.terms.inventory is None else "not in the inventory"
            return {**nothing, "mbits_reason": reason}
        rates = [self._rate(circuit, one) for one in values.timestamp]
        missing = [one for one, rate in zip(values.timestamp, rates, strict=True) if rate is None]
        if missing:
            first, last = (one.tz_convert(self.zone).date() for one in (missing[0], missing[-1]))
            return {**nothing, "mbits_reason": f"no committed rate for {first} to {last}"}
        if not rates:
            return {**nothing, "mbits_reason": None}
        mbits = pd.Series(
            [
                value / self.terms.full_scale * rate.mbits
                for value, rate in zip(values.value, rates, strict=True)
                if rate
            ]
        )
        judged = row["reason"] is None
        return {
            "percentile_mbits": round(percentile(mbits), 6) if judged else None,
            "mean_mbits": mean(mbits) if judged else None,
            "maximum_mbits": round(float(mbits.max()), 6),
            "minimum_mbits": round(float(mbits.min()), 6),
            "mbits_reason": None,
        }

    def _trend(self, value: float | None, weeks: Weekly, level: float) -> Row:
        first, bound = (one.tz_convert(self.zone).tz_localize(None) for one in (self.weeks[0], self.bound))
        return find_trend(weeks, value, level=level, bound=bound, first=first.normalize())

    # --- ends and groups

    def _ends(self, series: list[Row]) -> list[Row]:
        ends: dict[tuple[str | None, ...], list[Row]] = {}
        for one in series:
            ends.setdefault(tuple(one[name] for name in END), []).append(one)
        return [self._end(dict(zip(END, names, strict=True)), members) for names, members in ends.items()]

    def _end(self, names: Row, members: list[Row]) -> Row:
        expected = sum(one["expected"] or 0 for one in members) or None
        of = {way: [one for one in members if one["direction"] == way] for way in ("in", "out")}
        only = {way: ones[0]["percentile"] if len(ones) == 1 else None for way, ones in of.items()}
        reason = _end_reason(of)
        busier = None if reason else max((of["in"][0], of["out"][0]), key=lambda one: one["percentile"])
        values = pd.concat([one["_values"] for one in members])
        return {
            **names,
            "kind": "end",
            **{name: sum(one[name] for one in members) for name in ("samples", "null_values")},
            "first_sample": min((one["first_sample"] for one in members if one["samples"]), default=None),
            "last_sample": max((one["last_sample"] for one in members if one["samples"]), default=None),
            "expected": expected,
            "coverage": sum(one["_value_steps"] for one in members) / expected if expected else None,
            **find_extremes(values),
            "percentile_in": only["in"],
            "percentile_out": only["out"],
            "reason": reason,
            **{name: busier and busier[name] for name in _OF_BUSIER},
            **self._rate_columns(names["object_instance_id"]),
        }

    def _groups(self, series: list[Row]) -> list[Row]:
        here = {one["object_instance_id"] for one in series}
        members: dict[str, list[Rate]] = {}
        for one in self.terms.inventory or ():
            if one.group is not None and one.circuit in here:
                members.setdefault(one.group, []).append(one)
        members = {name: rates for name, rates in members.items() if any(map(self._is_in_month, rates))}
        return [
            self._group(name, rates, way, series) for name, rates in members.items() for way in ("in", "out")
        ]

    def _is_in_month(self, rate: Rate) -> bool:
        return (rate.valid_from is None or rate.valid_from < self.bound) and (
            rate.valid_to is None or rate.valid_to > self.start
        )

    def _group(self, name: str, rates: list[Rate], way: str, series: list[Row]) -> Row:
        row: Row = {"kind": "group", "group": name, "direction": way, "samples": 0, "null_values": 0}
        chosen: Chosen = {}
        for rate in rates:
            ends = {
                tuple(one[column] for column in END)
                for one in series
                if one["object_instance_id"] == rate.circuit
                and rate.end is not None
                and rate.end in (one["pop_section_name"], one["pop_name"])
            }
            found = [
                one
                for one in series
                if tuple(one[column] for column in END) in ends and one["direction"] == way
            ]
            if len(ends) != 1 or len(found) != 1:
                return row | {"reason": f"circuit {rate.circuit}: "}
            chosen[rate.circuit] = found[0]
        return row | self._group_figures(rates, chosen)

    def _sum_steps(
        self, rates: list[Rate], chosen: dict[str, Row], start: Moment, end: Moment
    ) -> pd.DataFrame:
        """Sum the Mbit/s of each step of a window: columns `at`, `mbits`, `held`, `committed` and `used`."""
        tables = {}
        for circuit, row in chosen.items():
            rows = row["_rows"]
            values = rows[(rows.timestamp >= start) & (rows.timestamp < end)].dropna(subset="value")
            tables[circuit] = values.groupby(values.timestamp.dt.floor(self.step)).value.max().to_dict()
        found = []
        for number in range(count_steps_before(start, self.step), count_steps_before(end, self.step)):
            at = pd.Timestamp(number * self.step.value, tz="UTC")
            valid = [one for one in rates if one.is_valid(at)]
            if not valid:
                continue
            filled = [(one, tables[one.circuit][at]) for one in valid if at in tables[one.circuit]]
            mbits = math.fsum(value / self.terms.full_scale * one.mbits for one, value in filled)
            committed = sum(exact(one.mbits) for one in valid)
            held = sum(exact(one.mbits) for one, _ in filled) / committed
            found.append((at, round(mbits, 6), held, committed, len(filled)))
        table = pd.DataFrame(found, columns=["at", "mbits", "held", "committed", "used"])
        table["at"] = pd.to_datetime(table["at"], utc=True)
        return table

    def _group_figures(self, rates: list[Rate], chosen: Chosen) -> Row:
        month = self._sum_steps(rates, chosen, self.start, self.bound)
        counted = month[month.held >= Fraction(19, 20)]
        full = int((month.held == 1).sum())
        last = [one for one in rates if one.is_valid(self.bound - US)]
        sums, at = counted.mbits, counted["at"]
        row: Row = {
            "full_steps": full,
            "partial_steps": len(counted) - full,
            "dropped_steps": len(month) - len(counted),
            "samples": int(month.used.sum()),
            "expected": len(month) or None,
            "coverage": len(counted) / len(month) if len(month) else None,
            "maximum_mbits": None if sums.empty else sums.max(),
            "minimum_mbits": None if sums.empty else sums.min(),
            "maximum_at": None if sums.empty else at[sums == sums.max()].min(),
            "committed_mbits": float(sum(exact(one.mbits) for one in last)) if last else None,
        }
        row["reason"] = self._reason(row, len(counted))
        return (
            row if row["reason"] else row | self._judge_group(row, counted, self._weekly_sums(rates, chosen))
        )

    def _judge_group(self, row: Row, counted: pd.DataFrame, weeks: Weekly) -> Row:
        judged = {
            "percentile_mbits": percentile(counted.mbits),
            "mean_mbits": mean(counted.mbits),
            "busy_hour": self._busy_hour(counted["at"], counted.mbits),
        }
        for name in ("warning", "critical"):
            level = counted.committed * exact(getattr(self.terms, name)) / 100
            is_above = counted.mbits.map(exact) > level
            judged[f"above_{name}"] = round(float(is_above.mean()), 6)
        if row["committed_mbits"] is None:
            reason = "no committed rate at the end of the month"
            return judged | dict.fromkeys(TREND) | {"trend_weeks": len(weeks), "trend_reason": reason}
        level = self.terms.critical / 100 * row["committed_mbits"]
        return judged | self._trend(judged["percentile_mbits"], weeks, level)

    def _weekly_sums(self, rates: list[Rate], chosen: Chosen) -> Weekly:
        """Find the percentile of each week that has enough steps."""
        found = []
        for number, (start, end) in enumerate(pairwise(self.weeks)):
            if end <= self.landed.timestamp.min():
                continue
            steps = self._sum_steps(rates, chosen, start, end)
            counted = steps[steps.held >= Fraction(19, 20)]
            share = Fraction(len(counted), self._count_steps(start, end))
            if len(counted) and share >= exact(self.terms.min_coverage):
                found.append((number, percentile(counted.mbits)))
        return found


def _end_reason(of: Mapping[str, list[Row]]) -> str | None:
    """Say why an end has no percentile."""
    if not of["in"] and not of["out"]:
        return "metric names give no direction"
    for way, ones in of.items():
        if len(ones) != 1:
            return f"direction {way}: {len(ones) or 'no'} series"
    reasons = (f"direction {way}: {ones[0]['reason']}" for way, ones in of.items() if ones[0]["reason"])
    return next(reasons, None)


_JUDGED = ("percentile", "mean", "busy_hour", "above_warning", "above_critical")
_MBITS = ("percentile_mbits", "mean_mbits", "maximum_mbits", "minimum_mbits")
_OF_BUSIER = (*_JUDGED, *TREND, *_MBITS, "mbits_reason", "direction")


def _moment(one: Any) -> Moment | None:  # noqa: ANN401 a timestamp or NaT
    return None if pd.isna(one) else one


def _text(one: Any) -> str | None:  # noqa: ANN401 a text or NaN
    return None if pd.isna(one) else one


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_")}
