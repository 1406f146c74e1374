"""Which series count in which group, from when to when, and what is committed for the group then."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from airflow_provider_evpl.config.figures_plan import FiguresPlan, ReportPlan
from airflow_provider_evpl.errors import name_of, name_some
from airflow_provider_evpl.flows.figures.inventory import Inventory, Period
from airflow_provider_evpl.flows.figures.rates import microseconds_of
from airflow_provider_evpl.flows.figures.series import Scope

__all__ = ["GroupSum", "Level", "Part", "find_sums", "note_absent"]

_END = ("object_type", "pop_country", "pop_name", "pop_section_name")


class Part(NamedTuple):
    """A circuit of a sum, from `start` up to `stop`, in microseconds since the epoch.

    Attributes:
        series: its position; None if the circuit has vanished, or if it isn't clear which series counts.
        committed: Mbit/s.
    """

    series: int | None
    start: int
    stop: int
    committed: float


class Level(NamedTuple):
    """What is committed for a sum, from `start` up to `stop`.

    Attributes:
        circuits: how many circuits have a committed rate.
        committed, warning, critical: Mbit/s of all of them, and the thresholds.
    """

    start: int
    stop: int
    circuits: int
    committed: float
    warning: float
    critical: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSum:
    """A group in a direction.

    Attributes:
        number: its position.
        parts: of all circuits.
        levels: in the order of time, without the times in which nothing is committed.
        reason: why the group has no figure; None if it can have one.
    """

    number: int
    group: str
    direction: str
    parts: list[Part]
    levels: list[Level]
    reason: str | None

    def count_steps(self, start: datetime, end: datetime, step: int) -> int:
        """Count the steps (in microseconds) of a window at whose start something is committed."""
        first, last = microseconds_of(start), microseconds_of(end)
        inside = ((max(first, one.start), min(last, one.stop)) for one in self.levels)
        return sum(max(0, -(-stop // step) - -(-start // step)) for start, stop in inside)

    def level_at(self, moment: datetime) -> Level | None:
        """Return the level at a moment; None if nothing is committed then."""
        time = microseconds_of(moment)
        return next((one for one in self.levels if one.start <= time < one.stop), None)


class _Place(NamedTuple):
    """Where and in which direction a series is measured."""

    position: int
    end: tuple[str | None, ...]
    names: tuple[str | None, str | None]
    direction: str | None


def find_sums(
    rows: Sequence[Mapping[str, Any]], inventory: Inventory, scope: Scope, circuits: Collection[str]
) -> list[GroupSum]:
    """Find the groups that have a circuit in the month, each in both directions.

    Args:
        rows: of the series that are expected in the month, in the order of the source.
        inventory: names the group of each circuit, and the end that counts.
        scope: the month.
        circuits: those that a group may have. What is committed for a circuit without a row counts too.
    """
    places = defaultdict[str, list[_Place]](list)
    for position, row in enumerate(rows):
        end = tuple(row[name] for name in _END)
        names = (row["pop_section_name"], row["pop_name"])
        places[row["object_instance_id"]].append(_Place(position, end, names, row["direction"]))
    groups = defaultdict[str, list[tuple[str, Period]]](list)
    for circuit in sorted(circuits):
        for period in inventory.periods.get(circuit, ()):
            if period.group and period.overlaps(scope.range.start, scope.bound):
                groups[period.group].append((circuit, period))
    pairs = [
        (group, direction)
        for group, periods in sorted(groups.items())
        if any(period.overlaps(scope.window.start, scope.bound) for _, period in periods)
        for direction in ("in", "out")
    ]
    return [_make_sum(number, pair, groups[pair[0]], places, scope) for number, pair in enumerate(pairs)]


def note_absent(
    rows: Iterable[Mapping[str, Any]], inventory: Inventory, scope: Scope, circuits: Collection[str]
) -> Iterator[str]:
    """Yield notes on circuits of groups that have no series in the month.

    Args:
        rows: of series and groups.
        inventory: names the circuits of each group.
        scope: the month.
        circuits: of the operator code, also those that have vanished.
    """
    names = {(row["kind"], row.get("object_instance_id") or row.get("group")) for row in rows}
    absent = {
        circuit
        for circuit, periods in inventory.periods.items()
        if ("series", circuit) not in names
        and any(
            ("group", one.group) in names and one.overlaps(scope.window.start, scope.bound) for one in periods
        )
    }
    if vanished := sorted(absent.intersection(circuits)):
        yield (
            f"Circuits of groups that have no samples any more: {_name(vanished)}."
            " If a circuit has ended, set its valid_to in the inventory."
        )
    if others := sorted(absent.difference(circuits)):
        yield f"Sums of groups leave out circuits that the operator code lacks: {_name(others)}."


def _name(circuits: Sequence[str]) -> str:
    return f"{len(circuits):,} ({name_some([*map(name_of, circuits)])})"


def _make_sum(
    number: int,
    pair: tuple[str, str],
    periods: Iterable[tuple[str, Period]],
    places: Mapping[str, Sequence[_Place]],
    scope: Scope,
) -> GroupSum:
    parts, reasons = [], []
    for circuit, period in periods:
        chosen = _choose(places[circuit], period.end, pair[1]) if circuit in places else None
        if isinstance(chosen, str) and period.overlaps(scope.window.start, scope.bound):
            reasons.append(f"circuit {name_of(circuit)}: {chosen}")
        start, stop = map(microseconds_of, period.bounds)
        series = chosen if isinstance(chosen, int) else None
        parts.append(Part(series, start, stop, period.committed_mbits))
    return GroupSum(
        number=number,
        group=pair[0],
        direction=pair[1],
        parts=parts,
        levels=_find_levels(parts, scope.plan),
        reason=next(iter(reasons), None),
    )


def _choose(places: Iterable[_Place], end: str | None, direction: str) -> int | str:
    """Return the position of the series at an end of a circuit, or the reason why it isn't clear."""
    if end is None:
        return "the inventory names no end"
    matching = [one for one in places if end in one.names]
    ends = len({one.end for one in matching})
    if ends != 1:
        return f"{'several ends have' if ends else 'no end has'} the name {name_of(end)}"
    found = [one.position for one in matching if one.direction == direction]
    if len(found) != 1:
        return f"{'several' if found else 'no'} series in direction {direction} at the end {name_of(end)}"
    return found[0]


def _find_levels(parts: Sequence[Part], plan: FiguresPlan | ReportPlan) -> list[Level]:
    changes = sorted({time for part in parts for time in (part.start, part.stop)})
    levels = []
    for start, stop in pairwise(changes):
        rates = [part.committed for part in parts if part.start <= start < part.stop]
        if rates:
            committed = math.fsum(rates)
            thresholds = (round(percent / 100 * committed, 6) for percent in (plan.warning, plan.critical))
            levels.append(Level(start, stop, len(rates), committed, *thresholds))
    return levels
