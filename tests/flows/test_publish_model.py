"""Random sequences of pulls and publications, killed and interleaved: the table equals the lake."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.errors import EvplError, EvplOverlapError, EvplRefusedError, EvplRetryableError
from airflow_provider_evpl.flows.publish.publish import Publication
from airflow_provider_evpl.flows.publish.units import Unit
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.window import DAY
from tests.support.fake_api import MIDNIGHT, FakeApi
from tests.support.iceberg import TABLE, FolderCatalog, Rows, catalog_in, publish, table_rows, unit
from tests.support.lake import day, hours, put, run
from tests.support.model import (
    KILL,
    MOST_CALLS,
    SEQUENCES,
    TWO_DAYS,
    Key,
    Killed,
    Request,
    Truth,
    in_turns,
    keys,
    largest,
    moment,
    pull_once,
    read,
    requests,
    samples,
    shown,
)
from tests.support.stores import MemoryStore

DATASET = Dataset("0042", "2h")
UNITS = [Unit("0042", "2h", MIDNIGHT + at * DAY) for at in range(2)]
with FakeApi().client() as _client:
    SOURCE = _client.settings.source

pytestmark = pytest.mark.filterwarnings("ignore:Delete operation did not match")


class Step(NamedTuple):
    """A pull, or the deletion of a day; then a publication. Each may be killed before one of its calls.

    Attributes:
        truth: what the API has; None: the day is deleted.
        pull_calls, calls: of store and catalog, until the pull and the publication are killed.
    """

    truth: dict[Key, float | None] | None
    request: Request
    deletes_missing: bool
    pull_calls: int
    calls: int


truths = st.dictionaries(keys, st.sampled_from([1.0, 2.0, None]), max_size=10)
mortal = st.one_of(st.just(MOST_CALLS), st.integers(1, 40))
steps = st.builds(
    Step,
    st.one_of(st.none(), truths, truths, truths),
    requests().map(lambda one: one._replace(allow_empty=True, on_shrink="replace")),
    st.booleans(),
    st.one_of(st.just(MOST_CALLS), st.just(MOST_CALLS), st.integers(1, 20)),
    mortal,
)
folders = count()


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Make a new folder at each call."""
    root = tmp_path_factory.mktemp("tables")

    def make() -> Path:
        folder = root / str(next(folders))
        folder.mkdir()
        return folder

    return make


def _killer(calls: int) -> Callable[[], None]:
    left = iter(range(calls))

    def count_down() -> None:
        if next(left, None) is None:
            raise Killed

    return count_down


def _lake(store: MemoryStore) -> dict[Unit, Rows]:
    """Give what a reader of the longest intervals finds."""
    found: dict[Unit, Rows] = {}
    for (name, time), value in shown(store).items():
        unit = UNITS[time // (TWO_DAYS // 2)]
        found.setdefault(unit, Rows())[name, moment(time), value] += 1
    return found


def _overlaps(store: MemoryStore, unit: Unit) -> bool:
    """Whether objects have the same hours, and none of them has all of these: pulls were killed or raced."""
    windows = largest(one for one in read(store) if UNITS[one[0] // (TWO_DAYS // 2)] == unit)
    return any(one[1] > other[0] for one, other in pairwise(sorted(windows)))


def _deleting(store: MemoryStore, request: Request) -> None:
    folder = DATASET.folder(UNITS[request.start // (TWO_DAYS // 2)].day)
    for name in store.listing(folder):
        store.delete(f"{folder}/{name}")


def _pull(store: MemoryStore, truth: Truth | None, request: Request) -> None:
    with suppress(EvplError):
        if truth is None:
            _deleting(store, request)
        else:
            pull_once(FakeApi(samples(truth), page_size=5), request, store)


def _publish(store: MemoryStore, folder: Path, *, deletes_missing: bool = False) -> Publication:
    catalog = catalog_in(folder, store.before)
    return publish(store, catalog, UNITS, source=SOURCE, deletes_missing=deletes_missing)


@pytest.mark.contract("iceberg.equals-lake", "iceberg.unchanged")
@settings(max_examples=SEQUENCES // 4)
@given(st.lists(steps, min_size=1, max_size=4))
def test_table_equals_the_lake_after_any_sequence_of_pulls_and_publications(
    new_folder: Callable[[], Path], sequence: list[Step]
) -> None:
    """Whatever is killed: the table has what it had, or what the lake has; no row twice, none lost."""
    folder = new_folder()
    objects: dict[str, bytes] = {}
    expected: dict[Unit, Rows] = {}
    for step in sequence:
        store = MemoryStore(before=_killer(step.pull_calls))
        store.objects = objects
        with suppress(Killed):
            _pull(store, step.truth, step.request)
        expected = _killed_or_not(objects, folder, step, expected)
    store = MemoryStore()
    store.objects = objects
    _publish(store, folder, deletes_missing=True)
    assert table_rows(catalog_in(folder)) == _lake(store)
    assert not _publish(store, folder, deletes_missing=True).snapshots


def _killed_or_not(
    objects: dict[str, bytes], folder: Path, step: Step, before: dict[Unit, Rows]
) -> dict[Unit, Rows]:
    """Publish, and return what the table has."""
    store = MemoryStore(before=_killer(step.calls))
    store.objects = objects
    lake, overlapping = _lake(store), [unit for unit in UNITS if _overlaps(store, unit)]
    here = [unit for unit in UNITS if any(path.startswith(DATASET.folder(unit.day)) for path in objects)]
    taken = [unit for unit in UNITS if unit in here or step.deletes_missing]
    after = {
        unit: lake.get(unit) if unit in taken and unit not in overlapping else before.get(unit)
        for unit in UNITS
    }
    allowed = [{unit: rows for unit, rows in after.items() if rows}]
    try:
        done = _publish(store, folder, deletes_missing=step.deletes_missing)
        assert not overlapping
        assert {*done.published} <= {*here}
        assert sorted([*done.published, *done.skipped, *done.emptied, *done.missing]) == UNITS
    except Killed:
        allowed.append(before)
    except EvplRetryableError:
        assert overlapping
    found = table_rows(catalog_in(folder))
    assert found in allowed
    return found


seats = st.tuples(truths, requests().map(lambda one: one._replace(allow_empty=True, on_shrink="replace")))
choices = st.lists(st.sampled_from([0, 1, 2] * 6 + [KILL]), max_size=150)


@pytest.mark.contract("iceberg.races")
@settings(max_examples=SEQUENCES // 8)
@given(seats, st.lists(seats, min_size=2, max_size=3), choices)
def test_table_equals_the_lake_after_races_of_pulls_and_publications(
    new_folder: Callable[[], Path],
    first: tuple[Truth, Request],
    at_once: list[tuple[Truth, Request]],
    order: list[int],
) -> None:
    """Each pull is followed by its publication, interleaved call by call with the others.

    If all end well, the table equals the lake without another publication; so does it after a retry of those
    that were killed or lost a race. A day whose objects overlap is left out: no pull has repaired it.
    """
    folder = new_folder()
    objects: dict[str, bytes] = {}

    def pull_then_publish(truth: Truth, request: Request, store: MemoryStore) -> None:
        # A part of a day may not erase what lies beside it.
        with suppress(EvplRefusedError):
            pull_once(FakeApi(samples(truth), page_size=5), request, store)
        units = [unit for unit in UNITS if request.plan.window.overlaps(unit.window)]
        publish(store, catalog_in(folder, store.before), units, source=SOURCE)

    sequential = MemoryStore()
    sequential.objects = objects
    pull_then_publish(*first, sequential)
    runs = [partial(pull_then_publish, *seat) for seat in at_once]
    outcomes, refused = in_turns(runs, objects, iter(order), lambda: None), []
    for retry, outcome in zip(runs, outcomes, strict=True):
        assert outcome is None or isinstance(outcome, EvplRetryableError | Killed)
        if outcome is not None:
            try:
                retry(sequential)
            except EvplOverlapError:
                refused.append(retry)
    whole = [unit for unit in UNITS if not _overlaps(sequential, unit)]
    if refused:
        publish(sequential, catalog_in(folder), whole, source=SOURCE)
    table, lake = table_rows(catalog_in(folder)), _lake(sequential)
    assert {unit: table.get(unit) for unit in whole} == {unit: lake.get(unit) for unit in whole}


REPLACEMENTS = min(40, SEQUENCES // 10)


@pytest.mark.contract("iceberg.readers")
def test_reads_during_replacements_see_the_old_day_or_the_new_one(tmp_path: Path) -> None:
    """A reader loads the table again and again, while hours become a day. `make laws` reads 1,000 times."""
    store, catalog = MemoryStore(), catalog_in(tmp_path)
    run(store, *(hours(hour, hour + 1) for hour in range(24)), value=0.0)
    publish(store, catalog, [unit()])
    reader, seen = catalog_in(tmp_path), []
    for number in range(REPLACEMENTS):
        put(store, day(0), value=float(number))
        writer = threading.Thread(target=publish, args=(store, catalog, [unit()]))
        writer.start()
        seen += [_read_day(reader) for _ in range(25)]
        writer.join()
    assert {sum(one.values()) for one in seen} == {48}
    assert {len(one) for one in seen} == {1}
    values = [value for one in seen for value in one]
    assert values == sorted(values)
    assert len(set(values)) > REPLACEMENTS // 4


def _read_day(reader: FolderCatalog) -> Counter[float]:
    return Counter(reader.load_table(TABLE).scan(selected_fields=("value",)).to_arrow()["value"].to_pylist())
