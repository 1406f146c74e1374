"""Random small lakes for the figures: what landed, and the arguments to compute it with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from airflow_provider_evpl.lake.lake import Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Granularity, Window, floor
from tests.support.figures_facts import Facts, Rate, Terms, find_start
from tests.support.lake import SOURCE, Answer, Row, collect, lake_of, land, microseconds
from tests.support.stores import MemoryStore

_T = TypeVar("_T")

__all__ = ["RandomLake", "as_csv", "make_lake", "make_long_lake"]

MONTHS = [
    *(("UTC", 2026, 11), ("UTC", 2024, 2), ("Europe/Paris", 2026, 3), ("Europe/Paris", 2026, 10)),
    *(("Asia/Kathmandu", 2026, 11), ("Australia/Lord_Howe", 2026, 4), ("Australia/Lord_Howe", 2026, 10)),
    *(("America/New_York", 2026, 11), ("America/St_Johns", 2026, 3)),
    # On the first of these months clocks show midnight twice, or not at all.
    *(("America/Havana", 2026, 11), ("America/Asuncion", 2023, 10)),
]
Moments = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]

HISTORIES = {"300s": (1, 2), "900s": (2, 5), "1800s": (3, 8), "1h": (4, 36), "3h": (20, 45), "1d": (30, 80)}
"""By granularity: the fewest and the most days that have landed."""

METRICS = [("utilizationIn", "utilizationOut"), ("UTIL_INGRESS", "UTIL_EGRESS"), ("rateIN", "rate_out")]
PLACES = [("FR", "PAR-1", "A"), ("DE", "BER 2", "Z"), ("FR", "PAR-1", "B"), (None, None, None)]


WHOLE, PARTS, HOURS = DAY, timedelta(hours=6), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class RandomLake:
    """A lake, the truth about it, and how to compute its figures."""

    granularity: str
    month: tuple[int, int]
    facts: Facts
    terms: Terms
    store: MemoryStore


def make_lake(seed: int) -> RandomLake:
    """Make a lake of one or two operator codes, of some days."""
    random = Random(seed)
    zone, year, month = random.pick(MONTHS)
    granularity = random.pick([*HISTORIES])
    days = random.integer(*HISTORIES[granularity])
    first = date(year, month, 1) + timedelta(days=random.integer(-days // 2, 28 - days // 2))
    return _make(random, granularity, (zone, year, month), first, days)


def make_long_lake(seed: int) -> RandomLake:
    """Make a lake of half a year, for trends."""
    random = Random(seed)
    zone, year, month = random.pick(MONTHS)
    days = random.integer(120, 215)
    first = date(year, month, 1) + timedelta(days=random.integer(5, 33) - days)
    return _make(random, random.pick(["1h", "3h"]), (zone, year, month), first, days)


class Random:
    """A generator of random numbers that picks from lists of anything.

    Attributes:
        is_calm: whether the lake has few gaps, so that most figures stand.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.is_calm = self.happens(0.6)

    def pick(self, options: Sequence[_T]) -> _T:
        """Pick one."""
        return options[self.integer(0, len(options) - 1)]

    def integer(self, low: int, high: int) -> int:
        """Pick from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def happens(self, share: float) -> bool:
        """Return True in a share of calls."""
        return bool(self.rng.random() < share)


def _make(
    random: Random, granularity: str, calendar: tuple[str, int, int], first: date, days: int
) -> RandomLake:
    zone = calendar[0]
    step = Granularity(granularity).step
    assert step is not None
    start = floor(find_start(first, zone).to_pydatetime(), DAY)
    window = Window(start, start + days * DAY)
    store, slices, landed = MemoryStore(), {}, []
    codes = random.pick([["0042"], ["0042", "a/b %"]])
    for code in codes:
        rows = [row for one in _series(random, days) for row in _samples(random, one, window, step)]
        slices[code] = _slices(random, window)
        lake = lake_of(store, dataset=Dataset(code, granularity))
        for one in slices[code]:
            low, high = microseconds(one.start), microseconds(one.end)
            inside = [row for row in rows if low <= row[1] < high]
            samples = collect([Answer(inside, [])], one, Granularity(granularity), code, one.end)
            land(lake, Target(one, {}), samples)
            landed += [(code, *series, moment, value) for series, moment, value in inside]
        if random.happens(0.3):
            store.objects |= _leftovers(slices[code], Dataset(code, granularity))
    table = pd.DataFrame(landed, columns=["code_ope", *Series._fields, "timestamp", "value"])
    table["timestamp"] = pd.to_datetime(table["timestamp"], unit="us", utc=True)
    table["value"] = table["value"].astype(float)
    facts = Facts(
        step=pd.Timedelta(step),
        slices={code: [(one.start, one.end) for one in found] for code, found in slices.items()},
        rows=table,
    )
    terms = _terms(random, calendar, sorted(set(table["object_instance_id"])))
    return RandomLake(granularity=granularity, month=calendar[1:], facts=facts, terms=terms, store=store)


def _leftovers(slices: Sequence[Window], dataset: Dataset) -> dict[str, bytes]:
    """Make an object inside the last one, as a killed run leaves it, and an earlier one of another source."""
    store, last = MemoryStore(), slices[-1]
    part = Window(last.start, last.start + last.length // 2)
    before = floor(slices[0].start, DAY) - DAY
    foreign = Window(before, before + DAY)
    for one, source in ((part, SOURCE), (foreign, {**SOURCE, "ctxtid": "other"})):
        rows: list[Row] = [(Series("ghost", "in", None, None, None, None), microseconds(one.start), 1e9)]
        samples = collect(
            [Answer(rows, [])], one, Granularity(dataset.granularity), dataset.code_ope, one.end
        )
        land(lake_of(store, source, dataset=dataset), Target(one, {}), samples)
    return store.objects


def _slices(random: Random, window: Window) -> list[Window]:
    """Cut a range into days and parts of days, and lose some."""
    lost = random.pick([0.0, 0.0, 0.02] if random.is_calm else [0.0, 0.03, 0.15])
    length = random.pick([WHOLE, WHOLE, PARTS, HOURS])
    found = []
    for number, day in enumerate(window.slices(DAY)):
        parts = [*day.slices(length if number < 3 else WHOLE)]
        found += [one for one in parts if not random.happens(lost)]
    *most, last = found or [window]
    is_cut = random.happens(0.4) and last.length == DAY
    return [*most, Window(last.start, last.start + PARTS * random.integer(1, 3)) if is_cut else last]


def _series(random: Random, days: int) -> Iterator[Series]:
    """Name the series of some circuits: one or two ends, both directions or not, or other metrics."""
    for number in range(random.integer(1, 2 if days > 60 else 4)):
        places = PLACES[: random.integer(1, 2)] if random.happens(0.8) else [random.pick(PLACES)]
        metrics = random.pick(METRICS)
        for place in places:
            names = [one for one in metrics if not random.happens(0.08)]
            names += [one for one in ("jitter", "throughputIn", "IN") if random.happens(0.06)]
            for name in names:
                yield Series(
                    f"00{number}",
                    name,
                    *place,
                    random.pick(["EVPL", "EVPL", None]) if random.happens(0.1) else "EVPL",
                )


def _samples(random: Random, series: Series, window: Window, step: timedelta) -> Iterator[Row]:
    """Make the samples of a series: with gaps, nulls, ties; off the grid, or not from start to end."""
    length = microseconds_of(step)
    moments = (
        np.arange(-(-microseconds(window.start) // length), -(-microseconds(window.end) // length)) * length
    )
    low, high = (
        sorted(random.rng.random(2)) if random.happens(0.1 if random.is_calm else 0.35) else (0.0, 1.0)
    )
    if random.happens(0.15 if random.is_calm else 0.5):
        low, high = random.pick([(0.0, high), (low, 1.0)])
    moments = moments[int(low * len(moments)) : int(high * len(moments))]
    moments = moments[
        random.rng.random(len(moments))
        >= random.pick([0, 0, 0.01, 0.02] if random.is_calm else [0, 0.02, 0.06, 0.2])
    ]
    if random.happens(0.15):
        more = random.rng.choice(moments, len(moments) // 5) if len(moments) else moments
        moments = np.unique(
            np.concatenate([moments, more]) + random.rng.integers(0, length, len(moments) + len(more))
        )
        moments = moments[moments < microseconds(window.end)]
    values = _values(random, moments)
    nulls = random.rng.random(len(moments)) < random.pick(
        [0, 0, 0.03, 0.4, 1.0] if random.happens(0.3) else [0]
    )
    for moment, value, is_null in zip(moments.tolist(), values.tolist(), nulls.tolist(), strict=True):
        yield series, moment, None if is_null else value


def _values(random: Random, moments: Moments) -> Floats:
    count, weeks = len(moments), (moments - moments[:1].sum()) / 604_800e6
    noise = random.rng.random(count)
    kinds: dict[str, Floats] = {
        "ties": random.rng.integers(0, 6, count).astype(float),
        "free": np.round(noise * 100, 3),
        "fractions": noise,
        "thresholds": random.rng.choice([57.0, 58.0, 69.999, 70.0, 90.0, 90.0001], count),
        "constant": np.full(count, random.pick([0.0, 0.1, 90.0])),
        "wild": random.rng.normal(0, 1e6, count),
        "rising": 50 + random.pick([-0.5, 0.1, 0.6, 1.2]) * weeks + noise,
        "daily": np.round(40 + moments // 3_600_000_000 % 24 * random.pick([0.5, 1.0]) + noise, 1),
    }
    return kinds[random.pick([*kinds])]


def _terms(random: Random, calendar: tuple[str, int, int], circuits: Sequence[str]) -> Terms:
    warning, critical = random.pick([(70.0, 90.0), (70.0, 90.0), (50.0, 50.0), (10.5, 62.5), (57.0, 58.0)])
    return Terms(
        time_zone=calendar[0],
        min_coverage=random.pick([0.9, 0.9, 0.9, 0.5, 1.0, 0.0]),
        warning=warning,
        critical=critical,
        full_scale=random.pick([100.0, 100.0, 100.0, 80.0, 1.0]),
        directions=random.pick([{}, {}, {"jitter": "in"}, {"throughputIn": "none", "UTIL_EGRESS": "out"}]),
        inventory=_inventory(random, calendar, circuits) if random.happens(0.7) else None,
    )


def _inventory(random: Random, calendar: tuple[str, int, int], circuits: Sequence[str]) -> list[Rate]:
    zone, year, month = calendar
    rates = []
    for circuit in [*circuits, *(["not there"] if random.happens(0.3) else [])]:
        group = random.pick(["north", "north", "south", None])
        end = random.pick(["A", "PAR-1", "A", None] if random.happens(0.3) else ["A"])
        days = [
            date(year, month, 1) + timedelta(days=random.integer(-3, 27))
            for _ in range(random.pick([0, 0, 1, 2]))
        ]
        bounds = [None, *(find_start(one, zone).to_pydatetime() for one in sorted(set(days))), None]
        for start, stop in pairwise(bounds):
            if not random.happens(0.12):
                rates.append(
                    Rate(
                        circuit=circuit,
                        mbits=random.pick([10.0, 95.0, 5.0, 100.0, 33.3, 0.5]),
                        end=end,
                        group=group,
                        label=random.pick([None, 'main, "line"', "Ü 1"]),
                        valid_from=start,
                        valid_to=stop,
                    )
                )
    return rates


def as_csv(rates: Sequence[Rate], zone: str) -> bytes:
    """Write an inventory as a table, bounds as local dates."""
    columns = ["object_instance_id", "committed_mbits", "end", "group", "label", "valid_from", "valid_to"]
    table = pd.DataFrame(
        [
            (
                one.circuit,
                one.mbits,
                one.end,
                one.group,
                one.label,
                *(_local(bound, zone) for bound in (one.valid_from, one.valid_to)),
            )
            for one in rates
        ],
        columns=columns,
    )
    text: str = table.to_csv(index=False)
    return text.encode()


def _local(moment: datetime | None, zone: str) -> str | None:
    return None if moment is None else f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d}"


def microseconds_of(length: timedelta) -> int:
    """Give the microseconds of a length."""
    return length // timedelta(microseconds=1)
