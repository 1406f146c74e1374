from airflow_provider_evpl.lake.store import Store
from tests.support.lake import DATASET, DAY, FOLDER, hours, names_of, run
from tests.support.stores import read

REJECTED = DATASET.rejected_path(DAY).rpartition("/")[0]


def _objects(store: Store) -> dict[str, bytes]:
    return {
        f"{folder}/{name}": read(store, f"{folder}/{name}")
        for folder in (FOLDER, REJECTED)
        for name in store.listing(folder)
    }


def test_a_lake_lives_on_each_store(store: Store) -> None:
    """Hours land, their day supersedes them, a run again changes nothing: as in memory, on each store."""
    first = run(store, *(hours(hour, hour + 1) for hour in range(4)), rejections=1)
    assert [landing.replaced for landing in first] == [0] * 4
    assert [*store.listing(FOLDER)] == names_of(*(landing.window for landing in first))
    assert len(store.listing(REJECTED)) == 4
    [day] = run(store, DAY, value=2.0)
    assert (day.replaced, day.rows, day.path) == (4, 48, store.url(DATASET.samples_path(DAY)))
    before = _objects(store)
    assert list(before) == [DATASET.samples_path(DAY)]
    assert day.bytes == len(before[DATASET.samples_path(DAY)])
    [again] = run(store, hours(5, 6), value=2.0)
    assert (again.window, again.replaced) == (DAY, 1)
    assert _objects(store) == before
