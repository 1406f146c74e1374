"""What is drawn for the laws of the lake: runs, what the API has, and who is next."""

from typing import NamedTuple

from hypothesis import strategies as st

from tests.model import TWO_DAYS, Key, Request
from tests.turns import KILL

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
