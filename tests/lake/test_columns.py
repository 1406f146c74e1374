import math
import struct
from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.lake.columns import Grids, Rows, count_steps
from airflow_provider_evpl.lake.schema import SERIES_COLUMNS, TABLE_SCHEMA
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import EPOCH, Window
from tests.support.lake import fewer

texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=3))
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
series_lists = st.lists(st.builds(Series, names, names, texts, texts, texts, texts), min_size=1, max_size=6)
floats = st.floats(allow_nan=False, allow_infinity=False)
microseconds = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)  # the years 1 to 9999


@fewer
@given(names, series_lists, st.data())
def test_table_has_series_time_and_value_of_each_row(
    code_ope: str, series: list[Series], data: st.DataObject
) -> None:
    """Any part of the rows reads back with its own texts and numbers; null differs from the empty text."""
    times = st.lists(microseconds, min_size=1, max_size=4)
    rows = [(one, time) for one in series for time in data.draw(times)]
    numbers = data.draw(st.lists(st.one_of(st.none(), floats), min_size=len(rows), max_size=len(rows)))
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(rows))] * 2)))
    table = Rows(
        code_ope=code_ope,
        series=series,
        grids=[np.array([time for of, time in rows if of is one], np.int64) for one in series],
        values=np.array(numbers, np.float64),
    ).table(slice(first, last))
    rows, numbers = rows[first:last], numbers[first:last]
    table.validate(full=True)
    assert table.schema.equals(TABLE_SCHEMA)
    assert table["code_ope"].to_pylist() == [code_ope] * len(rows)
    for position, name in enumerate(SERIES_COLUMNS):
        texts_of_rows = [one[position] for one, _ in rows]
        assert table[name].to_pylist() == texts_of_rows
        assert set(table[name].combine_chunks().dictionary.to_pylist()) == {
            text or "" for text in texts_of_rows
        }
    assert table["timestamp"].cast("int64").to_pylist() == [time for _, time in rows]
    assert [_bits(value) for value in table["value"].to_pylist()] == [_bits(value) for value in numbers]


def _bits(value: float | None) -> bytes | None:
    return None if value is None else struct.pack("<d", value)


def test_only_nan_is_null() -> None:
    """NaN stands for a sample without a value. Zero and negative zero are values."""
    one = Series("a", "in", None, None, None, None)
    numbers = [math.nan, 0.0, -0.0, 5e-324]
    times = np.arange(len(numbers), dtype=np.int64)
    rows = Rows(code_ope="0042", series=[one], grids=[times], values=np.array(numbers))
    table = rows.table()
    assert rows.has_value.tolist() == [False, True, True, True]
    assert table["value"].null_count == 1
    assert [_bits(value) for value in table["value"].to_pylist()] == [None, *map(_bits, numbers[1:])]


def test_table_of_strided_arrays_has_their_elements() -> None:
    """An array with gaps in memory gives its elements, not the bytes between them."""
    one = Series("a", "in", None, None, None, None)
    table = Rows(
        code_ope="0042",
        series=[one],
        grids=[np.arange(6, dtype=np.int64)[::2]],
        values=np.arange(6, dtype=np.float64)[::-2],
    ).table()
    assert table["timestamp"].cast("int64").to_pylist() == [0, 2, 4]
    assert table["value"].to_pylist() == [5, 3, 1]


DAY = 24 * 3600 * 1_000_000
"""In microseconds."""

STEP = DAY // 8
WINDOW = Window(EPOCH, EPOCH + timedelta(days=1))
moments = st.sampled_from([at + more for at in range(-STEP, DAY + STEP, STEP) for more in (0, 1)])
lists = st.lists(moments, min_size=1, max_size=4)
risen = st.lists(st.integers(-1, 9).map(lambda step: step * STEP), min_size=1, max_size=4, unique=True).map(
    sorted
)
grid_lists = st.lists(st.one_of(lists, risen), max_size=3)


def _shared(of: list[list[int]], uses: list[int]) -> list["np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    arrays = [np.array(one, np.int64) for one in of]
    return [arrays[use % len(arrays)] for use in uses] if arrays else []


@fewer
@given(grid_lists, st.lists(st.integers(0, 2), max_size=6))
def test_grids_rise_within_window_if_each_series_does(of: list[list[int]], uses: list[int]) -> None:
    """The window is half-open. Two equal timestamps do not rise."""
    used = _shared(of, uses)
    each = [list(one) == sorted(set(one)) and one[0] >= 0 and one[-1] < DAY for one in used]
    assert Grids(used).rise_within(WINDOW) == all(each)


@fewer
@given(grid_lists, st.lists(st.integers(0, 2), max_size=6))
def test_steps_are_counted_for_each_series(of: list[list[int]], uses: list[int]) -> None:
    """Two timestamps in one step count once for a series, however many series share the array."""
    used = _shared([sorted(one) for one in of], uses)
    expected = [len({at // STEP for at in one}) for one in used]
    assert Grids(used).count_steps(STEP).tolist() == expected
    timestamps = np.concatenate([np.empty(0, np.int64), *used])
    assert count_steps(np.array([len(one) for one in used], np.int64), timestamps, STEP).tolist() == expected


def test_series_without_timestamps_has_no_steps() -> None:
    """Such a series may stand between two others in the same step."""
    lengths, timestamps = np.array([1, 0, 2, 0], np.int64), np.array([5, 5, STEP], np.int64)
    assert count_steps(lengths, timestamps, STEP).tolist() == [1, 0, 2, 0]


def test_grids_rise_within_window_at_its_bounds() -> None:
    """The start is inside, the end is not. A series may begin before the previous series ends."""
    inside, outside = np.array([0, STEP, DAY - 1], np.int64), np.array([0, DAY], np.int64)
    assert Grids([inside, inside.copy(), inside]).rise_within(WINDOW)
    assert not Grids([inside, outside]).rise_within(WINDOW)
    for broken in ([STEP, 0], [0, STEP, STEP], [-1, 0]):
        assert not Grids([inside, np.array(broken, np.int64), inside.copy()]).rise_within(WINDOW)


def test_microseconds_in_the_far_future_are_exact() -> None:
    """A double has 53 bits, so it would be equal for both timestamps."""
    far = Window(EPOCH + timedelta(days=700_000), EPOCH + timedelta(days=700_001))
    start = 700_000 * DAY
    assert Grids([np.array([start, start + 1, start + 2], np.int64)]).rise_within(far)
    assert Grids([np.array([start, start + 1], np.int64)]).count_steps(1).tolist() == [2]
