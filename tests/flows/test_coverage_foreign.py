"""Objects that this connection did not land are findings, and no run pulls over them."""

import json

import pytest

from airflow_provider_evpl.flows.coverage import find_gaps
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.objects import Objects
from airflow_provider_evpl.window import Window
from tests.support.lake import (
    DATASET,
    DAY,
    PULLED_AT,
    SOURCE,
    day,
    earlier,
    hourly,
    hours,
    kinds,
    lake_of,
    land,
    look,
    run,
    with_footer,
)
from tests.support.stores import MemoryStore


@pytest.mark.contract("finding.foreign")
def test_objects_of_another_source_are_foreign() -> None:
    """They are not counted, and not pulled again, because a pull of their windows would be refused."""
    store = MemoryStore()
    lake = lake_of(store, {"base_url": "https://sandbox"})
    [target] = lake.targets([hours(0, 12)])
    land(lake, target, hourly(target.window))
    store.objects[DATASET.samples_path(hours(12, 18))] = b"not Parquet"
    coverage = look(store)
    assert kinds(coverage) == [
        ("foreign", hours(0, 12)),
        ("foreign", hours(12, 18)),
        ("missing", hours(18, 24)),
    ]
    assert (coverage.windows, coverage.objects) == ([hours(18, 24)], 0)
    assert "it comes from {'base_url': 'https://sandbox'}" in coverage.messages[0]


@pytest.mark.contract("lake.earlier-versions", "foreign.refused", "finding.foreign")
@pytest.mark.parametrize(
    ("dataset", "window", "reason"),
    [
        (Dataset("0008", "300s"), DAY, "operator code 0042, its path 0008"),
        (Dataset("0042", "3600s"), DAY, "granularity 300s, its path 3600s"),
        (DATASET, day(1), "slice 2026-11-22T00:00:00Z/2026-11-23T00:00:00Z, its path 2026-11-23T"),
    ],
    ids=["operator code", "granularity", "slice"],
)
@pytest.mark.parametrize("is_earlier", [False, True], ids=["", "earlier version"])
def test_misplaced_copy_is_foreign(
    dataset: Dataset,
    window: Window,
    reason: str,
    is_earlier: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    """An object copied to another object's path is a foreign finding with its reason, and is not counted."""
    store = MemoryStore()
    run(store, DAY)
    data = store.objects.pop(DATASET.samples_path(DAY))
    store.objects[dataset.samples_path(window)] = earlier(data, pulled_at="") if is_earlier else data
    coverage = find_gaps(
        Objects(store, dataset, SOURCE), window, min_coverage=0, give_up_after=None, now=PULLED_AT
    )
    assert kinds(coverage) == [("foreign", window)]
    assert reason in coverage.messages[0]
    assert (coverage.objects, coverage.rows) == (0, 0)


@pytest.mark.contract("coverage.result")
def test_window_over_a_foreign_object_is_not_pulled() -> None:
    """A pull of it would be refused, so only the other windows are pulled again."""
    store = MemoryStore()
    run(store, hours(0, 12), hours(12, 24))
    store.objects[DATASET.samples_path(hours(3, 4))] = b"not Parquet"
    coverage = look(store, min_coverage=1)
    assert [kind for kind, _ in kinds(coverage)].count("foreign") == 1
    assert coverage.windows == [hours(12, 24)]


def test_window_over_a_foreign_object_beside_the_range_is_not_pulled() -> None:
    """The range ends within an object of ours that a foreign object overlaps."""
    store = MemoryStore()
    run(store, hours(0, 20))
    store.objects[DATASET.samples_path(hours(18, 24))] = b"not Parquet"
    coverage = look(store, hours(0, 17), min_coverage=1)
    assert (kinds(coverage), coverage.windows) == ([("absent", hours(0, 20))], [])


@pytest.mark.parametrize("part", ["slice", "code_ope", "source"])
def test_texts_of_a_foreign_footer_are_cut_to_one_line(part: str) -> None:
    """A foreign text can't begin a log line."""
    store = MemoryStore()
    run(store, DAY)
    path = DATASET.samples_path(DAY)
    odd = "x\nERROR \x1b[2J" + "y" * 100_000
    text = json.dumps({"base_url": odd}) if part == "source" else odd
    store.objects[path] = with_footer(store.objects[path], **{part: text})
    [message] = look(store).messages
    assert message.isprintable()
    assert len(message) < 1000
