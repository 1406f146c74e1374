import io
from datetime import timedelta
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.errors import EvplStoreError
from airflow_provider_evpl.lake.contents import UnreadableError, read_parts
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.parquet import encode
from airflow_provider_evpl.lake.revisions import Revisions, revise
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import Window
from tests.support.lake import (
    DATASET,
    DAY,
    HOUR,
    MIDNIGHT,
    Answer,
    Row,
    circuit,
    collect,
    damaged,
    fewer,
    hourly,
    hours,
    lake_of,
    land,
    microseconds,
    run,
)
from tests.support.stores import MemoryStore

NAMES = [circuit("a"), circuit("b"), Series("a", "out", "FR", None, "", None), Series("é", "in", *[None] * 4)]
MOMENTS = [microseconds(MIDNIGHT + hour * HOUR) for hour in range(6)]
VALUES = [None, 0.0, 1.0, 1e300]

rows = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(MOMENTS)), st.sampled_from(VALUES), max_size=16
)
Shown = dict[tuple[Series, int], float | None]


def samples(shown: Shown, window: Window) -> Samples:
    """Collect what an API shows."""
    start, end = microseconds(window.start), microseconds(window.end)
    inside: list[Row] = [(*key, value) for key, value in shown.items() if start <= key[1] < end]
    return collect([Answer(inside, [])], window)


def written(shown: Shown, window: Window) -> bytes:
    """Write it as an object."""
    data = encode(samples(shown, window), Dataset("0042", "300s"), source={}, provenance={})
    return bytes(data.to_pybytes())


def windows() -> st.SearchStrategy[list[Window]]:
    """Draw intervals of some hours, which may overlap."""
    bounds = st.tuples(st.integers(0, 5), st.integers(1, 6)).filter(lambda one: one[0] < one[1])
    return st.lists(bounds.map(lambda one: hours(*one)), max_size=4, unique=True)


@pytest.mark.contract("result.revisions")
@fewer
@given(old=st.lists(rows, min_size=4, max_size=4), new=rows, landed=windows())
def test_revisions_count_samples_added_changed_and_gone(
    old: list[Shown], new: Shown, landed: list[Window]
) -> None:
    """Only hours that had landed count. The counts equal those of plain Python."""
    shown = dict(zip(landed, old, strict=False))
    before: Shown = {}
    covered = set()
    for at, moment in enumerate(MOMENTS):
        there = sorted(
            (one for one in landed if one.contains(hours(at, at + 1))),
            key=lambda one: (one.start, one.start - one.end),
        )
        covered |= {moment} if there else set()
        for one in there[:1]:
            before |= {key: value for key, value in shown[one].items() if key[1] == moment}
    now = {key: value for key, value in new.items() if key[1] in covered}
    added = sorted(key[1] for key in now.keys() - before.keys())
    window = hours(0, 6)
    found = revise(
        samples(new, window).rows, window, landed, lambda one: read_parts(written(shown[one], one))
    )
    assert found == Revisions(
        added=len(added),
        changed=sum(now[key] != before[key] for key in now.keys() & before.keys()),
        gone=len(before.keys() - now.keys()),
        oldest=added[0] if added else None,
    )


def test_all_row_groups_of_an_object_are_compared() -> None:
    """A change in the first row group and one in the last are both counted."""
    window = hours(0, 24)
    second = timedelta(milliseconds=500)
    grid = [microseconds(MIDNIGHT + step * second) for step in range(130_000)]
    shown: Shown = {(circuit("a"), moment): 1.0 for moment in grid}
    now = shown | {(circuit("a"), grid[0]): 2.0, (circuit("a"), grid[-1]): None}
    data = written(shown, window)
    assert revise(samples(now, window).rows, window, [window], lambda _: read_parts(data)) == Revisions(
        changed=2
    )


def test_thousands_of_series_are_compared_apart() -> None:
    """With microseconds since the epoch their numbers would not fit into 64 bits."""
    before: Shown = {(circuit(str(number)), MOMENTS[0]): 1.0 for number in range(3_000)}
    data = written(before, DAY)
    now = before | {(circuit("2999"), MOMENTS[0]): 2.0}
    assert revise(samples(now, DAY).rows, DAY, [DAY], lambda _: read_parts(data)) == Revisions(changed=1)


def test_series_with_null_names_are_compared_apart() -> None:
    """Series that differ in their null names match only themselves."""
    places = [None, "DE", "FR"]
    names = [Series("a", "in", one, other, None, None) for one in places for other in places]
    shown: Shown = {(name, MOMENTS[0]): float(at) for at, name in enumerate(names)}
    data = written(shown, DAY)
    assert revise(samples(shown, DAY).rows, DAY, [DAY], lambda _: read_parts(data)) == Revisions()


def test_first_landing_has_no_revisions() -> None:
    """No object is read, and none is replaced."""
    [landing] = run(MemoryStore(), DAY)
    assert landing.revisions == Revisions()


def test_landing_has_its_revisions() -> None:
    """A day replaces two of its hours: the circuits have other values, and a third circuit is new."""
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6))
    lake = lake_of(store)
    [target] = lake.targets([DAY])
    landing = land(lake, target, hourly(DAY, 2.0, circuits="abc"))
    assert landing.revisions == Revisions(added=2, changed=4, gone=0, oldest=microseconds(MIDNIGHT))


def test_damaged_object_is_replaced_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The landing has no revisions."""
    store = MemoryStore()
    run(store, DAY)
    path = DATASET.samples_path(DAY)
    whole = store.objects[path]
    store.objects[path] = damaged(whole)
    [landing] = run(store, DAY)
    assert store.objects[path] == whole
    assert landing.revisions is None
    assert f"slice {DAY.label}: no revisions, a landed object can't be read: OSError: " in caplog.text


class _CutOff(io.BytesIO):
    """Can be opened, and not read."""

    def read(self, size: int | None = -1) -> bytes:
        """Fail."""
        raise OSError(f"cut off, {size} bytes were wanted")


class _CutOffStore(MemoryStore):
    """One of the objects that it opens is such: the nth, counted from 1."""

    cut_off = 0

    def open(self, path: str) -> BinaryIO:
        """Open."""
        file = super().open(path)
        opened = sum(method == "open" for method, _ in self.calls)
        return _CutOff() if opened == self.cut_off else file


def test_store_that_fails_after_the_footer_raises_store_error() -> None:
    """The rows can not be read, and nothing is put."""
    store = _CutOffStore()
    run(store, DAY)
    store.calls.clear()
    run(store, DAY)
    store.calls.clear()
    store.cut_off = 2
    with pytest.raises(EvplStoreError, match="the store failed") as caught:
        run(store, DAY)
    url = store.url(DATASET.samples_path(DAY))
    assert caught.value.detail == f"{url}\nOSError: cut off, -1 bytes were wanted"
    assert [method for method, _ in store.calls].count("put") == 0


def test_object_without_the_columns_raises_unreadable_error() -> None:
    """It is an object of another table, whatever its footer says."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"timestamp": pa.array(MOMENTS, pa.timestamp("us", "UTC"))}), sink)
    with pytest.raises(UnreadableError, match="KeyError"):
        revise(hourly(DAY).rows, DAY, [DAY], lambda _: read_parts(sink.getvalue().to_pybytes()))
