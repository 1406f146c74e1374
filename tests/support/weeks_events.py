"""The events of simulated weeks, drawn at random: runs, kills, sensors, copies, losses."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import NamedTuple, Protocol

from hypothesis import strategies as st

from airflow_provider_evpl.errors import EvplRetryableError
from airflow_provider_evpl.flows.publication import count_published
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.window import Granularity
from tests.support.lake import earlier
from tests.support.model import GONE, Interval, Key, Killed, choices, in_turns
from tests.support.stores import MemoryStore
from tests.support.weeks import DATASET, DAY, NAMES, Run, Weeks, WeeksClient, interval_of, plan_of, window_of

_LEAST_DAYS = 14
_MOST_EARLIER = 10


class Event(Protocol):
    """Something that happens to a lake."""

    def happen(self, weeks: Weeks) -> None:
        """Change the lake."""


class Pulled(NamedTuple):
    """A run behind a sensor.

    Attributes:
        calls: after so many calls of the store the run is killed.
        min_series: the run starts if so many series are published.
    """

    run: Run
    calls: int
    min_series: int

    def happen(self, weeks: Weeks) -> None:
        """Pull, if enough series are published."""
        plan = self.run.plan(weeks.now)
        sees = count_published(
            weeks.client,
            code_ope=plan.code_ope,
            granularity=plan.granularity,
            window=plan.window,
            enough=self.min_series,
        )
        if sees >= self.min_series:
            with suppress(Killed):
                weeks.pull(plan, weeks.store(_killer(self.calls)))


class Repaired(NamedTuple):
    """A repair of the last days.

    Attributes:
        calls: after so many calls of the store the repair is killed.
    """

    days: int
    give_up_after: timedelta | None
    calls: int

    def happen(self, weeks: Weeks) -> None:
        """Pull each returned window by a run of its own."""
        found = weeks.find_gaps((weeks.now - DAY * self.days, weeks.now), give_up_after=self.give_up_after)
        store = weeks.store(_killer(self.calls))
        with suppress(Killed):
            for one in found.windows:
                weeks.pull(plan_of(interval_of(one), on_shrink="keep", allow_empty=True), store)


class AtOnce(NamedTuple):
    """Two runs that take turns at the store, call by call; a run may be killed."""

    runs: tuple[Run, Run]
    order: list[int]

    def happen(self, weeks: Weeks) -> None:
        """Pull with both runs."""
        runs = [partial(self._pull, weeks, one) for one in self.runs]
        for outcome in in_turns(runs, weeks.objects, iter(self.order), lambda: None):
            assert outcome is None or isinstance(outcome, Killed | EvplRetryableError)

    def _pull(self, weeks: Weeks, one: Run, store: MemoryStore) -> None:
        weeks.pull(one.plan(weeks.now), store)


class Restored(NamedTuple):
    """Objects that were once there are put back at their paths: an object, or all of its day.

    Attributes:
        which: of the objects that were there and are no more.
    """

    which: int
    is_day: bool

    def happen(self, weeks: Weeks) -> None:
        """Put the objects back."""
        gone = [one for one in weeks.earlier if weeks.objects.get(one[0]) != one[1]]
        if not gone:
            return
        chosen, data = gone[self.which % len(gone)]
        folder = chosen.rpartition("/")[0]
        day = {path: kept for path, kept in gone if path.startswith(folder) and path not in weeks.objects}
        weeks.objects |= (day if self.is_day else {}) | {chosen: data}


class Changed(NamedTuple):
    """An object is lost, or an earlier version of the provider wrote some objects."""

    which: int
    is_lost: bool

    def happen(self, weeks: Weeks) -> None:
        """Delete an object, or write some objects without the keys of later versions."""
        paths = sorted(weeks.objects)
        first = self.which % max(1, len(paths))
        if self.is_lost:
            for path in paths[first : first + 1]:
                del weeks.objects[path]
            return
        for path in paths[first : first + _MOST_EARLIER]:
            data = weeks.objects[path]
            if weeks.foreign.get(path) != data and not _is_earlier(data):
                weeks.objects[path] = earlier(data, pulled_at="")


class Copied(NamedTuple):
    """An object of another lake is copied into ours.

    Attributes:
        other: how the other lake differs: in its names or its API. Without a difference the copy is ours.
        is_earlier: whether an earlier version of the provider wrote it.
    """

    other: Mapping[str, str]
    back: int
    length: int
    is_earlier: bool

    def happen(self, weeks: Weeks) -> None:
        """Land an object in the other lake, and copy it."""
        start = max(0, weeks.now - self.back)
        here = (start, min(start + self.length, start // DAY * DAY + DAY))
        data, rows = self._land_there(weeks, here)
        # An earlier object without rows does not say whose it is.
        if self.is_earlier and not rows:
            return
        path = DATASET.samples_path(window_of(here))
        weeks.objects[path] = earlier(data, pulled_at="") if self.is_earlier else data
        if self.other:
            weeks.foreign[path] = weeks.objects[path]

    def _land_there(self, weeks: Weeks, here: Interval) -> tuple[bytes, int]:
        settings = {name: text for name, text in self.other.items() if name == "base_url"}
        names = {"code_ope": "0042", "granularity": "6h", **self.other}
        granularity = Granularity(names["granularity"])
        plan = plan_of(here, code_ope=names["code_ope"], granularity=granularity, allow_empty=True)
        store = MemoryStore()
        summary = pull(WeeksClient(weeks.truth, **settings), store, plan, provenance={})
        [data] = store.objects.values()
        return data, summary.landings[0].rows


class Renamed(NamedTuple):
    """An object that was once there is copied to the name of another interval."""

    which: int
    back: int
    length: int

    def happen(self, weeks: Weeks) -> None:
        """Copy an object."""
        start = max(0, weeks.now - self.back)
        path = DATASET.samples_path(window_of((start, min(start + self.length, start // DAY * DAY + DAY))))
        if others := [data for one, data in weeks.earlier if one != path]:
            weeks.objects[path] = weeks.foreign[path] = others[self.which % len(others)]


class Step(NamedTuple):
    """Some days with scheduled runs, then news of the API, then events.

    Attributes:
        up: the series that have samples in these days.
        schedule: a run comes after so many ticks, and pulls these and so many before them; None without runs.
        fates: samples that are null, late or gone, by series and tick of the step.
        news: by series and ticks back from the end.
    """

    days: int
    up: frozenset[str]
    schedule: tuple[int, int] | None
    fates: dict[Key, object]
    news: dict[Key, object]
    events: list[Event]

    def happen(self, weeks: Weeks) -> None:
        """Simulate the step."""
        for tick in range(self.days * DAY):
            for name in sorted(self.up):
                weeks.appear(name, self.fates.get((name, tick), ""))
            weeks.tick()
            if self.schedule and weeks.now % self.schedule[0] == 0:
                back = sum(self.schedule)
                weeks.pull(Run(back, back, self.schedule[0]).plan(weeks.now), weeks.store())
        for (name, back), value in self.news.items():
            if isinstance(value, float | None) and weeks.now >= back:
                weeks.truth[name, weeks.now - back] = value
            else:
                weeks.truth.pop((name, weeks.now - back), None)
        for event in self.events:
            event.happen(weeks)
            weeks.remember()


def simulate(steps: list[Step]) -> Weeks:
    """Simulate two weeks or more: the first step takes the days that are left of two weeks."""
    weeks = Weeks()
    first = max(1, _LEAST_DAYS - sum(step.days for step in steps[1:]))
    for step in [steps[0]._replace(days=first), *steps[1:]]:
        step.happen(weeks)
    return weeks


def _is_earlier(data: bytes) -> bool:
    return b"evpl.series_digest" not in data


def _killer(calls: int) -> Callable[[], None]:
    left = iter(range(calls))

    def before() -> None:
        if next(left, None) is None:
            raise Killed

    return before


_ALIVE = 10_000
_names_drawn = st.sampled_from([*NAMES[:3] * 3, NAMES[3]])
_calls = st.one_of(st.just(_ALIVE), st.integers(0, 60))
_which = st.integers(0, 1000)
_keep_for = st.sampled_from([None, timedelta(days=7), timedelta(days=1)])
_ups = [*[frozenset("abc")] * 6, frozenset({"a in Paris", "b", "c"})]
_others = st.sampled_from(
    [
        *[{}] * 4,
        *[{"code_ope": "0043"}] * 2,
        {"granularity": "360m"},
        {"base_url": "https://sandbox.example"},
    ]
)


@st.composite
def _runs(draw: st.DrawFn) -> Run:
    """Draw a run, every second time on whole days."""
    slice_length = draw(st.sampled_from([1, 2, 4, 4]))
    if draw(st.booleans()):
        days = draw(st.integers(1, 5))
        back, length = DAY * (days + draw(st.integers(0, 9))), DAY * days
    else:
        back, length = draw(st.integers(1, 40)), draw(st.integers(1, 12))
    on_shrink = draw(st.sampled_from(["fail", "fail", "keep", "replace"]))
    return Run(back, length, slice_length, on_shrink, draw(st.booleans()))


_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Pulled, _runs(), _calls, st.integers(0, 4)),
    st.builds(Repaired, st.integers(3, 20), _keep_for, _calls),
    st.builds(AtOnce, st.tuples(_runs(), _runs()), choices),
    st.builds(Restored, _which, st.booleans()),
    st.builds(Changed, _which, st.booleans()),
    st.builds(Copied, _others, st.integers(1, 60), st.integers(1, DAY - 1), st.booleans()),
    st.builds(Renamed, _which, st.integers(1, 60), st.integers(1, DAY)),
)
_steps = st.builds(
    Step,
    days=st.integers(0, 4),
    up=st.one_of(*map(st.just, _ups), st.frozensets(_names_drawn)),
    schedule=st.sampled_from([None, (1, 0), (1, 1), (2, 0), (2, 2), (4, 0), (4, 0), (4, 4)]),
    fates=st.dictionaries(
        st.tuples(_names_drawn, st.integers(0, 4 * DAY)),
        st.sampled_from([None, GONE, 2, 4, 12]),
        max_size=2,
    ),
    news=st.dictionaries(
        st.tuples(st.sampled_from(NAMES[:3]), st.integers(1, 60)),
        st.sampled_from([20.0, 30.0, None, GONE]),
        max_size=2,
    ),
    events=st.lists(_events, min_size=1, max_size=2),
)
sequences = st.lists(_steps, min_size=3, max_size=10)
give_up_afters = _keep_for
