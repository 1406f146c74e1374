"""The lake as a few sets and dicts: what the contract says, without files, pages or an order of calls.

Time is a number of ticks of two hours since MIDNIGHT, over two days; an interval is a pair of such
numbers. So few, that what is drawn meets often.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.window import Granularity, Window
from tests.fake_api import Sample
from tests.runs import MIDNIGHT

TICK = timedelta(hours=2)
TWO_DAYS = 24

Interval: TypeAlias = tuple[int, int]
Key: TypeAlias = tuple[str, int]
Truth: TypeAlias = Mapping[Key, float | str | None]
"""What the API has, by circuit and time; a text is a value that can't be read."""


class Request(NamedTuple):
    """One run's arguments."""

    start: int
    end: int
    slice_length: int
    on_shrink: str = "fail"
    allow_empty: bool = False
    max_rejected_fraction: float = 1.0

    @property
    def plan(self) -> PullPlan:
        """As the core takes it."""
        return PullPlan(
            code_ope="0042",
            granularity=Granularity("2h"),
            window=Window(moment(self.start), moment(self.end)),
            slice_length=self.slice_length * TICK,
            on_shrink=self.on_shrink,
            allow_empty=self.allow_empty,
            max_rejected_fraction=self.max_rejected_fraction,
        )

    def slices(self) -> Iterator[Interval]:
        """Cut on the grid of the slice length, which divides a day."""
        for low in range(0, TWO_DAYS, self.slice_length):
            start, end = max(self.start, low), min(self.end, low + self.slice_length)
            if start < end:
                yield start, end


class Content(NamedTuple):
    """An object's rows, and how many rejected samples lie beside it."""

    rows: dict[Key, float | None]
    rejected: int

    def within(self, interval: Interval) -> Counter[tuple[str, str]]:
        """Count the rows of each circuit, and its rows with a value."""
        inside = [
            (name, value) for (name, time), value in self.rows.items() if interval[0] <= time < interval[1]
        ]
        rows = Counter((circuit_of(name), "rows") for name, _ in inside)
        return rows + Counter((circuit_of(name), "values") for name, value in inside if value is not None)


@dataclass
class ModelLake:
    """What has landed, by interval."""

    objects: dict[Interval, Content] = field(default_factory=dict)

    def pull(self, truth: Truth, request: Request) -> str:
        """Do what a run does, and say how it ends: `landed`, `refused` or `unpublished`."""
        groups = {one: _pulled(truth, one) for one in self.groups(request)}
        limit = request.max_rejected_fraction
        odd = {one for one, (rows, rejected) in groups.items() if rejected > limit * (rejected + len(rows))}
        return self.land(groups, request, odd)

    def groups(self, request: Request) -> list[Interval]:
        """Give the intervals that are pulled, in order: what overlaps is joined until nothing does."""
        groups = set(request.slices())
        while True:
            joined = {_union(one, {*groups, *self.objects}) for one in groups}
            if joined == groups:
                return sorted(groups)
            groups = joined

    def land(self, groups: Mapping[Interval, Content], request: Request, odd: Collection[Interval]) -> str:
        """Do what a run does with what it has pulled; the odd ones have more rejected than is allowed."""
        asked = (request.start, request.end)
        is_published = request.allow_empty or any(one.within(asked) for one in groups.values())
        ends = [
            "refused" if one in odd else self._take(one, content, request, published=is_published)
            for one, content in groups.items()
        ]
        if "refused" in ends or (
            not is_published and any(_is_unreadable(one, request) for one in groups.items())
        ):
            return "refused"
        return "landed" if is_published else "unpublished"

    def _take(self, interval: Interval, content: Content, request: Request, *, published: bool) -> str:
        if not published:
            return "waits"
        is_wider = interval[0] < request.start or interval[1] > request.end
        if self._shrinks(interval, content) and (is_wider or request.on_shrink != "replace"):
            return "kept" if request.on_shrink == "keep" and not is_wider else "refused"
        for landed in self._overlapping(interval):
            del self.objects[landed]
        self.objects[interval] = content
        return "landed"

    def _shrinks(self, interval: Interval, content: Content) -> bool:
        return any(
            not self.objects[landed].within(landed) <= content.within(landed)
            for landed in self._overlapping(interval)
        )

    def _overlapping(self, interval: Interval) -> list[Interval]:
        return [landed for landed in self.objects if overlap(landed, interval)]


def circuit_of(name: str) -> str:
    """Give the circuit and the metric of a series: the first two of its names, where it has several."""
    return json.dumps(json.loads(name)[:2]) if name.startswith("[") else name


def moment(time: int) -> datetime:
    """Give the moment of a number."""
    return MIDNIGHT + time * TICK


def number(moment: datetime) -> int:
    """Give the number of a moment."""
    return (moment - MIDNIGHT) // TICK


def samples(truth: Truth) -> list[Sample]:
    """Give the API's samples, as the API in memory takes them."""
    return [Sample(name, moment(time), value) for (name, time), value in truth.items()]


def overlap(one: Interval, other: Interval) -> bool:
    """Tell whether a tick is in both."""
    return one[0] < other[1] and other[0] < one[1]


def _pulled(truth: Truth, interval: Interval) -> Content:
    inside = {key: value for key, value in truth.items() if interval[0] <= key[1] < interval[1]}
    rows = {key: value for key, value in inside.items() if not isinstance(value, str)}
    return Content(rows, len(inside) - len(rows))


def _is_unreadable(group: tuple[Interval, Content], request: Request) -> bool:
    """Tell that there is something in a group that was asked for, and nothing of it can be read."""
    (start, end), content = group
    return request.start <= start and end <= request.end and content.rejected > 0 and not content.rows


def _union(interval: Interval, others: Iterable[Interval]) -> Interval:
    members = [interval, *(one for one in others if overlap(one, interval))]
    return min(start for start, _ in members), max(end for _, end in members)
