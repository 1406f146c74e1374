import math
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.lake.columns import Rows
from airflow_provider_evpl.lake.schema import SERIES_COLUMNS, TABLE_SCHEMA
from airflow_provider_evpl.models import Series
from tests.support.lake import fewer

texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=3))
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
series_lists = st.lists(st.builds(Series, names, names, texts, texts, texts, texts), min_size=1, max_size=6)
floats = st.floats(allow_nan=False, allow_infinity=False)
microseconds = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)  # the years 1 to 9999


@fewer
@given(names, series_lists, st.data())
def test_each_row_says_its_series_time_and_value(
    code_ope: str, series: list[Series], data: st.DataObject
) -> None:
    """Any part, read back, has its series' texts, null apart from the empty one, and its own numbers.

    There is no text of a series without a row in it.
    """
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


def test_not_a_number_is_null() -> None:
    """NaN stands for a sample without a value, and for nothing else: zero and its negative are values."""
    one = Series("a", "in", None, None, None, None)
    numbers = [math.nan, 0.0, -0.0, 5e-324]
    times = np.arange(len(numbers), dtype=np.int64)
    rows = Rows(code_ope="0042", series=[one], grids=[times], values=np.array(numbers))
    table = rows.table()
    assert rows.has_value.tolist() == [False, True, True, True]
    assert table["value"].null_count == 1
    assert [_bits(value) for value in table["value"].to_pylist()] == [None, *map(_bits, numbers[1:])]


def test_parts_of_larger_arrays_are_taken_as_they_are() -> None:
    """An array with gaps in memory gives the rows that it shows, not the bytes it lies in."""
    one = Series("a", "in", None, None, None, None)
    table = Rows(
        code_ope="0042",
        series=[one],
        grids=[np.arange(6, dtype=np.int64)[::2]],
        values=np.arange(6, dtype=np.float64)[::-2],
    ).table()
    assert table["timestamp"].cast("int64").to_pylist() == [0, 2, 4]
    assert table["value"].to_pylist() == [5, 3, 1]
