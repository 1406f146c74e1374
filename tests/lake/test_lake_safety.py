import io
import json
from collections.abc import Callable
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.errors import (
    EvplForeignError,
    EvplOverlapError,
    EvplStoreDeniedError,
    EvplStoreError,
)
from tests.lake.build import Answer, collect, fewer, hourly, hours, rejection
from tests.lake.memory import MemoryStore
from tests.lake.runs import DATASET, DAY, SOURCE, intervals, lake_of, names_of, run, shown


@fewer
@given(st.integers(1, 16), st.booleans(), st.integers(0, 1), st.integers(0, 1))
def test_a_failure_anywhere_leaves_old_or_new(fail_at: int, late: bool, before: int, after: int) -> None:  # noqa: FBT001 drawn
    """Whichever call fails, a reader sees all old or all new, and the next run ends as if none had."""
    old, new = dict.fromkeys((0, 1, 5), 1.0), dict.fromkeys(range(24), 2.0)
    clean, store = MemoryStore(), MemoryStore(late=late)
    for one in (clean, store):
        run(one, hours(0, 2), hours(5, 6), rejections=before)
    store.fail_at = len(store.calls) + fail_at
    run(clean, DAY, value=2.0, rejections=after)
    try:
        run(store, DAY, value=2.0, rejections=after)
    except EvplStoreError:
        assert shown(store) in (old, new)
    else:
        assert len(store.calls) < store.fail_at
    store.fail_at = 0
    run(store, DAY, value=2.0, rejections=after)
    assert store.objects == clean.objects


def test_left_overs_are_tidied() -> None:
    """Hours that stayed beside their day, because a run ended after its put, are gone after the next run."""
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6))
    left_over = dict(store.objects)
    run(store, DAY, value=2.0)
    store.objects |= left_over
    assert shown(store) == dict.fromkeys(range(24), 2.0)
    [landing] = run(store, hours(7, 8), value=3.0)
    assert landing.replaced == 3
    assert intervals(store) == names_of(DAY)


class _Unreadable(MemoryStore):
    """Opens objects that fail on the first read, as an object store's do."""

    error: Callable[[], Exception]

    def open(self, path: str) -> BinaryIO:
        """Give a file that can't be read."""
        error = self.error

        class File(io.BytesIO):
            def read(self, _size: int | None = -1) -> bytes:
                raise error()

        return File(self.objects[path])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermissionError, EvplStoreDeniedError),
        (FileNotFoundError, EvplStoreError),
        (ConnectionResetError, EvplStoreError),
    ],
)
def test_a_footer_that_can_not_be_read_is_a_failure(error: type[OSError], kind: type[Exception]) -> None:
    """An object that fails while its footer is read is the store's failure, never "not ours"."""
    store = _Unreadable()
    store.error = error
    run(store, DAY)
    with pytest.raises(kind, match=DATASET.samples_path(DAY)):
        lake_of(store).targets([DAY])


class _Tidied(MemoryStore):
    """Notes what is tidied, among its other calls."""

    def tidy(self, path: str) -> None:
        """Note."""
        self.calls.append(("tidy", path))


def test_left_overs_of_killed_puts_are_tidied_once_before_any_put() -> None:
    """A run tidies each object that it may put, and what is rejected of it: once, then it writes."""
    store = _Tidied()
    run(store, hours(0, 2))
    store.calls.clear()
    run(store, hours(1, 3), hours(3, 4), rejections=1)
    tidied = [path for method, path in store.calls if method == "tidy"]
    expected = {hours(1, 3), hours(3, 4), hours(0, 3)}
    assert sorted(tidied) == sorted(
        path for one in expected for path in (DATASET.samples_path(one), DATASET.rejected_path(one))
    )
    methods = [method for method, _ in store.calls]
    assert methods.index("put") > len(methods) - 1 - methods[::-1].index("tidy")
    assert {path for method, path in store.calls if method == "put"} <= set(tidied)


def test_what_landed_meanwhile_is_not_lost() -> None:
    """Where another run landed values between pull and put, a run that has none of them changes nothing."""
    store = MemoryStore()
    run(store, hours(5, 6), value=None)
    [target] = lake_of(store).targets([DAY])
    run(store, hours(5, 6))
    before = dict(store.objects)
    with pytest.raises(
        EvplOverlapError, match=r"another run landed more meanwhile: .* 2 with a value, now 2 and 0"
    ):
        lake_of(store).land(target, hourly(DAY, None, rejections=1), {})
    assert store.objects == before
    assert lake_of(store).land(target, hourly(DAY, 2.0), {}).replaced == 1


def test_another_source_that_landed_meanwhile_is_not_superseded() -> None:
    """The object of another source that came between the pull and the put stays, and the run says so."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    elsewhere = lake_of(store, SOURCE | {"base_url": "https://elsewhere.example"})
    elsewhere.land(elsewhere.targets([DAY])[0], hourly(DAY, 1.0), {})
    before = dict(store.objects)
    with pytest.raises(EvplForeignError, match="comes from"):
        lake_of(store).land(target, hourly(DAY, 2.0), {})
    assert store.objects == before


def test_rejected_samples_are_put_first() -> None:
    """They are put before the object, one JSON line each, the contract's keys and the JSON as it came."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    gone = [
        rejection('{"value": "é\\n"}', entry=2, sample=3),
        rejection("[]", entry=1, sample=None, samples=4),
    ]
    landing = lake_of(store).land(target, collect([Answer([], []), Answer([], gone)], DAY), {})
    path = DATASET.rejected_path(DAY)
    assert landing.rejected_path == f"memory://{path}"
    puts = [call for call in store.calls if call[0] == "put"]
    assert puts == [("put", path), ("put", DATASET.samples_path(DAY))]
    lines = [json.loads(line) for line in store.objects[path].decode().splitlines()]
    same = {"reason": gone[0].reason, "slice": str(DAY), "page": 2}
    assert lines == [
        {**same, "entry": 2, "sample": 3, "samples": 1, "raw": '{"value": "é\\n"}'},
        {**same, "entry": 1, "sample": None, "samples": 4, "raw": "[]"},
    ]


def test_a_clean_replacement_removes_rejected_samples() -> None:
    """They go with a replacement that has none; one that has some replaces them."""
    store = MemoryStore()
    path = DATASET.rejected_path(DAY)
    for rejections in (1, 2):
        run(store, DAY, rejections=rejections)
        assert len(store.objects[path].splitlines()) == rejections
    assert run(store, DAY)[0].rejected_path is None
    assert path not in store.objects


@pytest.mark.parametrize(
    ("circuits", "value", "shrinks"),
    [
        ("ab", 2.0, 0),
        ("abc", 2.0, 0),
        ("a", 2.0, 2),  # fewer rows
        ("ab", None, 2),  # as many rows, fewer values
        ("abc", None, 2),  # more rows, fewer values
        ("", None, 2),
    ],
)
def test_shrinking_is_fewer_rows_or_fewer_values(circuits: str, value: float | None, shrinks: int) -> None:
    """An object shrinks where its interval would have fewer rows or fewer values: each counts for itself."""
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6))
    [target] = lake_of(store).targets([DAY])
    found = target.shrinks(hourly(DAY, value, circuits=circuits))
    assert len(found) == shrinks
    for window, text in zip((hours(0, 1), hours(5, 6)), found, strict=False):
        assert text.startswith(f"{window} has 2 rows, 2 with a value, now {len(circuits)} and ")


def test_more_elsewhere_makes_up_for_nothing() -> None:
    """An hour that would be erased shrinks, though the day has many more samples than before."""
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6))
    [target] = lake_of(store).targets([DAY])
    [found] = target.shrinks(hourly(hours(1, 24)))
    assert found == f"{hours(0, 1)} has 2 rows, 2 with a value, now 0 and 0"


def test_nulls_that_stay_nulls_do_not_shrink() -> None:
    """Rows without a value may stay so, and may get one."""
    store = MemoryStore()
    run(store, DAY, value=None)
    [target] = lake_of(store).targets([DAY])
    assert not target.shrinks(hourly(DAY, None))
    assert not target.shrinks(hourly(DAY, 1.0))


def test_a_left_over_does_not_shrink() -> None:
    """An object inside another one isn't compared, for the larger one replaced it; that one is."""
    store = MemoryStore()
    run(store, hours(0, 2))
    left_over = dict(store.objects)
    [target] = lake_of(store).targets([DAY])
    lake_of(store).land(target, hourly(hours(1, 24)), {})
    store.objects |= left_over
    [target] = lake_of(store).targets([DAY])
    assert set(target.landed) == {DAY, hours(0, 2)}
    assert not target.shrinks(hourly(hours(1, 24)))
    assert [text.partition(" ")[0] for text in target.shrinks(hourly(hours(2, 24)))] == [str(DAY)]
