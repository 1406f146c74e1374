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
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.models import Series
from tests.support.lake import (
    DATASET,
    DAY,
    HOUR,
    MIDNIGHT,
    PULLED_AT,
    SOURCE,
    Answer,
    Row,
    circuit,
    collect,
    damaged,
    fewer,
    hourly,
    hours,
    intervals,
    lake_of,
    land,
    microseconds,
    names_of,
    rejection,
    run,
    shown,
)
from tests.support.stores import MemoryStore

MINUTE = HOUR / 60


@pytest.mark.contract("failing.exact-or-untouched", "rejected.put-first", "lake.whole-objects")
@pytest.mark.contract("lake.longest-interval")
@fewer
@given(st.integers(1, 16), st.booleans(), st.integers(0, 1), st.integers(0, 1))
def test_failing_store_leaves_all_old_or_new_rows(fail_at: int, late: bool, before: int, after: int) -> None:  # noqa: FBT001 drawn
    """Whichever call of the store fails, the next run lands what it should."""
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


@pytest.mark.contract("lake.longest-interval")
def test_objects_of_a_killed_run_are_deleted() -> None:
    """A run ended after its put and left hours beside their day. The next run deletes the hours."""
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6))
    leftover = dict(store.objects)
    run(store, DAY, value=2.0)
    store.objects |= leftover
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
def test_unreadable_footer_raises_store_error(error: type[OSError], kind: type[Exception]) -> None:
    """The object is not taken for a foreign object."""
    store = _Unreadable()
    store.error = error
    run(store, DAY)
    with pytest.raises(kind, match=DATASET.samples_path(DAY)):
        lake_of(store).targets([DAY])


class _Tidied(MemoryStore):
    """Notes which intervals of the day are tidied, among its other calls."""

    def tidy(self, folder: str, is_ours: Callable[[str], bool]) -> None:
        """Note."""
        kind = DATASET.rejected_path if folder.startswith("rejected/") else DATASET.samples_path
        paths = [kind(hours(at, at + 1)) for at in range(24)]
        self.calls += (("tidy", path) for path in paths if is_ours(path.rpartition("/")[2]))


@pytest.mark.contract("lake.temporary-files")
def test_temporary_files_are_tidied_once_before_any_put() -> None:
    """A run tidies each interval that it replaces, and its rejected samples."""
    store = _Tidied()
    run(store, hours(0, 2))
    store.calls.clear()
    run(store, hours(1, 3), hours(3, 4), rejections=1)
    tidied = [path for method, path in store.calls if method == "tidy"]
    expected = [hours(at, at + 1) for at in range(4)]
    assert tidied == [*map(DATASET.samples_path, expected), *map(DATASET.rejected_path, expected)]
    methods = [method for method, _ in store.calls]
    assert methods.index("put") > len(methods) - 1 - methods[::-1].index("tidy")


@pytest.mark.contract("rejected.removed")
def test_rejected_samples_without_object_are_deleted() -> None:
    """A run was killed between its two puts. A run of a larger interval deletes the file."""
    store = MemoryStore()
    inside, beside = hours(3, 4), hours(12, 13)
    for window in (inside, beside):
        store.objects[DATASET.rejected_path(window)] = b"orphan"
    store.objects[DATASET.rejected_path(inside) + ".gz"] = b"of another program"
    run(store, hours(0, 6), rejections=1)
    assert sorted(path for path in store.objects if path.startswith("rejected/")) == sorted(
        [
            DATASET.rejected_path(hours(0, 6)),
            DATASET.rejected_path(inside) + ".gz",
            DATASET.rejected_path(beside),
        ]
    )


def test_rejected_samples_of_another_run_stay_with_their_object() -> None:
    """The object of another run appeared after the listing. It stays whole until the next run joins both."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    run(store, hours(3, 5), rejections=1)
    with pytest.raises(EvplOverlapError):
        land(lake_of(store), target, hourly(DAY, 2.0))
    assert DATASET.rejected_path(hours(3, 5)) in store.objects
    run(store, DAY)
    assert list(store.objects) == [DATASET.samples_path(DAY)]


@pytest.mark.contract("lake.list-before-put")
def test_values_that_landed_meanwhile_are_not_lost() -> None:
    """Another run landed values between pull and put. A run without these values puts nothing."""
    store = MemoryStore()
    run(store, hours(5, 6), value=None)
    [target] = lake_of(store).targets([DAY])
    run(store, hours(5, 6))
    before = dict(store.objects)
    with pytest.raises(
        EvplOverlapError, match=r"(?s)another run landed more samples meanwhile.*2026-11-22T05:00/06:00Z"
    ):
        land(lake_of(store), target, hourly(DAY, None, rejections=1))
    assert store.objects == before
    assert land(lake_of(store), target, hourly(DAY, 2.0)).replaced == 1


def test_object_of_another_source_that_landed_meanwhile_stays() -> None:
    """The run raises an error and puts nothing."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    elsewhere = lake_of(store, SOURCE | {"base_url": "https://elsewhere.example"})
    land(elsewhere, elsewhere.targets([DAY])[0], hourly(DAY, 1.0))
    before = dict(store.objects)
    with pytest.raises(EvplForeignError, match="comes from"):
        land(lake_of(store), target, hourly(DAY, 2.0))
    assert store.objects == before


@pytest.mark.contract("lake.path", "rejected.file", "rejected.put-first")
def test_rejected_samples_are_put_first() -> None:
    """The file has a JSON line for each rejection, with the keys of the contract and the raw JSON."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    gone = [
        rejection('{"value": "é\\n"}', entry=2, sample=3),
        rejection("[]", entry=1, sample=None, samples=4),
    ]
    landing = land(lake_of(store), target, collect([Answer([], []), Answer([], gone)], DAY))
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


@pytest.mark.contract("rejected.removed")
def test_clean_replacement_deletes_rejected_samples() -> None:
    """A replacement without rejected samples deletes the rejected files; one with some replaces them."""
    store = MemoryStore()
    path = DATASET.rejected_path(DAY)
    for rejections in (1, 2):
        run(store, DAY, rejections=rejections)
        assert len(store.objects[path].splitlines()) == rejections
    assert run(store, DAY)[0].rejected_path is None
    assert path not in store.objects


def _losses(store: MemoryStore, samples: Samples) -> list[str]:
    [target] = lake_of(store).targets([DAY])
    return lake_of(store).change(target, samples).losses


@pytest.mark.contract("shrinking.what")
@pytest.mark.parametrize(
    ("circuits", "value", "shrinks"),
    [
        ("ab", 2.0, 0),
        ("abc", 2.0, 0),
        ("a", 2.0, 2),  # fewer rows
        ("ac", 2.0, 2),  # as many rows, of another circuit
        ("acd", 2.0, 2),  # more rows, of other circuits
        ("ab", None, 2),  # as many rows, fewer values
        ("abc", None, 2),  # more rows, fewer values
        ("", None, 2),
    ],
)
def test_slice_shrinks_if_a_circuit_has_fewer_rows_or_values(
    circuits: str, value: float | None, shrinks: int
) -> None:
    """An object shrinks if a circuit would have fewer rows or fewer values in the object's interval.

    Each circuit of each object is compared by itself: more rows of another circuit do not help.
    """
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6))
    found = _losses(store, hourly(DAY, value, circuits=circuits))
    assert len(found) == shrinks
    for window, text in zip((hours(0, 1), hours(5, 6)), found, strict=False):
        assert text.startswith(f"{window.label} has 1 rows, 1 with a value, now ")
        assert "(b in)" in text


@pytest.mark.contract("shrinking.what")
def test_renamed_pop_is_no_loss() -> None:
    """Rows are counted by circuit and metric, not by place."""
    store = MemoryStore()
    run(store, DAY)
    rows: list[Row] = [
        (Series(name, "in", "FR", "Lyon", None, "EVPL"), microseconds(MIDNIGHT + hour * HOUR + MINUTE), 1.0)
        for name in "ab"
        for hour in range(24)
    ]
    assert _losses(store, collect([Answer(rows, [])], DAY)) == []
    assert len(_losses(store, collect([Answer(rows[1:], [])], DAY))) == 1


@pytest.mark.contract("shrinking.what")
def test_losses_name_five_circuits() -> None:
    """The other circuits are counted."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, hourly(DAY, circuits="abcdefgh"))
    [found] = _losses(store, hourly(DAY, circuits=""))
    assert found.startswith(f"{DAY.label} has 24 rows, 24 with a value, now 0 and 0 (a in),\n")
    assert found.endswith("(e in) and 3 more")


@pytest.mark.contract("shrinking.what")
def test_more_samples_elsewhere_do_not_offset_a_loss() -> None:
    """An erased hour is a loss, even if the day has many more samples than before."""
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6))
    [found] = _losses(store, hourly(hours(1, 24)))
    assert found.startswith(f"{hours(0, 1).label} has 1 rows, 1 with a value, now 0 and 0 (a in),\n")


def test_damaged_object_is_compared_by_its_footer() -> None:
    """A slice must have as many rows and values as the footer says."""
    store = MemoryStore()
    run(store, DAY)
    path = DATASET.samples_path(DAY)
    store.objects[path] = damaged(store.objects[path])
    assert _losses(store, hourly(DAY)) == []
    assert _losses(store, hourly(DAY, circuits="a")) == [
        f"{DAY.label} has 48 rows, 48 with a value, now 24 and 24"
    ]


def test_null_values_are_no_loss() -> None:
    """A row without a value may stay without one, or get one."""
    store = MemoryStore()
    run(store, DAY, value=None)
    assert not _losses(store, hourly(DAY, None))
    assert not _losses(store, hourly(DAY, 1.0))


@pytest.mark.contract("shrinking.what")
def test_object_inside_another_is_no_loss() -> None:
    """The larger object has replaced it, so only the larger one is compared."""
    store = MemoryStore()
    run(store, hours(0, 2))
    leftover = dict(store.objects)
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, _from_hour(1))
    store.objects |= leftover
    [target] = lake_of(store).targets([DAY])
    assert set(target.landed) == {DAY, hours(0, 2)}
    assert not _losses(store, _from_hour(1))
    assert [text.partition(" ")[0] for text in _losses(store, _from_hour(2))] == [DAY.label]


def _from_hour(first: int) -> Samples:
    """Collect a day's samples of both circuits from an hour on."""
    rows: list[Row] = [
        (circuit(name), microseconds(MIDNIGHT + hour * HOUR), 1.0)
        for name in "ab"
        for hour in range(first, 24)
    ]
    return collect([Answer(rows, [])], DAY)


@pytest.mark.contract("lake.list-before-put")
def test_newer_samples_that_landed_meanwhile_are_kept() -> None:
    """Of two runs on one interval, the run that pulled first and puts last raises an overlap error."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    newer = hourly(DAY, 2.0, pulled_at=PULLED_AT + MINUTE)
    land(lake_of(store), target, newer)
    before = dict(store.objects)
    with pytest.raises(EvplOverlapError, match="landed newer samples meanwhile"):
        land(lake_of(store), target, hourly(DAY, 1.0))
    assert store.objects == before


def test_newer_samples_are_kept_before_losses_are_compared() -> None:
    """A slice that is older than the landed samples raises an error that Airflow retries."""
    store = MemoryStore()
    run(store, DAY)
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, hourly(DAY, circuits="abc", pulled_at=PULLED_AT + MINUTE))
    with pytest.raises(EvplOverlapError, match="landed newer samples meanwhile"):
        lake_of(store).change(target, hourly(DAY))


@pytest.mark.contract("lake.list-before-put")
def test_pulled_at_in_the_future_blocks_no_later_run() -> None:
    """An object that landed before the run began is replaced, whatever its `pulled_at` is."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, hourly(DAY, 2.0, pulled_at=PULLED_AT + 365 * 24 * HOUR))
    [landing] = run(store, DAY, value=1.0)
    assert landing.replaced == 1
    assert shown(store) == dict.fromkeys(range(24), 1.0)
