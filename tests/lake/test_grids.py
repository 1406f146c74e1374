"""Grids that many series share are looked at once, and give what a look at each would."""

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.lake.columns import Grids, count_steps
from airflow_provider_evpl.window import EPOCH, Window
from tests.support.lake import fewer

DAY = 24 * 3600 * 1_000_000
STEP = DAY // 8
WINDOW = Window(EPOCH, EPOCH + timedelta(days=1))
moments = st.sampled_from([at + more for at in range(-STEP, DAY + STEP, STEP) for more in (0, 1)])
lists = st.lists(moments, min_size=1, max_size=4)
risen = st.lists(st.integers(-1, 9).map(lambda step: step * STEP), min_size=1, max_size=4, unique=True).map(
    sorted
)
grids = st.lists(st.one_of(lists, risen), max_size=3)


def _shared(of: list[list[int]], uses: list[int]) -> list["np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    arrays = [np.array(one, np.int64) for one in of]
    return [arrays[use % len(arrays)] for use in uses] if arrays else []


@fewer
@given(grids, st.lists(st.integers(0, 2), max_size=6))
def test_they_rise_within_a_window_where_each_does(of: list[list[int]], uses: list[int]) -> None:
    """The window is half-open; two of the same don't rise."""
    used = _shared(of, uses)
    each = [list(one) == sorted(set(one)) and one[0] >= 0 and one[-1] < DAY for one in used]
    assert Grids(used).rise_within(WINDOW) == all(each)


@fewer
@given(grids, st.lists(st.integers(0, 2), max_size=6))
def test_the_steps_of_each_series_are_counted(of: list[list[int]], uses: list[int]) -> None:
    """Two timestamps in one step count once for a series, however many series share them."""
    used = _shared([sorted(one) for one in of], uses)
    expected = [len({at // STEP for at in one}) for one in used]
    assert Grids(used).count_steps(STEP).tolist() == expected
    timestamps = np.concatenate([np.empty(0, np.int64), *used])
    assert count_steps(np.array([len(one) for one in used], np.int64), timestamps, STEP).tolist() == expected


def test_a_series_without_timestamps_has_no_steps() -> None:
    """It may stand between two others in the same step."""
    lengths, timestamps = np.array([1, 0, 2, 0], np.int64), np.array([5, 5, STEP], np.int64)
    assert count_steps(lengths, timestamps, STEP).tolist() == [1, 0, 2, 0]


def test_the_bounds_and_each_pair_of_neighbours_count() -> None:
    """The start is inside, the end is not; of two series the second may begin before the first ends."""
    inside, outside = np.array([0, STEP, DAY - 1], np.int64), np.array([0, DAY], np.int64)
    assert Grids([inside, inside.copy(), inside]).rise_within(WINDOW)
    assert not Grids([inside, outside]).rise_within(WINDOW)
    for broken in ([STEP, 0], [0, STEP, STEP], [-1, 0]):
        assert not Grids([inside, np.array(broken, np.int64), inside.copy()]).rise_within(WINDOW)


def test_a_microsecond_far_from_now_is_one() -> None:
    """A double would take these two for one: it has 53 bits."""
    far = Window(EPOCH + timedelta(days=700_000), EPOCH + timedelta(days=700_001))
    start = 700_000 * DAY
    assert Grids([np.array([start, start + 1, start + 2], np.int64)]).rise_within(far)
    assert Grids([np.array([start, start + 1], np.int64)]).count_steps(1).tolist() == [2]
