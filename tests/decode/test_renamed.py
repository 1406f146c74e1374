"""A field that gets a new name loses no sample: each is read, rejected or refused, in a page and in a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.decode.decoder import PageDecoder
from airflow_provider_evpl.decode.schema import ENTRY_NAMES, PAGE_NAMES, SAMPLE_NAMES
from airflow_provider_evpl.errors import EvplRefusedError, EvplResponseError
from airflow_provider_evpl.models import Page
from tests.support.fake_api import A_DAY, MIDNIGHT, FakeApi, grid, run
from tests.support.lake_files import objects, rows

Texts = st.SearchStrategy[str]


class Pairs(list[tuple[str, object]]):
    """The fields of an object, in order, also those with the same name."""


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in pairs) + "}"


def objects_of(names: Texts, values: Texts, *first: tuple[str, Texts]) -> Texts:
    """Objects, as text, with some fields first; names may be there twice."""
    begins = st.tuples(*(st.tuples(st.just(name), value) for name, value in first))
    more = st.lists(st.tuples(names, values), max_size=2)
    return st.builds(lambda begin, end: _object([*begin, *end]), begins, more)


def lists_of(values: Texts) -> Texts:
    """Lists, as text."""
    return st.lists(values, max_size=3).map(lambda values: f"[{', '.join(values)}]")


time_stamps = st.sampled_from(['"timeStamp"', r'"timeSt\u0061mp"', '"timeStamp" \n', r'"\u0074imeStamp"'])
scalars = st.sampled_from(["1", '"1"', '"x"', "null", "true", '"timeStamp"', r'"\"timeStamp\": "'])
others = time_stamps | st.sampled_from(['"context"', r'"a\"timeStamp"', '"timeStamp "'])
nested = st.recursive(scalars, lambda inner: lists_of(inner) | objects_of(others, inner), max_leaves=4)
times = st.just('"1970-01-01T00:00:01Z"')
samples = (
    objects_of(others, nested, ('"timeStamp"', times), ('"value"', scalars))
    | objects_of(others, nested, ('"timeStamp"', times), ('"val"', scalars))
    | objects_of(others, nested, (r'"timeSt\u0061mp"', times))
    | nested
)
names = (('"objectInstanceId"', st.just('"a"')), ('"metric_name"', st.just('"in"')))
fields = others | st.sampled_from(['"measurements"', '"performanceValues"'])
entries = (
    objects_of(others, nested, *names, ('"performanceValues"', lists_of(samples) | samples))
    | objects_of(others, nested, *names, ('"measurements"', lists_of(samples)))
    | objects_of(fields, lists_of(samples) | nested, *names)
    | nested
)
pages = objects_of(others, nested, ('"hasNext"', st.just("false")), ('"entries"', lists_of(entries)))


def _tree(text: str) -> Pairs:
    tree = json.loads(text, object_pairs_hook=Pairs)
    assert isinstance(tree, Pairs)
    return tree


def _count(node: object) -> int:
    if isinstance(node, Pairs):
        return sum((name == "timeStamp") + _count(value) for name, value in node)
    return sum(map(_count, node)) if isinstance(node, list) else 0


def _unknown(node: Pairs, known: frozenset[str]) -> Pairs:
    return Pairs((name, value) for name, value in node if name not in known)


def _samples(entry: Pairs) -> list[object]:
    values = dict(entry)["performanceValues"]
    if isinstance(values, Pairs):
        return [values]
    return values if isinstance(values, list) else []


def _passed_over(tree: Pairs, page: Page) -> int:
    """Count the time stamps in unknown fields of all that was not rejected."""
    rejected = {(one.entry, one.sample) for one in page.rejections}
    count = _count(_unknown(tree, PAGE_NAMES))
    for position, entry in enumerate(_entries(tree)):
        if (
            isinstance(entry, Pairs)
            and "performanceValues" in dict(entry)
            and (position, None) not in rejected
        ):
            count += _count(_unknown(entry, ENTRY_NAMES))
            for index, sample in enumerate(_samples(entry)):
                if isinstance(sample, Pairs) and (position, index) not in rejected:
                    count += _count(_unknown(sample, SAMPLE_NAMES))
    return count


def _entries(tree: Pairs) -> list[object]:
    found = dict(tree)["entries"]
    assert isinstance(found, list)
    return found


def _has_lost(tree: Pairs) -> bool:
    """Whether an entry has a time stamp of its own in place of samples."""
    return any(
        isinstance(entry, Pairs)
        and "timeStamp" in dict(entry)
        and not any(name == "performanceValues" or isinstance(value, list) for name, value in entry)
        for entry in _entries(tree)
    )


@pytest.mark.contract("rejected.stray-timestamp", "gap.A13")
@given(pages)
def test_no_time_stamp_is_lost(text: str) -> None:
    """Each field `timeStamp` of a page is read, rejected, or in an unknown field; else there is an error."""
    tree = _tree(text)
    try:
        page = PageDecoder().decode(text.encode())
    except EvplResponseError as error:
        assert "is there twice" in str(error) or _has_lost(tree)  # noqa: PT017 it may be raised
        return
    read = sum(len(one.timestamps) for one in page.entries)
    rejected = sum(_count(json.loads(one.raw, object_pairs_hook=Pairs)) for one in page.rejections)
    assert read + rejected + _passed_over(tree, page) == _count(tree)


@dataclass
class RenamingApi(FakeApi):
    """Gives fields of some circuits' entries and samples new names."""

    renamed: tuple[str, ...] = ()
    new_names: Mapping[str, str] = field(default_factory=dict)

    def _entries(self, start: datetime, end: datetime) -> list[dict[str, object]]:
        return [
            self._rename(entry) if entry["objectInstanceId"] in self.renamed else entry
            for entry in super()._entries(start, end)
        ]

    def _rename(self, node: dict[str, object]) -> dict[str, object]:
        return {
            self.new_names.get(name, name): [self._rename(one) for one in value]
            if isinstance(value, list)
            else value
            for name, value in node.items()
        }


TWO = [*grid("a", MIDNIGHT, 288), *grid("b", MIDNIGHT, 288)]
MEASUREMENTS = {"performanceValues": "measurements"}


@pytest.mark.contract("rejected.unknown-list")
@pytest.mark.parametrize("allow_empty", [False, True])
def test_window_of_renamed_samples_is_refused(tmp_path: Path, *, allow_empty: bool) -> None:
    """A window whose samples all have a new name is refused, not "not published yet". Nothing lands."""
    api = RenamingApi(TWO, renamed=("a", "b"), new_names=MEASUREMENTS)
    with pytest.raises(EvplRefusedError) as error:
        run(api, tmp_path, replace(A_DAY, allow_empty=allow_empty))
    assert "576 x no performanceValues; the unknown field measurements" in str(error.value)
    assert objects(tmp_path) == []


@pytest.mark.contract("rejected.unknown-list")
def test_slice_with_one_renamed_circuit_is_refused(tmp_path: Path) -> None:
    """One of two circuits with a new name refuses the slice. Nothing lands."""
    api = RenamingApi(TWO, renamed=("b",), new_names=MEASUREMENTS)
    with pytest.raises(
        EvplRefusedError,
        match="288 x no performanceValues; the unknown field measurements",
    ):
        run(api, tmp_path)
    assert objects(tmp_path) == []


def test_renamed_samples_are_counted_as_rejected(tmp_path: Path) -> None:
    """If rejected samples are allowed, each sample is a row or rejected."""
    api = RenamingApi(TWO, renamed=("b",), new_names=MEASUREMENTS)
    result = run(api, tmp_path, replace(A_DAY, max_rejected_fraction=1.0)).as_dict()
    counts = [result[name] for name in ("received", "rows", "duplicates", "out_of_window", "rejected")]
    assert counts == [576, 288, 0, 0, 288]
    assert {row.name for row in rows(tmp_path)} == {"a"}


@pytest.mark.contract("values.missing")
@pytest.mark.parametrize("renamed", [("a", "b"), ("b",)])
def test_slice_with_renamed_values_is_refused(tmp_path: Path, renamed: tuple[str, ...]) -> None:
    """Samples whose value has a new name are rejected. They never land as rows without a value."""
    api = RenamingApi(TWO, renamed=renamed, new_names={"value": "utilization"})
    with pytest.raises(
        EvplRefusedError,
        match=f"{288 * len(renamed)} x no value; the unknown field utilization",
    ):
        run(api, tmp_path)
    assert objects(tmp_path) == []
    run(api, tmp_path, replace(A_DAY, max_rejected_fraction=1.0, allow_empty=True))
    assert [row.value for row in rows(tmp_path)] == [1.5] * 288 * (2 - len(renamed))
