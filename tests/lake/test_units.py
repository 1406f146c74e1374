import numpy as np
import pytest

from airflow_provider_evpl.lake.samples import unit_doubts
from tests.support.lake import Answer, Row, circuit, collect, hours, microseconds


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
def test_what_is_hardly_a_percentage_is_doubted(values: list[float], said: list[str]) -> None:
    """Below 0, above 100, or all of a slice within 0 and 1; a slice of zeros says nothing."""
    doubts = unit_doubts(np.array(values, np.float64))
    assert len(doubts) == len(said)
    assert all(any(words in doubt for doubt in doubts) for words in said)


def test_only_values_that_land_are_doubted() -> None:
    """Of a slice's samples those without a value and those outside say nothing of the unit."""
    inside, outside = (microseconds(hour.start) for hour in (hours(0, 1), hours(1, 2)))
    rows: list[Row] = [
        (circuit("a"), inside, 1.0),
        (circuit("b"), inside, None),
        (circuit("a"), outside, 200.0),
    ]
    doubts = collect([Answer(rows, [])], hours(0, 1)).unit_doubts
    assert doubts == {"all values are from 0 to 1, as fractions would be"}
