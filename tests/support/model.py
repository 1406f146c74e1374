"""The lake as the contract describes it, without files or pages; runs at once; runs drawn at random."""

import io
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import pyarrow.parquet as pq
from hypothesis import strategies as st

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.window import Granularity, Window
from tests.support.fake_api import MIDNIGHT, FakeApi, Sample
from tests.support.lake_files import rejected_of, window_of
from tests.support.stores import MemoryStore

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
    """Return whether a tick is in both."""
    return one[0] < other[1] and other[0] < one[1]


def _pulled(truth: Truth, interval: Interval) -> Content:
    inside = {key: value for key, value in truth.items() if interval[0] <= key[1] < interval[1]}
    rows = {key: value for key, value in inside.items() if not isinstance(value, str)}
    return Content(rows, len(inside) - len(rows))


def _is_unreadable(group: tuple[Interval, Content], request: Request) -> bool:
    """Return whether there is something in a group that was asked for, and nothing of it can be read."""
    (start, end), content = group
    return request.start <= start and end <= request.end and content.rejected > 0 and not content.rows


def _union(interval: Interval, others: Iterable[Interval]) -> Interval:
    members = [interval, *(one for one in others if overlap(one, interval))]
    return min(start for start, _ in members), max(end for _, end in members)


KILL = -1
"""A choice that ends a run, between two of its calls."""


class Killed(BaseException):
    """The process of a run is gone."""


class _Seat(threading.Thread):
    """One run: before each call of its store it waits for its turn."""

    def __init__(self, run: Callable[[MemoryStore], object], objects: dict[str, bytes]) -> None:
        super().__init__(daemon=True)
        self.outcome: BaseException | None = None
        self.is_over = False
        self._pull = run
        self._store = MemoryStore(before=self._wait)
        self._store.objects = objects
        self._turn, self._arrived = threading.Semaphore(0), threading.Semaphore(0)
        self._is_killed = False

    def begin(self) -> None:
        """Go up to the first call."""
        self.start()
        self._arrived.acquire()

    def move(self, *, kill: bool = False) -> None:
        """Make the call, and go up to the next one; or die before it."""
        self._is_killed = kill
        self._turn.release()
        self._arrived.acquire()

    def run(self) -> None:
        """Be the thread."""
        try:
            self._pull(self._store)
        except BaseException as error:  # noqa: BLE001 whatever it is, it is the outcome
            self.outcome = error
        self.is_over = True
        self._arrived.release()

    def _wait(self) -> None:
        self._arrived.release()
        self._turn.acquire()
        if self._is_killed:
            raise Killed


def in_turns(
    runs: Sequence[Callable[[MemoryStore], object]],
    objects: dict[str, bytes],
    choices: Iterator[int],
    check: Callable[[], None],
) -> list[BaseException | None]:
    """Let runs work on the same objects, and return how each ended; None is well.

    Args:
        runs: each takes a store of its own.
        objects: what all these stores hold.
        choices: who is next, of those that still run; or `KILL`. When there are no more, the first.
        check: is called after each call, and may raise.
    """
    seats = [_Seat(run, objects) for run in runs]
    for seat in seats:
        seat.begin()
    try:
        while alive := [seat for seat in seats if not seat.is_over]:
            choice = next(choices, 0)
            alive[choice % len(alive)].move(kill=choice == KILL)
            check()
    finally:
        for seat in seats:
            while not seat.is_over:
                seat.move(kill=True)
    return [seat.outcome for seat in seats]


GONE = "gone"
MOST_SLICES = 6
MOST_CALLS = 1000

times = st.integers(0, TWO_DAYS - 1)
keys = st.tuples(st.sampled_from("ab"), times)
values = st.sampled_from([1.0, 2.0, 2.0, None, "n/a", GONE])


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Draw any window, in any slices: on the grid and off it, over midnight too; and often a whole day."""
    slice_length = draw(st.sampled_from([1, 2, 3, 4, 6, 12]))
    start, end = draw(st.sampled_from([(0, 12), (12, 24), *[(0, 0)] * 3]))
    if end == 0:
        start = draw(times)
        end = draw(st.integers(start + 1, min(TWO_DAYS, start + MOST_SLICES * slice_length)))
    return Request(
        start,
        end,
        slice_length,
        draw(st.sampled_from(["fail", "fail", "keep", "replace"])),
        draw(st.booleans()),
        draw(st.sampled_from([1.0, 1.0, 0.3, 0.0])),
    )


class Step(NamedTuple):
    """What changes at the API, from when on it still has samples, and the run after that.

    Attributes:
        calls: of the store, until the run is killed.
    """

    news: dict[Key, float | str | None]
    retention: int
    request: Request
    calls: int = MOST_CALLS


news = st.dictionaries(keys, values, max_size=16)
retentions = st.sampled_from([0, 0, 1, 6, 13, TWO_DAYS])
steps = st.builds(Step, news, retentions, requests())
mortal_steps = st.builds(
    Step, news, retentions, requests(), st.one_of(st.just(MOST_CALLS), st.integers(1, 40))
)
choices = st.lists(st.sampled_from([0, 1, 2, 0, 1, 2, 0, 1, 2, KILL]), max_size=60)
truths = st.dictionaries(keys, st.sampled_from([1.0, 2.0, None]), min_size=6, max_size=24)


SEQUENCES: Final = int(os.environ.get("EVPL_SEQUENCES", "60"))
"""How many a law tries; `make laws` sets more."""


def pull_once(api: FakeApi, request: Request, store: MemoryStore) -> Summary:
    """Run once, without waits."""
    with api.client(requests_per_second=1e9, page_parallelism=1) as client:
        return pull(client, store, request.plan, provenance={})


def read(store: MemoryStore) -> dict[Interval, Content]:
    """Read a lake, as the model has it."""
    found = {}
    for path, data in store.objects.items():
        if path.startswith("samples/"):
            window = window_of(path)
            rejected = store.objects.get(rejected_of(path), b"").splitlines()
            found[number(window.start), number(window.end)] = Content(_rows(data), len(rejected))
    return found


@lru_cache(maxsize=1000)
def _rows(data: bytes) -> dict[Key, float | None]:
    rows = pq.read_table(io.BytesIO(data)).to_pylist()
    keyed = {(row["object_instance_id"], number(row["timestamp"])): row["value"] for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def largest(windows: Iterable[Interval]) -> list[Interval]:
    """Drop each interval that lies in another one."""
    some = [*windows]
    return [
        one
        for one in some
        if not any(start <= one[0] and one[1] <= end for start, end in some if (start, end) != one)
    ]


def shown(store: MemoryStore) -> dict[Key, float | None]:
    """What a reader finds who leaves out intervals inside others. If two cross, the longer one wins."""
    found = read(store)
    by_length = sorted(largest(found), key=lambda one: one[1] - one[0])
    return {key: value for one in by_length for key, value in found[one].rows.items()}
