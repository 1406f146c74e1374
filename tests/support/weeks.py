"""Simulated weeks of a lake: time passes, runs land samples, objects are copied and lost.

Time is a number of ticks of six hours since MIDNIGHT. A tick is one step of the granularity, so a day has
four. An interval is a pair of such numbers.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from math import nan
from typing import Any, NamedTuple

from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import (
    EvplForeignError,
    EvplNotPublishedError,
    EvplOverlapError,
    EvplRefusedError,
)
from airflow_provider_evpl.flows.coverage import find_gaps
from airflow_provider_evpl.flows.findings import Coverage
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.objects import Objects
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.models import Entry, Page, Series
from airflow_provider_evpl.window import EPOCH, Granularity, Window, microseconds
from tests.support.fake_api import MIDNIGHT
from tests.support.model import GONE, Interval, Key
from tests.support.stores import MemoryStore

TICK = timedelta(hours=6)
DAY = 4
DATASET = Dataset("0042", "6h")
NAMES = ("a", "b", "c", "a in Paris")
"""Series; the last one is circuit `a` at another PoP."""

_ENDS = (EvplForeignError, EvplNotPublishedError, EvplOverlapError, EvplRefusedError)


class WeeksClient(Client):
    """A client of an API that has a truth: values by series and tick."""

    def __init__(self, truth: Mapping[Key, float | None], **settings: Any) -> None:  # noqa: ANN401 whatever Settings takes
        made = Settings(client_id="id", client_secret="secret", application_id="app", **settings)
        super().__init__(replace(made, page_parallelism=1))
        self._truth = truth

    def page(self, query: Query, index: int, *, cancellation: Cancellation | None = None) -> Page:
        """Return the only page of a report."""
        del index, cancellation
        start, end = interval_of(query.window)
        inside: dict[str, list[tuple[int, float]]] = {}
        for (name, tick), value in self._truth.items():
            if start <= tick < end:
                inside.setdefault(name, []).append((tick, nan if value is None else value))
        entries = [_entry(name, samples) for name, samples in inside.items()]
        return Page(current_page=1, total_pages=1, has_next=False, entry_count=len(entries), entries=entries)


class Run(NamedTuple):
    """The arguments of a run; its window begins some ticks before now."""

    back: int
    length: int
    slice_length: int
    on_shrink: str = "fail"
    allow_empty: bool = False

    def plan(self, now: int) -> PullPlan:
        """Return the arguments as the core takes them."""
        start = max(0, now - self.back)
        return plan_of((start, max(start + 1, min(now, start + self.length))), **self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments without the window."""
        length = self.slice_length * TICK
        return {"slice_length": length, "on_shrink": self.on_shrink, "allow_empty": self.allow_empty}


def plan_of(interval: Interval, **settings: Any) -> PullPlan:  # noqa: ANN401 whatever PullPlan takes
    """Plan the pull of an interval, in slices of a day unless the settings say otherwise."""
    made = {"code_ope": "0042", "granularity": Granularity("6h"), "slice_length": DAY * TICK, **settings}
    return PullPlan(window=window_of(interval), **made)


@dataclass
class Weeks:
    """The state of a simulation: the API, the store and the time.

    Attributes:
        truth: the values of the API.
        now: the tick.
        objects: the bytes of the store, by path.
        earlier: the paths and the bytes of all objects of ours so far.
        foreign: the bytes of misplaced copies, by path.
    """

    truth: dict[Key, float | None] = field(default_factory=dict)
    now: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    earlier: dict[tuple[str, bytes], None] = field(default_factory=dict)
    foreign: dict[str, bytes] = field(default_factory=dict)
    _late: list[tuple[int, Key]] = field(default_factory=list)
    _moments: Iterator[int] = field(default_factory=count)

    @cached_property
    def client(self) -> Client:
        """The client of all runs."""
        return WeeksClient(self.truth)

    def store(self, before: Callable[[], None] = lambda: None) -> MemoryStore:
        """Return a store of the objects; it calls `before` before each call."""
        store = MemoryStore(before=before)
        store.objects = self.objects
        return store

    def clock(self) -> datetime:
        """Return the time, a second later at each call."""
        return moment(self.now) + timedelta(hours=3, seconds=next(self._moments))

    def appear(self, name: str, fate: object) -> None:
        """Add the sample of a series at this tick: now, some ticks later, as null, or never."""
        if isinstance(fate, int):
            self._late.append((self.now + fate, (name, self.now)))
        elif fate != GONE:
            self.truth[name, self.now] = 10.0 if fate == "" else None

    def tick(self) -> None:
        """Go to the next tick, and add the samples that are late until then."""
        self.now += 1
        for due, key in self._late:
            if due <= self.now:
                self.truth.setdefault(key, 10.0)
        self._late = [one for one in self._late if one[0] > self.now]

    def pull(self, plan: PullPlan, store: Store) -> None:
        """Pull once; ignore errors that say what the data or other runs did."""
        with suppress(*_ENDS):
            summary = Summary(plan=plan, now=self.clock)
            pull(self.client, store, plan, provenance={}, summary=summary)
        self.remember()

    def remember(self) -> None:
        """Add the objects of ours to `earlier`."""
        own = (one for one in self.objects.items() if self.foreign.get(one[0]) != one[1])
        self.earlier.update(dict.fromkeys(own))

    def move_foreign_away(self) -> None:
        """Remove the misplaced copies."""
        for path, data in self.foreign.items():
            if self.objects.get(path) == data:
                del self.objects[path]

    def find_gaps(self, interval: Interval, *, give_up_after: timedelta | None) -> Coverage:
        """Find what a range of the lake lacks."""
        objects = Objects(self.store(), DATASET, self.client.settings.source)
        return find_gaps(
            objects,
            window_of(interval),
            min_coverage=1,
            now=self.clock(),
            give_up_after=give_up_after,
        )


def moment(tick: int) -> datetime:
    """Return the moment of a tick."""
    return MIDNIGHT + tick * TICK


def window_of(interval: Interval) -> Window:
    """Return the window of an interval."""
    return Window(moment(interval[0]), moment(interval[1]))


def interval_of(window: Window) -> Interval:
    """Return the interval of a window, which is made of whole ticks."""
    start, end = ((one - MIDNIGHT) / TICK for one in (window.start, window.end))
    assert (start % 1, end % 1) == (0, 0)
    return int(start), int(end)


def name_of(row: Mapping[str, Any]) -> Key:
    """Return the series and the tick of a row."""
    pop = f" in {row['pop_name']}" if row["pop_name"] else ""
    return f"{row['object_instance_id']}{pop}", (row["timestamp"] - MIDNIGHT) // TICK


def _entry(name: str, samples: list[tuple[int, float]]) -> Entry:
    circuit, _, pop = name.partition(" in ")
    return Entry(
        series=Series(circuit, "in", None, pop or None, None, "EVPL"),
        timestamps=[microseconds(moment(tick) - EPOCH) for tick, _ in samples],
        values=array("d", [value for _, value in samples]),
    )
