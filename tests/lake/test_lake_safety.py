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
def test_a_failure_anywhere_leaves_old_or_new(fail_at: int, late: bool, before: int, after: int) -> None:  # noqa: FBT001 drawn
    """If any store call fails, readers see all old or all new rows, and the next run lands what it should."""
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
def test_left_overs_are_tidied() -> None:
    """A run ended after its put and left hours beside their day: the next run deletes the hours."""
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
    """If reading a footer fails, the run raises a store error. It never takes the object for foreign."""
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
def test_left_overs_of_killed_puts_are_tidied_once_before_any_put() -> None:
    """A run tidies once, before it writes, each interval that it replaces and the rejected file beside it."""
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
def test_rejected_samples_without_their_object_go_with_a_larger_interval() -> None:
    """A run that was killed between its two puts left them; those beside the interval stay."""
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
    """What another run landed after the listing stays whole until the next run joins both."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    run(store, hours(3, 5), rejections=1)
    with pytest.raises(EvplOverlapError):
        land(lake_of(store), target, hourly(DAY, 2.0))
    assert DATASET.rejected_path(hours(3, 5)) in store.objects
    run(store, DAY)
    assert list(store.objects) == [DATASET.samples_path(DAY)]


@pytest.mark.contract("lake.list-before-put")
def test_what_landed_meanwhile_is_not_lost() -> None:
    """Another run landed values between pull and put: a run without these values puts nothing."""
    store = MemoryStore()
    run(store, hours(5, 6), value=None)
    [target] = lake_of(store).targets([DAY])
    run(store, hours(5, 6))
    before = dict(store.objects)
    with pytest.raises(
        EvplOverlapError, match=r"another run landed more meanwhile: 2026-11-22T05:00:00Z/.*; nothing was put"
    ):
        land(lake_of(store), target, hourly(DAY, None, rejections=1))
    assert store.objects == before
    assert land(lake_of(store), target, hourly(DAY, 2.0)).replaced == 1


def test_another_source_that_landed_meanwhile_is_not_superseded() -> None:
    """Another source landed an object between pull and put: the object stays, and the run reports it."""
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
    """Rejected samples are put before the object: a JSON line each, with the contract's keys and raw JSON."""
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
def test_a_clean_replacement_removes_rejected_samples() -> None:
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
def test_shrinking_is_fewer_rows_or_values_of_a_circuit(
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
        assert text.startswith(f"{window} has 1 rows, 1 with a value, now ")
        assert "(b in)" in text


@pytest.mark.contract("shrinking.what")
def test_a_renamed_pop_is_no_loss() -> None:
    """Rows are counted by circuit and metric, so a circuit at another place has lost none."""
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
def test_five_circuits_are_named() -> None:
    """The error names five circuits that would lose rows, and counts the others."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, hourly(DAY, circuits="abcdefgh"))
    [found] = _losses(store, hourly(DAY, circuits=""))
    assert found.startswith(f"{DAY} has 24 rows, 24 with a value, now 0 and 0 (a in), ")
    assert found.endswith("(e in) and 3 more")


@pytest.mark.contract("shrinking.what")
def test_more_elsewhere_makes_up_for_nothing() -> None:
    """An erased hour is a shrink, even if the day has many more samples than before."""
    store = MemoryStore()
    run(store, hours(0, 1), hours(5, 6))
    [found] = _losses(store, hourly(hours(1, 24)))
    assert found.startswith(f"{hours(0, 1)} has 1 rows, 1 with a value, now 0 and 0 (a in), ")


def test_an_object_that_cannot_be_read_is_counted_by_its_footer() -> None:
    """The object's rows are damaged, so a slice must have as many rows and values as its footer counts."""
    store = MemoryStore()
    run(store, DAY)
    path = DATASET.samples_path(DAY)
    store.objects[path] = damaged(store.objects[path])
    assert _losses(store, hourly(DAY)) == []
    assert _losses(store, hourly(DAY, circuits="a")) == [f"{DAY} has 48 rows, 48 with a value, now 24 and 24"]


def test_nulls_that_stay_nulls_do_not_shrink() -> None:
    """A row without a value is no loss if it stays without one, or gets one."""
    store = MemoryStore()
    run(store, DAY, value=None)
    assert not _losses(store, hourly(DAY, None))
    assert not _losses(store, hourly(DAY, 1.0))


@pytest.mark.contract("shrinking.what")
def test_a_leftover_does_not_shrink() -> None:
    """An object inside a larger one is not compared, because the larger one replaced it."""
    store = MemoryStore()
    run(store, hours(0, 2))
    leftover = dict(store.objects)
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, _from_hour(1))
    store.objects |= leftover
    [target] = lake_of(store).targets([DAY])
    assert set(target.landed) == {DAY, hours(0, 2)}
    assert not _losses(store, _from_hour(1))
    assert [text.partition(" ")[0] for text in _losses(store, _from_hour(2))] == [str(DAY)]


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
    """Two runs pull one interval: the run that pulled first and puts last must run again."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    newer = hourly(DAY, 2.0, pulled_at=PULLED_AT + MINUTE)
    land(lake_of(store), target, newer)
    before = dict(store.objects)
    with pytest.raises(EvplOverlapError, match="landed newer samples meanwhile"):
        land(lake_of(store), target, hourly(DAY, 1.0))
    assert store.objects == before


def test_newer_samples_are_kept_whatever_would_be_lost() -> None:
    """A slice older than the landed samples raises a retryable error, even if it would erase some of them."""
    store = MemoryStore()
    run(store, DAY)
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, hourly(DAY, circuits="abc", pulled_at=PULLED_AT + MINUTE))
    with pytest.raises(EvplOverlapError, match="landed newer samples meanwhile"):
        lake_of(store).change(target, hourly(DAY))


@pytest.mark.contract("lake.list-before-put")
def test_a_clock_that_was_ahead_blocks_no_later_run() -> None:
    """An object that landed before the run's listing is replaced, even with a `pulled_at` in the future."""
    store = MemoryStore()
    [target] = lake_of(store).targets([DAY])
    land(lake_of(store), target, hourly(DAY, 2.0, pulled_at=PULLED_AT + 365 * 24 * HOUR))
    [landing] = run(store, DAY, value=1.0)
    assert landing.replaced == 1
    assert shown(store) == dict.fromkeys(range(24), 1.0)
