"""Reports for the tests of the page: a whole network, a large one, and odd ones."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from airflow_provider_evpl.flows.report.model import (
    Calendar,
    Changes,
    Day,
    End,
    Figures,
    Group,
    Headline,
    Hours,
    Move,
    ReportModel,
    SeriesFigures,
    Since,
    Thresholds,
    Trend,
)
from airflow_provider_evpl.models import Series

__all__ = ["HOSTILE", "bare", "hostile", "network", "odd"]

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&<b>🚀</b>"
_ZONE = ZoneInfo("Europe/Paris")
_PLACES = (
    ("France", "Paris", "PAR"),
    ("France", "Marseille", "MRS"),
    ("Germany", "Frankfurt", "FRA"),
    ("United Kingdom", "London", "LON"),
    ("Netherlands", "Amsterdam", "AMS"),
    ("Spain", "Madrid", "MAD"),
    ("Singapore", "Singapore", "SIN"),
    ("United States", "New York", "NYC"),
    ("Côte d'Ivoire", "Abidjan", "ABJ"),
)
_NAMELESS: dict[str, Any] = {"code_ope": "0042", "circuit": "c-1", "object_type": None} | dict.fromkeys(
    ("pop_country", "pop_name", "pop_section_name")
)
_THRESHOLDS = Thresholds(warning=70, critical=90, full_scale=100, min_coverage=0.9)
_Values = npt.NDArray[np.float64]


@cache
def network(circuits: int = 20, *, codes: tuple[str, ...] = ("004217",), seed: int = 7) -> ReportModel:
    """Return November 2026, in Paris, of circuits with two ends and two directions: 5-minute values.

    There are a lost day, lost hours, a series that is not judged, groups, and changes since October.
    """
    random = np.random.default_rng(seed)
    start = datetime(2026, 11, 1, tzinfo=_ZONE)
    names = [
        (codes[circuit * len(codes) // circuits], circuit, end)
        for circuit, end in product(range(circuits), "AZ")
    ]
    maxima, means = map(np.concatenate, zip(*(_values(random, one[1]) for one in names), strict=True))
    lines = tuple(
        SeriesFigures(
            metric_name=f"utilization{direction.title()}",
            direction=direction,
            figures=_figures(random, maxima[index], start, is_judged=index != 9),
        )
        for index, (_, direction) in enumerate(product(names, ("in", "out")))
    )
    ends = tuple(_end(name, (2 * i, 2 * i + 1), lines[2 * i : 2 * i + 2]) for i, name in enumerate(names))
    return ReportModel(
        month="2026-11",
        granularity="300s",
        time_zone="Europe/Paris",
        root="s3://lake/evpl",
        provider_version="1.0.0",
        created_at=datetime(2026, 12, 1, 5, 30, tzinfo=UTC),
        thresholds=_THRESHOLDS,
        headline=_headline(ends, lines),
        changes=_changes(lines),
        ends=ends,
        series=lines,
        groups=_groups(codes[0]),
        hours=Hours(start=start, step_seconds=3600, maxima=maxima, means=means),
        calendar=tuple(_calendar(code, circuits // len(codes)) for code in codes),
        has_inventory=True,
        notes=(
            "2 foreign objects are left out, for example date=2026-11-09/00-24.parquet.",
            "3 circuits of the inventory are not in the lake: EVPL-000901, EVPL-000902, EVPL-000903.",
            "The lake also has granularity 1h. Set granularity to read it.",
        ),
    )


def bare(values: _Values, **changes: object) -> ReportModel:
    """Return a report of one circuit with one end and a series for each row of hourly values, no extras."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    random = np.random.default_rng(1)
    lines = tuple(
        SeriesFigures(metric_name="utilization", direction=None, figures=_figures(random, row, start))
        for row in values
    )
    figures = replace(_none(lines), reason="metric names give no direction")
    end = End(**_NAMELESS, figures=figures, series=tuple(range(len(lines))))
    ends = (end,) if lines else ()
    model = replace(
        network(4),
        time_zone="UTC",
        headline=_headline(ends, lines),
        changes=Changes(
            month="2026-10", reason="Less than 90 % of 2026-10 has landed, so no changes are shown."
        ),
        ends=ends,
        series=lines,
        groups=(),
        hours=Hours(start=start, step_seconds=3600, maxima=values, means=_means(values)),
        calendar=(_calendar("0042", len(lines)),),
        has_inventory=False,
        notes=(),
    )
    return replace(model, **changes)  # type: ignore[arg-type]


def hostile() -> ReportModel:
    """Return a network in which each name is an attempt to inject markup, and each is a different one."""
    model = network(4)
    named = [f"{HOSTILE}{number}" for number in range(9)]
    ends = tuple(
        replace(
            end,
            code_ope=named[0],
            circuit=f"{named[1]}-{end.circuit}",
            object_type=named[2],
            pop_country=named[3],
            pop_name=named[4],
            pop_section_name=named[5],
            group=named[7],
            label=named[8],
        )
        for end in model.ends
    )
    lines = tuple(replace(line, metric_name=named[6], direction=None) for line in model.series)
    gone = Series(named[1], named[6], named[3], named[4], named[5], named[2])
    return replace(
        model,
        ends=ends,
        series=lines,
        calendar=tuple(replace(one, code_ope=named[0]) for one in model.calendar),
        groups=tuple(replace(one, name=named[7]) for one in model.groups),
        changes=replace(model.changes, gone=(gone,)),
        notes=tuple(named),
    )


@cache
def odd() -> dict[str, ReportModel]:
    """Return reports that must still look intentional, by name."""
    nothing = np.full((2, 720), np.nan)
    single = nothing.copy()
    single[0, 100] = 42
    shares = np.tile(np.linspace(0, 1, 720), (2, 1))
    wild = np.tile(np.linspace(-40, 5000, 720), (2, 1))
    start = datetime(2026, 11, 1, 1, tzinfo=UTC)
    daily = Hours(start=start, step_seconds=86_400, maxima=wild[:, :30] + 60, means=None)
    model = network(4)
    long = "A name that somebody has written without any limit in mind " * 4
    return {
        "empty": bare(np.empty((0, 720)), calendar=()),
        "nulls": bare(nothing),
        "single": bare(single),
        "shares": bare(
            shares, notes=("All values lie between 0 and 1. If 1 means a full line, set full_scale=1.",)
        ),
        "full-scale-1": bare(shares, thresholds=replace(_THRESHOLDS, full_scale=1)),
        "wild": bare(wild),
        "daily": replace(bare(shares), granularity="1d", hours=daily),
        "long": replace(
            model,
            ends=tuple(
                replace(end, circuit=long + end.circuit, pop_name=long, group=long) for end in model.ends
            ),
            notes=tuple(f"{long}{number}." for number in range(40)),
        ),
        "many-codes": network(40, codes=tuple(f"{number:06}" for number in range(40))),
    }


def _values(random: np.random.Generator, circuit: int) -> tuple[_Values, _Values]:
    """Return hourly maxima (2, 720) and means (2, 7, 24) of 5-minute values with bursts and noise."""
    load = (9, 66, 24, 38)[circuit % 4] * random.uniform(0.55, 1.15)
    if circuit % 16 == 1:
        load = 82
    hour = np.arange(720 * 12) / 12
    day = np.clip(np.sin((hour % 24 - 7.5) / 14 * np.pi), -0.15, 1)
    weekday = np.array([0.96, 1.0, 1.02, 1.0, 0.92, 0.5, 0.4])[(hour // 24 + 6).astype(int) % 7]
    base = load * (0.3 + 0.7 * day * weekday)
    noise = random.normal(0, 0.05 * load, (2, hour.size))
    noise += np.repeat(random.normal(0, 0.06 * load, (2, 720)), 12, axis=1)
    tilt = random.uniform(0.75, 1.05, (2, 1))
    samples = np.clip(base * tilt + noise, 0, 100)
    samples[:, 312 * 12 : 336 * 12] = np.nan
    if circuit % 7 == 2:
        samples[0, 500 * 12 : 520 * 12] = np.nan
    with np.errstate(all="ignore"):
        blocks = samples.reshape(2, 720, 12)
        gaps = np.isnan(blocks).all(axis=2)
        maxima = np.where(gaps, np.nan, np.nanmax(np.where(np.isnan(blocks), -1, blocks), axis=2))
        averages = np.where(gaps, np.nan, np.nansum(blocks, axis=2) / 12)
    return maxima, _means(averages)


def _means(hourly: _Values) -> _Values:
    """Return the means of 720 hours from Sunday midnight as (rows, 7, 24)."""
    weekdays = (np.arange(720) // 24 + 6) % 7
    cells = weekdays * 24 + np.arange(720) % 24
    means = np.full((len(hourly), 168), np.nan)
    for cell in range(168):
        part = hourly[:, cells == cell]
        counts = (~np.isnan(part)).sum(axis=1)
        found = counts > 0
        means[found, cell] = np.nansum(part[found], axis=1) / counts[found]
    return means.reshape(-1, 7, 24)


def _figures(
    random: np.random.Generator, maxima: _Values, start: datetime, *, is_judged: bool = True
) -> Figures:
    present = maxima[~np.isnan(maxima)]
    samples = present.size * 12
    if not samples:
        return Figures(samples=0, null_values=0, expected=8640, coverage=0.0, reason="no value")
    top = int(np.nanargmax(maxima))
    percentile = float(np.sort(present)[int(np.ceil(0.95 * present.size)) - 1])
    per_week = float(random.normal(0, 0.5))
    is_rising = 60 < percentile <= 90 and per_week > 0.3
    figures = Figures(
        samples=samples if is_judged else samples // 2,
        null_values=12,
        expected=8640,
        coverage=(samples if is_judged else samples // 2) / 8640,
        maximum=float(present.max()),
        maximum_at=start + timedelta(hours=top, minutes=25),
        last_sample=start + timedelta(days=30, minutes=-5),
        reason=None if is_judged else "coverage 0.48 is below 0.9",
    )
    if not is_judged:
        return figures
    return replace(
        figures,
        percentile=percentile,
        mean=float(present.mean()),
        busy_hour=int(random.integers(9, 17)),
        above_warning=float((present > 70).mean()),
        above_critical=float((present > 90).mean()),
        above_since=Since(date(2026, 9, 7), or_earlier=False) if percentile > 80 else None,
        committed_mbits=1000.0,
        percentile_mbits=percentile * 10,
        mean_mbits=float(present.mean()) * 10,
        maximum_mbits=float(present.max()) * 10,
        trend=Trend(
            per_week=round(per_week, 6),
            low=round(per_week - 0.25, 6),
            high=round(per_week + 0.25, 6),
            weeks=26,
            critical_on=date(2027, 2, 12) if is_rising else None,
            reason=None if is_rising else "no rising trend",
        ),
    )


def _none(lines: tuple[SeriesFigures, ...]) -> Figures:
    return Figures(
        samples=sum(line.figures.samples for line in lines),
        null_values=0,
        expected=8640 * len(lines),
        coverage=0.97,
    )


def _end(name: tuple[str, int, str], series: tuple[int, int], lines: tuple[SeriesFigures, ...]) -> End:
    code, circuit, side = name
    country, pop, section = _PLACES[(circuit * 2 + (side == "Z") * (1 + circuit % 3)) % len(_PLACES)]
    values = [line.figures.percentile for line in lines]
    busier = max(lines, key=lambda line: line.figures.percentile or 0)
    short = next((line for line in lines if line.figures.reason), None)
    figures = busier.figures
    if short:
        figures = replace(_none(lines), reason=f"direction {short.direction}: {short.figures.reason}")
    return End(
        code_ope=code,
        circuit=f"EVPL-{circuit + 1:06}",
        object_type="EVPL",
        pop_country=country,
        pop_name=pop,
        pop_section_name=f"{section}-{circuit % 12 + 1:02}",
        group=("Retail", "Plants", "Data centers")[circuit % 3],
        label=f"Site {circuit + 1}" if circuit % 2 else None,
        percentile_in=values[0],
        percentile_out=values[1],
        direction=None if short else busier.direction,
        figures=figures,
        series=series,
    )


def _headline(ends: tuple[End, ...], lines: tuple[SeriesFigures, ...]) -> Headline:
    judged = [line.figures.percentile for line in lines if line.figures.percentile is not None]
    samples = sum(line.figures.samples for line in lines)
    expected = sum(line.figures.expected or 0 for line in lines)
    return Headline(
        circuits=len({end.circuit for end in ends}),
        ends=len(ends),
        series=len(lines),
        samples=samples,
        expected=expected or None,
        coverage=samples / expected if expected else None,
        above_warning=sum(value > 70 for value in judged),
        above_critical=sum(value > 90 for value in judged),
        not_judged=len(lines) - len(judged),
        newest_sample=datetime(2026, 11, 30, 22, 55, tzinfo=UTC) if samples else None,
        pulled_at=datetime(2026, 12, 1, 3, 12, tzinfo=UTC) if samples else None,
    )


def _changes(lines: tuple[SeriesFigures, ...]) -> Changes:
    judged = [(i, line.figures.percentile) for i, line in enumerate(lines) if line.figures.percentile]
    critical = [Move(i, value - 8.25, value) for i, value in judged if value > 90]
    warning = [Move(i, value - 12.5, value) for i, value in judged if 70 < value <= 82]
    below = [Move(i, 74.1, value) for i, value in judged if 60 < value < 64]
    moves = [Move(i, value + 9.5, value) for i, value in judged if 20 < value < 24]
    return Changes(
        month="2026-10",
        above_critical=tuple(critical[:3]),
        above_warning=tuple(warning[:6]),
        below_warning=tuple(below[:4]),
        moves=tuple(moves[:10]),
        new=tuple(range(len(lines) - 4, len(lines))),
        gone=(Series("EVPL-000099", "utilizationIn", "France", "Paris", "PAR-03", "EVPL"),),
    )


def _groups(code: str) -> tuple[Group, ...]:
    def group(name: str, direction: str, share: float) -> Group:
        figures = Figures(
            samples=60_000,
            null_values=0,
            expected=8640,
            coverage=0.981,
            committed_mbits=7000.0,
            percentile_mbits=7000 * share,
            mean_mbits=7000 * share * 0.6,
            maximum_mbits=7000 * share * 1.04,
            maximum_at=datetime(2026, 11, 12, 10, 25, tzinfo=UTC),
            busy_hour=11,
            trend=Trend(per_week=38.2, low=-2.5, high=60.4, weeks=25, reason="no rising trend"),
        )
        return Group(
            code_ope=code,
            name=name,
            direction=direction,
            circuits=7,
            full=8200,
            partial=276,
            dropped=164,
            figures=figures,
        )

    reason = "circuit EVPL-000005 has no end EDGE-7"
    without = Figures(samples=0, null_values=0, expected=None, coverage=None, reason=reason)
    return (
        group("Data centers", "in", 0.93),
        group("Data centers", "out", 0.61),
        group("Plants", "in", 0.74),
        group("Plants", "out", 0.38),
        replace(group("Retail", "in", 0), full=None, partial=None, dropped=None, figures=without),
    )


def _calendar(code: str, circuits: int) -> Calendar:
    def day(number: int) -> Day:
        seconds = {0: 3600, 30: 82_800}.get(number, 86_400)
        covered = {14: 0, 22: 64_800}.get(number, seconds)
        values = covered // 300 * circuits * 4
        return Day(
            day=date(2026, 10, 31) + timedelta(days=number),
            seconds=seconds,
            covered=covered,
            is_due=True,
            values=values,
            expected=seconds // 300 * circuits * 4,
            rejected=12 if number in (5, 17) else 0,
            foreign=2 if number == 9 else 0,
        )

    return Calendar(code_ope=code, days=tuple(map(day, range(31))))
