"""Laws of a lake over simulated weeks: a gap never looks complete, and a complete lake has no finding.

The tests find what a lake lacks from the rows and the truth alone; they read no footer.
"""

import io
import os
from collections.abc import Collection, Iterator
from datetime import timedelta
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple, TypeAlias

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.flows.findings import Coverage
from airflow_provider_evpl.flows.pull import pull
from tests.support.lake_files import window_of
from tests.support.model import Interval, Key, overlap
from tests.support.weeks import DAY, TICK, Weeks, WeeksClient, interval_of, name_of, plan_of
from tests.support.weeks_events import Step, give_up_afters, sequences, simulate

SEQUENCES: Final = int(os.environ.get("EVPL_WEEKS", "20"))
"""How many sequences each law tries; `make laws` sets more."""

Rows: TypeAlias = dict[Key, float | None]
_ALWAYS = (-100, 200)
_CUTS = st.sampled_from([0, 0, 0, 1, 2, 3])
ranges = st.tuples(st.tuples(st.integers(7, 24), _CUTS).map(lambda one: one[0] * DAY - one[1]), _CUTS)
"""How many ticks before now a range begins and ends: at midnight, or not."""


class Lake(NamedTuple):
    """What lies in the folders of a data set.

    Attributes:
        own: the rows of our objects.
        foreign: the intervals of misplaced copies.
    """

    own: dict[Interval, Rows]
    foreign: list[Interval]

    @property
    def counting(self) -> dict[Interval, Rows]:
        """Our objects without the leftovers, which lie inside larger objects."""
        return {
            one: rows
            for one, rows in self.own.items()
            if not any(other != one and other[0] <= one[0] and one[1] <= other[1] for other in self.own)
        }

    @property
    def days(self) -> dict[str, tuple[int, int]]:
        """The first and the last day of each series."""
        found: dict[str, set[int]] = {}
        for interval, rows in self.counting.items():
            for name, _ in rows:
                found.setdefault(name, set()).add(interval[0] // DAY)
        return {name: (min(days), max(days)) for name, days in found.items()}

    def value(self, key: Key) -> float | None:
        """Read a sample, as a reader does who uses the longest interval of each timestamp."""
        covering = [one for one in self.own if key[1] in range(*one)]
        longest = max(covering, key=lambda one: one[1] - one[0], default=None)
        return None if longest is None else self.own[longest].get(key)


def _read(weeks: Weeks, within: Interval) -> Lake:
    """Read the objects that overlap a range."""
    lake = Lake({}, [])
    for path, data in weeks.objects.items():
        interval = interval_of(window_of(path))
        if not overlap(interval, within):
            continue
        if weeks.foreign.get(path) == data:
            lake.foreign.append(interval)
        else:
            lake.own[interval] = _rows(data)
    return lake


@lru_cache(maxsize=4096)
def _rows(data: bytes) -> Rows:
    rows = pq.read_table(io.BytesIO(data)).to_pylist()
    found = {name_of(row): row["value"] for row in rows}
    assert len(found) == len(rows)
    return found


def _ticks(coverage: Coverage, *kinds: str) -> set[int]:
    """Return the ticks that lie in a finding, of some kinds or of any kind."""
    found = (one for one in coverage.findings if not kinds or one.kind in kinds)
    return {tick for one in found for tick in range(*interval_of(one.window))}


def _lacking(lake: Lake, truth: Rows, within: Interval) -> Iterator[Key]:
    """Find the samples that a lake lacks of its series, between the first and the last day of each."""
    days = lake.days
    for key, value in truth.items():
        name, tick = key
        if value is not None and name in days and tick in range(*within):
            first, last = days[name]
            if first <= tick // DAY <= last and lake.value(key) is None:
                yield key


def _faults(lake: Lake, within: Interval, give_up_after: timedelta | None) -> set[int]:
    """Find the ticks without an object of ours, with two, with a foreign object, or without a value."""
    own = [set(range(*one)) for one in lake.own]
    foreign = {tick for one in lake.foreign for tick in range(*one)}
    gaps = set(range(*within)).difference(*own)
    doubled = {tick for one, other in combinations(own, 2) for tick in one & other}
    lacking = {
        tick
        for interval, rows in lake.counting.items()
        for tick in range(*interval)
        if not rows or any(rows.get((name, tick)) is None for name in _expected(lake, tick, give_up_after))
    }
    return foreign | gaps | doubled | lacking


def _expected(lake: Lake, tick: int, give_up_after: timedelta | None) -> Iterator[str]:
    """Return the series that a tick should have: from the first day until some time after the last day."""
    midnight = tick // DAY * DAY * TICK
    for name, (first, last) in lake.days.items():
        is_kept = give_up_after is None or midnight < (last + 1) * DAY * TICK + give_up_after
        if first <= tick // DAY and is_kept:
            yield name


@settings(max_examples=SEQUENCES)
@given(sequences, ranges, give_up_afters)
def test_missing_samples_lie_in_a_finding(
    steps: list[Step], back: Interval, give_up_after: timedelta | None
) -> None:
    """Each sample that a lake lacks of a series, between its first and last day, lies in a finding."""
    weeks = simulate(steps)
    within = (weeks.now - back[0], weeks.now - back[1])
    found = _ticks(weeks.find_gaps(within, give_up_after=give_up_after))
    for _, tick in _lacking(_read(weeks, within), weeks.truth, within):
        assert tick in found


@settings(max_examples=SEQUENCES)
@given(sequences, ranges, give_up_afters)
def test_findings_are_where_the_faults_are(
    steps: list[Step], back: Interval, give_up_after: timedelta | None
) -> None:
    """A lake has findings where it has a gap, a double, a foreign copy or a missing value, nowhere else."""
    weeks = simulate(steps)
    within = (weeks.now - back[0], weeks.now - back[1])
    coverage = weeks.find_gaps(within, give_up_after=give_up_after)
    faults = _faults(_read(weeks, within), within, give_up_after)
    for finding in coverage.findings:
        assert faults & set(range(*interval_of(finding.window))), finding
    assert faults <= _ticks(coverage)


@settings(max_examples=SEQUENCES)
@given(sequences, ranges, st.sampled_from([1, 2, 4]), give_up_afters)
def test_complete_lake_has_no_finding(
    steps: list[Step], back: Interval, slice_length: int, give_up_after: timedelta | None
) -> None:
    """A range has no finding after a pull of all of it from an API that has each series in each step."""
    weeks = simulate(steps)
    within = (weeks.now - back[0], weeks.now - back[1])
    weeks.move_foreign_away()
    days = range(within[0] // DAY * DAY, -(-within[1] // DAY) * DAY)
    names = {name for rows in _read(weeks, (days.start, days.stop)).own.values() for name, _ in rows} | {"a"}
    truth = {(name, tick): 10.0 for name in names for tick in days}
    plan = plan_of(within, slice_length=slice_length * TICK)
    pull(WeeksClient(truth), weeks.store(), plan, provenance={})
    assert weeks.find_gaps(within, give_up_after=give_up_after).findings == []


@settings(max_examples=SEQUENCES)
@given(sequences, ranges, give_up_afters)
def test_doubled_samples_lie_in_an_overlap(
    steps: list[Step], back: Interval, give_up_after: timedelta | None
) -> None:
    """Each sample that is in two of our objects lies in an `overlap`, and no sum counts a leftover."""
    weeks = simulate(steps)
    within = (weeks.now - back[0], weeks.now - back[1])
    coverage = weeks.find_gaps(within, give_up_after=give_up_after)
    lake = _read(weeks, within)
    found = _ticks(coverage, "overlap")
    for one, other in combinations(lake.own.values(), 2):
        assert {tick for _, tick in one.keys() & other.keys() if tick in range(*within)} <= found
    values = [value for rows in lake.counting.values() for value in rows.values()]
    assert coverage.rows == coverage.observed == len(values)
    assert coverage.values == len(values) - values.count(None)


@settings(max_examples=SEQUENCES)
@given(sequences, ranges, st.sampled_from(["keep", "fail", "replace"]))
def test_repair_makes_returned_windows_equal_to_the_truth(
    steps: list[Step], back: Interval, on_shrink: str
) -> None:
    """One repair without `give_up_after`, from a complete API, makes each returned window equal the truth."""
    weeks = simulate(steps)
    within = (weeks.now - back[0], weeks.now - back[1])
    coverage = weeks.find_gaps(within, give_up_after=None)
    returned = [interval_of(one) for one in coverage.windows]
    before = _read(weeks, _ALWAYS)
    truth = weeks.truth if on_shrink == "replace" else _complete(weeks.truth, before.own.values())
    for interval in returned:
        plan = plan_of(interval, on_shrink=on_shrink, allow_empty=True)
        pull(WeeksClient(truth), weeks.store(), plan, provenance={})
    after = _read(weeks, _ALWAYS).own
    ticks = {tick for interval in returned for tick in range(*interval)}
    for tick in ticks:
        [rows] = [rows for one, rows in after.items() if tick in range(*one)]
        assert _at(rows, tick) == _at(truth, tick)
    assert before.foreign or _ticks(coverage, "absent", "empty", "null", "overlap") <= ticks


def _complete(truth: Rows, own: Collection[Rows]) -> Rows:
    """Add the landed samples to the truth, because a complete API never has less than the lake."""
    complete = dict(truth)
    for key, value in (one for rows in own for one in rows.items()):
        if complete.get(key) is None:
            complete[key] = value
    return complete


def _at(rows: Rows, tick: int) -> Rows:
    return {key: value for key, value in rows.items() if key[1] == tick}
