import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.lake.samples import SampleCollector, Samples, find_unit_doubts
from airflow_provider_evpl.lake.schema import SERIES_COLUMNS
from airflow_provider_evpl.models import Entry, Page, Series
from airflow_provider_evpl.window import EPOCH, Granularity, Window
from tests.support.lake import (
    FIVE_MINUTES,
    HOUR,
    MIDNIGHT,
    PULLED_AT,
    Answer,
    Row,
    circuit,
    collect,
    fewer,
    hours,
    microseconds,
    rejection,
)

WINDOW = hours(1, 3)
START = microseconds(WINDOW.start)
MINUTE = 60_000_000
SLICE = Window(WINDOW.start + timedelta(seconds=7), WINDOW.end - timedelta(seconds=7))
GRANULARITIES = [
    *(FIVE_MINUTES, Granularity("1h"), Granularity("7s"), Granularity("90m"), Granularity("250ms")),
    *(Granularity("1d"), Granularity("1w"), Granularity("1y")),
]

texts = st.sampled_from([None, "", "a", "B", "é", "🛰"])
series = st.one_of(
    st.sampled_from([circuit("c1"), circuit("c2")]),  # often the same, so that many are duplicates
    st.builds(
        Series,
        st.sampled_from(["c1", "c2", "C10", ""]),
        st.sampled_from(["in", "out"]),
        texts,
        texts,
        texts,
        texts,
    ),
)
timestamps = st.one_of(  # on the grid, before, after, and off the grid; few, so that many are duplicates
    st.integers(-2, 26).map(lambda step: START + step * 5 * MINUTE),
    st.sampled_from([START - 1, START + 1, START + 120 * MINUTE - 1, START + 120 * MINUTE, -1]),
)
values = st.sampled_from([None, 0.0, 1.0, 2.5, -1.0, 1e300])
rows = st.tuples(series, timestamps, values)
rejections = st.one_of(
    st.builds(rejection, entry=st.integers(0, 3), sample=st.integers(0, 3)),
    st.builds(rejection, entry=st.integers(0, 3), sample=st.none(), samples=st.integers(1, 5)),
)
answers = st.lists(
    st.builds(Answer, st.lists(rows, max_size=12), st.lists(rejections, max_size=2)), max_size=5
)


class Truth(NamedTuple):
    """The result that the contract requires for some pages, computed in plain Python."""

    rows: list[Row]
    out_of_window: int
    duplicates: int
    conflicts: int


def _truth(given_rows: Iterable[Row], window: Window) -> Truth:
    kept: dict[tuple[Series, int], list[float | None]] = defaultdict(list)
    outside = 0
    for one, timestamp, value in given_rows:
        if microseconds(window.start) <= timestamp < microseconds(window.end):
            kept[one, timestamp].append(value)
        else:
            outside += 1
    stays = {key: _stays(found) for key, found in kept.items()}
    return Truth(
        rows=sorted(((*key, value) for key, value in stays.items()), key=_sort_key),
        out_of_window=outside,
        duplicates=sum(len(found) - 1 for found in kept.values()),
        conflicts=sum(value != stays[key] for key, found in kept.items() for value in found),
    )


def _stays(found: list[float | None]) -> float | None:
    return next((value for value in reversed(found) if value is not None), None)


def _sort_key(row: Row) -> tuple[list[tuple[bool, str]], int]:
    return [(text is not None, text or "") for text in row[0]], row[1]


def _rows(samples: Samples) -> list[Row]:
    return [
        (
            Series(*(row[name] for name in SERIES_COLUMNS)),
            microseconds(row["timestamp"]),
            row["value"],
        )
        for row in samples.rows.table().to_pylist()
    ]


def _all_rows(pages: Iterable[Answer]) -> list[Row]:
    return [row for page in pages for row in page.rows]


@pytest.mark.contract("window.half-open", "result.conflicts", "result.null_values", "result.series")
@pytest.mark.contract("lake.unique-and-sorted", "gap.A7")
@fewer
@given(answers, st.sampled_from([WINDOW, SLICE]))
def test_rows_and_ledger_are_those_of_the_contract(pages: list[Answer], window: Window) -> None:
    """Rows, their order, duplicates, conflicts and samples outside equal those of plain Python."""
    truth = _truth(_all_rows(pages), window)
    samples = collect(pages, window)
    ledger = samples.ledger
    assert _rows(samples) == truth.rows
    assert set(samples.rows.table()["code_ope"].to_pylist()) <= {"0042"}
    assert (ledger.rows, ledger.out_of_window) == (len(truth.rows), truth.out_of_window)
    assert (ledger.duplicates, ledger.conflicts) == (truth.duplicates, truth.conflicts)
    assert ledger.null_values == sum(value is None for _, _, value in truth.rows)
    assert samples.series == {one for one, _, _ in truth.rows}
    assert ledger.series == len(samples.series)


@pytest.mark.contract("result.rows")
@fewer
@given(answers)
def test_ledger_accounts_for_every_sample(pages: list[Answer]) -> None:
    """Each received sample is a row, a duplicate, out of the window or rejected. Entries add up too."""
    ledger = collect(pages, WINDOW).ledger
    gone = [one for page in pages for one in page.rejections]
    assert ledger.rejected == sum(one.samples for one in gone)
    assert ledger.rejected_entries == sum(one.sample is None for one in gone)
    assert ledger.received == len(_all_rows(pages)) + ledger.rejected
    assert ledger.received == ledger.rows + ledger.duplicates + ledger.out_of_window + ledger.rejected
    assert (ledger.pages, ledger.entries) == (len(pages), len(_all_rows(pages)) + ledger.rejected_entries)


@pytest.mark.contract("gap.A7")
@fewer
@given(answers, st.data())
def test_page_size_does_not_matter(pages: list[Answer], data: st.DataObject) -> None:
    """Rows and counts do not depend on how the samples are cut into pages."""
    everything = _all_rows(pages)
    size = data.draw(st.integers(1, 1 + len(everything)))
    recut = [Answer(everything[at : at + size], []) for at in range(0, len(everything), size)]
    first, second = collect([Answer(everything, [])], WINDOW), collect(recut, WINDOW)
    assert first.rows.table().equals(second.rows.table())
    assert first.ledger.rows == second.ledger.rows
    assert first.ledger.conflicts == second.ledger.conflicts
    assert (first.ledger.series, first.ledger.observed) == (second.ledger.series, second.ledger.observed)


@fewer
@given(st.lists(rows, max_size=20, unique_by=lambda row: row[:2]), st.randoms())
def test_order_does_not_matter_without_duplicates(given_rows: list[Row], random: Random) -> None:
    """Without duplicates, the order of the samples does not change the table."""
    shuffled = random.sample(given_rows, len(given_rows))
    first, second = (collect([Answer(some, [])], WINDOW) for some in (given_rows, shuffled))
    assert _rows(first) == _rows(second)
    assert first.ledger == second.ledger


@pytest.mark.contract("result.expected", "result.observed", "gap.A3", "gap.A26")
@fewer
@given(answers, st.sampled_from(GRANULARITIES), st.sampled_from([WINDOW, SLICE, hours(0, 24)]))
def test_steps_equal_those_counted_in_plain_python(
    pages: list[Answer], granularity: Granularity, window: Window
) -> None:
    """`expected` is series times steps. `observed` and `values` count each step of a series once.

    For a slice that isn't made of whole steps, all three are None.
    """
    samples = collect(pages, window, granularity)
    ledger = samples.ledger
    if (step := granularity.step) is None or (window.start - EPOCH) % step or (window.end - EPOCH) % step:
        assert (ledger.expected, ledger.observed, ledger.values) == (None, None, None)
        assert samples.completeness is None
        assert samples.expecting({circuit("more")}) == samples
        return
    assert samples.completeness is not None
    steps = window.length // step
    truth = _truth(_all_rows(pages), window).rows
    observed = {(one, timestamp // microseconds(EPOCH + step)) for one, timestamp, _ in truth}
    values = {
        (one, timestamp // microseconds(EPOCH + step)) for one, timestamp, value in truth if value is not None
    }
    assert ledger.expected == ledger.series * steps
    assert (ledger.observed, ledger.values) == (len(observed), len(values))
    shares = {one: sum(name == one for name, _ in values) / steps for one in samples.series}
    assert samples.completeness.lowest_share == min(shares.values(), default=None)
    for share in (0.0, 0.5, 1.0):
        lacking = {lack.series: lack.values / lack.steps for lack in samples.completeness.lacking(share)}
        assert lacking == {one: found for one, found in shares.items() if found < share}


def test_absent_series_are_sorted_by_their_labels() -> None:
    """Series without a value come first, sorted by label, with or without a PoP. Then those with values."""
    samples = collect([Answer([(circuit("a"), START, 1.0)], [])], WINDOW).expecting(
        {Series("c", "in", None, None, None, None), Series("b", "in", None, "Lyon", None, None)}
    )
    assert samples.completeness is not None
    assert [lack.series.label for lack in samples.completeness.lacking(1)] == [
        "b in Lyon",
        "c in",
        "a in EVPL",
    ]


def test_series_of_earlier_objects_are_expected() -> None:
    """A slice compared with earlier objects expects each series once, and lacks those without samples."""
    samples = collect([Answer([(circuit("a"), START, 1.0)], [])], WINDOW).expecting(
        {circuit("c"), circuit("a"), circuit("b")}
    )
    steps = FIVE_MINUTES.steps_in(WINDOW)
    assert steps is not None
    assert samples.completeness is not None
    assert (samples.ledger.expected, samples.ledger.series) == (3 * steps, 1)
    assert [str(lack) for lack in samples.completeness.lacking(1)] == [
        f"b in EVPL (0 of {steps})",
        f"c in EVPL (0 of {steps})",
        f"a in EVPL (1 of {steps})",
    ]
    assert samples.completeness.lacking(0) == []


@fewer
@given(answers, st.tuples(st.integers(0, 3), st.integers(1, 3)))
def test_circuits_are_counted_within_a_window(pages: list[Answer], bounds: tuple[int, int]) -> None:
    """For each circuit and metric, rows and values in a part of the slice are counted."""
    part = hours(bounds[0], sum(bounds))
    truth = _truth(_all_rows(pages), WINDOW).rows
    expected: dict[tuple[str, str], tuple[int, int]] = {}
    for series, timestamp, value in truth:
        is_inside = microseconds(part.start) <= timestamp < microseconds(part.end)
        rows, values = expected.get(series[:2], (0, 0))
        expected[series[:2]] = rows + is_inside, values + (is_inside and value is not None)
    assert collect(pages, WINDOW).count_circuits(part) == expected


@fewer
@given(answers, st.tuples(st.integers(0, 3), st.integers(1, 3)))
def test_counts_within_a_window(pages: list[Answer], bounds: tuple[int, int]) -> None:
    """Rows and values in a part of the slice are counted: its start is included, its end is not."""
    part = hours(bounds[0], sum(bounds))
    inside = [
        value
        for _, timestamp, value in _truth(_all_rows(pages), WINDOW).rows
        if microseconds(part.start) <= timestamp < microseconds(part.end)
    ]
    assert collect(pages, WINDOW).count_within(part) == (
        len(inside),
        sum(value is not None for value in inside),
    )


@pytest.mark.contract("result.conflicts")
@pytest.mark.parametrize(
    ("found", "stays", "conflicts"),
    [
        ([1.0, 2.0], 2.0, 1),
        ([2.0, 1.0], 1.0, 1),
        ([1.0, 1.0], 1.0, 0),
        ([1.0, None], 1.0, 1),
        ([None, 1.0], 1.0, 1),
        ([None, None], None, 0),
        ([1.0, 2.0, None, 2.0, 1.0], 1.0, 3),
        ([1.0, None, None], 1.0, 2),
    ],
)
@pytest.mark.parametrize("page_size", [1, 5])
def test_duplicate_with_a_value_stays_then_the_last(
    found: list[float | None], stays: float | None, conflicts: int, page_size: int
) -> None:
    """A value beats null; of two values the last stays, within and across pages. Two nulls don't conflict."""
    pages = [
        Answer([(circuit("a"), START, value) for value in found[at : at + page_size]], [])
        for at in range(0, len(found), page_size)
    ]
    samples = collect(pages, WINDOW)
    assert _rows(samples) == [(circuit("a"), START, stays)]
    assert (samples.ledger.duplicates, samples.ledger.conflicts) == (len(found) - 1, conflicts)


def test_no_sample_gives_no_rows() -> None:
    """Without samples the table has the right columns and no rows, and the ledger has zeros."""
    for pages in ([], [Answer([], [])]):
        samples = collect(pages, WINDOW)
        assert samples.rows.table().num_rows == samples.ledger.received == samples.ledger.rows == 0
        assert (samples.ledger.expected, samples.ledger.observed) == (0, 0)
        assert samples.ledger.rejected_fraction == 0
        assert samples.count_within(WINDOW) == (0, 0)


def test_step_with_several_samples_is_observed_once() -> None:
    """Several samples of a series in one step count as one observed step, for each series."""
    given_rows: list[Row] = [
        (circuit(name), START + at * MINUTE, 1.0) for name in "ab" for at in (0, 1, 5, 6)
    ]
    assert collect([Answer(given_rows, [])], WINDOW).ledger.observed == 4


def test_rejections_keep_their_page() -> None:
    """Rejections come out in order, each with its page, counted from 1."""
    gone = [rejection(entry=number) for number in range(3)]
    samples = collect([Answer([], gone[:1]), Answer([], []), Answer([], gone[1:])], WINDOW)
    assert [placed.page for placed in samples.rejections] == [1, 3, 3]
    assert [placed.rejection for placed in samples.rejections] == gone


def test_series_outside_the_slice_are_not_counted() -> None:
    """A series whose samples all lie outside the slice is not counted for the slice."""
    given_rows: list[Row] = [
        (circuit("in"), START, 1.0),
        (circuit("out"), microseconds(MIDNIGHT + 9 * HOUR), 1.0),
    ]
    samples = collect([Answer(given_rows, [])], WINDOW)
    assert samples.series == {circuit("in")}
    assert (samples.ledger.series, samples.ledger.expected, samples.ledger.observed) == (1, 24, 1)


GRIDS = [[START + hour * 60 * MINUTE for hour in grid] for grid in ([0, 1], [1, 0, 4], [1, 1], [])]
entry_values = st.sampled_from([None, 1.0, 2.0, -0.0])
entries = st.builds(
    lambda name, grid, given_values: Entry(circuit(name), grid, pack(given_values[: len(grid)])),
    st.sampled_from("abc"),
    st.sampled_from(GRIDS),
    st.lists(entry_values, min_size=3, max_size=3),
)


def _collect_entries(pages: list[list[Entry]]) -> Samples:
    collector = SampleCollector(WINDOW, code_ope="0042", granularity=FIVE_MINUTES, pulled_at=PULLED_AT)
    for one in pages:
        collector.add(
            Page(current_page=None, total_pages=None, has_next=False, entry_count=len(one), entries=one)
        )
    return collector.finish()


def _rows_of(page: list[Entry]) -> list[Row]:
    return [
        (one.series, timestamp, None if math.isnan(value) else value)
        for one in page
        for timestamp, value in zip(one.timestamps, one.values, strict=True)
    ]


@fewer
@given(st.lists(st.lists(entries, max_size=4), max_size=3))
def test_entries_of_many_samples_equal_entries_of_one(pages: list[list[Entry]]) -> None:
    """Rows, conflicts and ledger do not depend on how samples are grouped into entries."""
    one_by_one = collect([Answer(_rows_of(page), []) for page in pages], WINDOW)
    samples = _collect_entries(pages)
    assert samples.rows.table().equals(one_by_one.rows.table())
    assert repr(samples.conflicts) == repr(one_by_one.conflicts)  # nan is a null among them
    assert replace(samples.ledger, entries=0) == replace(one_by_one.ledger, entries=0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], []),
        ([0.0, 0.0], []),
        ([0.0, 100.0], []),
        ([0.5, 1.5], []),
        ([-0.01, 50.0], ["below 0"]),
        ([50.0, 100.01], ["above 100"]),
        ([0.0, 0.01], ["0 to 1"]),
        ([1.0], ["0 to 1"]),
        ([-1.0, 101.0], ["above 100", "below 0"]),
    ],
)
def test_values_that_are_no_percentages_are_doubted(values: list[float], said: list[str]) -> None:
    """Values below 0, above 100, or all from 0 to 1 are doubted. A slice of zeros is not."""
    doubts = find_unit_doubts(np.array(values, np.float64))
    assert len(doubts) == len(said)
    assert all(any(words in doubt for doubt in doubts) for words in said)


def test_only_values_that_land_are_doubted() -> None:
    """Samples without a value and samples outside the slice do not count."""
    inside, outside = (microseconds(hour.start) for hour in (hours(0, 1), hours(1, 2)))
    rows: list[Row] = [(circuit(name), inside, value) for name, value in (("a", 1.0), ("b", None))]
    rows.append((circuit("a"), outside, 200.0))
    doubts = collect([Answer(rows, [])], hours(0, 1)).unit_doubts
    assert doubts == {"all values are from 0 to 1, as fractions would be"}
