"""The network of the sandbox: each utilization value is a pure function of series and time.

The functions use only additions, multiplications and a keyed integer hash, so that a value is the same on
every machine. All times are seconds since the epoch (UTC).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import inf
from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["Direction", "End", "Network", "Row", "Series", "Timestamps", "utilization"]

End: TypeAlias = Literal["A", "Z"]
Direction: TypeAlias = Literal["in", "out"]
Timestamps: TypeAlias = Literal["start", "end"]

_ENDS: Final[tuple[End, ...]] = ("A", "Z")
_DIRECTIONS: Final[tuple[Direction, ...]] = ("in", "out")
_MASK: Final = (1 << 64) - 1
_DAY_SECONDS: Final = 86_400
_BURST_SECONDS: Final = 1800
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday
_WEEK: Final = (0.96, 1.0, 1.02, 1.0, 0.92, 0.5, 0.4)  # share of the daily swing, from Monday
_POPS: Final = (
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


class _Load(NamedTuple):
    base_low: float
    base_high: float
    swing_low: float
    swing_high: float


_LOADS: Final = (
    _Load(0.2, 1.5, 0.5, 3.0),  # idle: circuits 4, 8, 12, ...
    _Load(20.0, 32.0, 35.0, 50.0),  # busy: circuits 1, 5, 9, ...
    _Load(5.0, 15.0, 15.0, 30.0),
    _Load(5.0, 15.0, 15.0, 30.0),
)
_FULL: Final = _Load(42.0, 43.0, 51.0, 52.5)  # nearly full: circuits 13, 33, 53, ... from A to Z
_FIRST_FULL: Final = 13
_FULL_EVERY: Final = 20


class Series(NamedTuple):
    """One series: a circuit seen at one end in one direction, and its names in the API."""

    circuit: int
    end: End
    direction: Direction
    object_type: str
    object_instance_id: str
    metric_name: str
    pop_country: str
    pop_name: str
    pop_section_name: str


class Row(NamedTuple):
    """One sample as it should be in a lake; `timestamp` is in seconds since the epoch."""

    object_type: str
    object_instance_id: str
    metric_name: str
    pop_country: str
    pop_name: str
    pop_section_name: str
    timestamp: int
    value: float


@dataclass(frozen=True, kw_only=True)
class Network:
    """Circuits numbered from 1, each with two ends (A, Z) and two directions (in, out).

    Circuits 1, 5, 9, ... are busy, circuits 4, 8, 12, ... nearly idle. Circuits 13, 33, 53, ... are nearly
    full from A to Z: the 95th percentile of a month is above 90. Traffic into one end comes out at the other
    end, so those two series differ only by noise. The metric names are MEF's [S], because Orange's own are
    unknown.

    Attributes:
        circuits: Number of circuits, 0 and more.
        granularity_seconds: Step of the grid. Steps are multiples of it since the epoch.
        seed: Seed of the values and places.
        averaged: Number of measured steps in a step; a value is their mean. 1: each value is measured.
        timestamps: Which end of its step a timestamp marks. It decides which values a mean is of.
        since: Seconds since the epoch. There are no samples before.
        until: Seconds since the epoch. There are no samples from there on.
    """

    circuits: int
    granularity_seconds: int
    seed: int
    averaged: int = 1
    timestamps: Timestamps = "start"
    since: float = -inf
    until: float = inf

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """All series in a fixed order: by circuit, then end, then direction."""
        circuits = range(1, self.circuits + 1)
        places = product(circuits, _ENDS, _DIRECTIONS)
        return tuple(_series(self.seed, *place) for place in places)

    def steps(self, *, start: float, end: float) -> range:
        """Grid steps in `[start, end)` that have samples: multiples of the granularity since the epoch."""
        step = self.granularity_seconds
        start, end = max(start, self.since), min(end, self.until)
        return range(_ceil(start, step=step), _ceil(end, step=step), step)

    def published(self, steps: Iterable[int]) -> list[int]:
        """Return those steps that have samples."""
        return [step for step in steps if self.since <= step < self.until]

    def values(self, series: Series, *, steps: Iterable[int]) -> list[float]:
        """Utilization in per cent at each step: `utilization`, for a whole series at once.

        If `averaged` is above 1: the mean of `utilization` at the measured steps, rounded to two decimals.
        """
        curve = _curve(self.seed, series.circuit, series.end, series.direction)
        if self.averaged > 1:
            return [_mean(curve, self._measured(timestamp)) for timestamp in steps]
        return [_value(curve, timestamp) for timestamp in steps]

    def truth(self, *, start: float, end: float) -> Iterator[Row]:
        """Every sample of the window `[start, end)`, series by series, in order of time.

        Args:
            start: Seconds since the epoch; part of the window.
            end: Seconds since the epoch; not part of the window.
        """
        steps = self.steps(start=start, end=end)
        for series in self.series:
            for timestamp, value in zip(steps, self.values(series, steps=steps), strict=True):
                yield Row(*series[3:], timestamp, value)

    def _measured(self, timestamp: int) -> range:
        """Return the measured timestamps of a step: from its timestamp on, or up to it."""
        step = self.granularity_seconds // self.averaged
        first = timestamp if self.timestamps == "start" else timestamp - self.granularity_seconds + step
        return range(first, first + self.granularity_seconds, step)


def utilization(*, seed: int, circuit: int, end: End, direction: Direction, timestamp: int) -> float:
    """Utilization of a circuit's bandwidth in per cent, 0 to 100, rounded to two decimals.

    Args:
        seed: Seed of the network.
        circuit: Number of the circuit, from 1.
        end: `A` or `Z`.
        direction: `in` or `out`.
        timestamp: Whole seconds since the epoch (UTC), also off the grid.
    """
    return _value(_curve(seed, circuit, end, direction), timestamp)


class _Curve(NamedTuple):
    base: float
    swing: float
    peak_second: int
    noise: float
    noise_key: int
    burst_key: int


def _value(curve: _Curve, timestamp: int) -> float:
    base, swing, peak_second, noise, noise_key, burst_key = curve
    day, second = divmod(timestamp, _DAY_SECONDS)
    from_peak = abs(second - peak_second) / 43_200
    if from_peak > 1:
        from_peak = 2 - from_peak
    daily = (1 - from_peak) * (1 - from_peak) * (1 + 2 * from_peak)
    level = base + swing * _WEEK[(day + _EPOCH_WEEKDAY) % 7] * daily
    dice = _mix(noise_key ^ timestamp)
    level += noise * (((dice & 0xFFFF) + (dice >> 48)) / 0xFFFF - 1)
    dice = _mix(burst_key ^ (timestamp // _BURST_SECONDS))
    if not dice & 0xFF:
        level += (100 - level) * (0.3 + 0.6 * (dice >> 48) / 0xFFFF)
    return int(level * 100 + 0.5) / 100


def _mean(curve: _Curve, timestamps: range) -> float:
    count, hundredths = len(timestamps), sum(round(_value(curve, one) * 100) for one in timestamps)
    return (2 * hundredths + count) // (2 * count) / 100


@lru_cache(maxsize=1 << 16)
def _curve(seed: int, circuit: int, end: End, direction: Direction) -> _Curve:
    """Return the constants of a series. Both ends of a flow share all of them but the noise."""
    flow = (end == "A") == (direction == "in")
    key = _key(seed, circuit, int(flow))
    is_full = flow and circuit % _FULL_EVERY == _FIRST_FULL
    load = _FULL if is_full else _LOADS[circuit % len(_LOADS)]
    base = _between(load.base_low, load.base_high, key=_key(key, 1))
    swing = _between(load.swing_low, load.swing_high, key=_key(key, 2))
    return _Curve(
        base=base,
        swing=swing,
        peak_second=int(_between(11 * 3600, 16 * 3600, key=_key(key, 3))),
        noise=min(base, 0.06 * (base + swing), 100 - base - max(_WEEK) * swing),
        noise_key=_key(key, 4, _ENDS.index(end)),
        burst_key=_key(key, 5),
    )


def _series(seed: int, circuit: int, end: End, direction: Direction) -> Series:
    country, name, code = _pop(seed, circuit, end)
    section = _key(seed, circuit, 6, _ENDS.index(end)) % 12 + 1
    return Series(
        circuit=circuit,
        end=end,
        direction=direction,
        object_type="EVPL",
        object_instance_id=f"EVPL-{circuit:06d}",
        metric_name=f"utilization{direction.capitalize()}",
        pop_country=country,
        pop_name=name,
        pop_section_name=f"{code}-{section:02d}",
    )


def _pop(seed: int, circuit: int, end: End) -> tuple[str, str, str]:
    """Return the place of an end. The two ends of a circuit are at different places."""
    key = _key(seed, circuit, 7)
    index = key % len(_POPS)
    if end == "Z":
        index += 1 + (key >> 32) % (len(_POPS) - 1)
    return _POPS[index % len(_POPS)]


def _between(low: float, high: float, *, key: int) -> float:
    return low + (high - low) * (key >> 32) / 0xFFFF_FFFF


def _ceil(moment: float, *, step: int) -> int:
    return int(-(-moment // step)) * step


def _key(*parts: int) -> int:
    key = 0
    for part in parts:
        key = _mix((key ^ part) + 0x9E37_79B9_7F4A_7C15)
    return key


def _mix(number: int) -> int:
    """Return 64 well-mixed bits for 64 bits: the finalizer of SplitMix64."""
    number &= _MASK
    number = (number ^ number >> 30) * 0xBF58_476D_1CE4_E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D0_49BB_1331_11EB & _MASK
    return number ^ number >> 31
