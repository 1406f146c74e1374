from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_evpl.lake.layout import Dataset, Group, group, largest, parse_folder, parse_name
from airflow_provider_evpl.window import DAY, EPOCH, Window
from tests.support.lake import MIDNIGHT, fewer, hours

SECONDS = 86_400
days = st.integers(0, 40_000).map(lambda number: EPOCH + number * DAY)


@st.composite
def windows_within(draw: st.DrawFn, day: datetime) -> Window:
    """Draw an interval of a day."""
    start = draw(st.integers(0, SECONDS - 1))
    end = draw(st.integers(start + 1, SECONDS))
    return Window(day + timedelta(seconds=start), day + timedelta(seconds=end))


small_windows = st.tuples(st.integers(0, 23), st.integers(1, 6)).map(
    lambda pair: hours(pair[0], min(24, sum(pair)))
)


@pytest.mark.contract("lake.path", "lake.partitions")
def test_paths_are_those_of_the_contract() -> None:
    """A code is escaped as `urllib.parse.quote` does."""
    dataset = Dataset("0042", "300s")
    name = "operator_code=op-0042/granularity=300s/date=2026-11-22/20261122T000000Z-20261123T000000Z"
    day = hours(0, 24)
    assert dataset.samples_path(day) == f"samples/{name}.parquet"
    assert dataset.rejected_path(day) == f"rejected/{name}.jsonl"
    assert dataset.folder(MIDNIGHT) == "samples/operator_code=op-0042/granularity=300s/date=2026-11-22"
    escaped = Dataset("a/b ä~%=.", "300s").folder(MIDNIGHT).split("/")[1]
    assert escaped == "operator_code=op-a%2Fb%20%C3%A4~%25%3D."


@pytest.mark.contract("slices.object")
@fewer
@given(st.data(), days)
def test_path_reads_back_as_its_interval(data: st.DataObject, day: datetime) -> None:
    """The folder of a path is the folder of its day."""
    window = data.draw(windows_within(day))
    folder, _, name = Dataset("0042", "300s").samples_path(window).rpartition("/")
    assert folder == Dataset("0042", "300s").folder(day)
    assert parse_name(name, day) == window


@pytest.mark.contract("foreign.ours")
@fewer
@given(days, st.data())
def test_interval_of_another_day_is_none(day: datetime, data: st.DataObject) -> None:
    """In the folder of a day, names with intervals of other days do not count."""
    window = data.draw(windows_within(day))
    name = PurePosixPath(Dataset("0042", "300s").samples_path(window)).name
    other = data.draw(days.filter(lambda other: other != day))
    assert parse_name(name, other) is None


@pytest.mark.contract("foreign.ours")
@pytest.mark.parametrize(
    "name",
    [
        "",
        "_SUCCESS",
        "part-0.parquet",
        ".20261122T000000Z-20261123T000000Z.parquet.0123.tmp",
        "20261122T000000Z-20261123T000000Z.parquet.tmp",
        "20261122T000000Z-20261123T000000Z.parquet\n",
        "20261122T000000Z-20261123T000000Z.jsonl",
        "20261122T000000Z-20261123T000000Z_parquet",
        "20261122T000000-20261123T000000.parquet",
        "20261122T000000Z-20261122T000000Z.parquet",  # empty
        "20261122T020000Z-20261122T010000Z.parquet",  # ends before it starts
        "20261122T000000Z-20261123T000001Z.parquet",  # crosses midnight
        "20261121T235959Z-20261122T010000Z.parquet",  # crosses midnight
        "20261122T000060Z-20261122T010000Z.parquet",  # no such second
        "20261122T000000Z-20261122T250000Z.parquet",  # no such hour
        "20261322T000000Z-20261323T000000Z.parquet",  # no such month
        "00000000T000000Z-20261123T000000Z.parquet",  # no such year
        "٢٠٢٦1122T000000Z-20261123T000000Z.parquet",  # noqa: RUF001 digits, but not ASCII: the case under test
    ],
)
def test_name_that_is_no_interval_is_none(name: str) -> None:
    """Only the exact form counts, with an interval inside the day."""
    assert parse_name(name, MIDNIGHT) is None


@pytest.mark.contract("pull.code_ope", "lake.partitions", "gap.A17")
@fewer
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.integers(0, 24))
@example("..", 0)
@example("a/b", 0)
@example("ä", 0)
@example("a\nb", 0)
@example("'\"`", 0)
@example("🛰", 0)
@example("%2F", 0)
@example("a=b", 0)
@example("", 0)
def test_operator_code_stays_in_one_folder(code_ope: str, hour: int) -> None:
    """Any code gives one folder in plain ASCII, and reads back as it was."""
    window = hours(0, max(1, hour))
    for path in (
        Dataset(code_ope, "300s").samples_path(window),
        Dataset(code_ope, "300s").rejected_path(window),
    ):
        root, partition, *rest = path.split("/")
        assert root in ("samples", "rejected")
        assert partition.startswith("operator_code=op-")
        assert partition.isascii()
        assert partition.isprintable()
        assert partition.removeprefix("operator_code=op-") == quote(code_ope, safe="")
        assert unquote(partition.removeprefix("operator_code=op-")) == code_ope
        assert [one.partition("=")[0] for one in rest[:2]] == ["granularity", "date"]
        assert len(rest) == 3


def _chained(slices: list[Window], landed: list[Window]) -> Iterable[Group]:
    """What the contract says, by brute force: grow each slice until nothing overlaps it any more."""
    unions: set[tuple[Window, frozenset[Window]]] = set()
    for one in slices:
        members = {one}
        while True:
            more = {
                other for other in [*slices, *landed] if any(other.overlaps(member) for member in members)
            }
            if more == members:
                break
            members = more
        union = Window(min(member.start for member in members), max(member.end for member in members))
        unions.add((union, frozenset(members & set(landed))))
    return [Group(window, tuple(sorted(replaces))) for window, replaces in sorted(unions, key=lambda u: u[0])]


@pytest.mark.contract("lake.replacement")
@fewer
@given(st.lists(small_windows, max_size=6), st.lists(small_windows, max_size=8, unique=True))
def test_groups_join_chains_of_overlaps(slices: list[Window], landed: list[Window]) -> None:
    """Each group is the union of all intervals that are chained to a slice by overlaps."""
    assert group(slices, landed) == _chained(slices, landed)


@fewer
@given(st.lists(small_windows, min_size=1, max_size=6), st.lists(small_windows, max_size=8))
def test_groups_are_disjoint_and_contain_the_slices(slices: list[Window], landed: list[Window]) -> None:
    """Each slice lies in one group, and no group cuts a landed interval."""
    groups = group(slices, landed)
    for first, second in pairwise(groups):
        assert first.window.end <= second.window.start
    for one in slices:
        assert sum(found.window.contains(one) for found in groups) == 1
    for one in landed:
        assert all(found.window.contains(one) for found in groups if found.window.overlaps(one))


def test_neighboring_intervals_are_no_group() -> None:
    """Intervals that only touch do not overlap."""
    assert group([hours(1, 2)], [hours(0, 1), hours(2, 3)]) == [Group(hours(1, 2), ())]


def test_group_of_an_hour_and_its_landed_day_is_the_day() -> None:
    """A slice inside a landed interval grows to it. A slice that contains landed intervals replaces them."""
    assert group([hours(3, 4)], [hours(0, 24)]) == [Group(hours(0, 24), (hours(0, 24),))]
    assert group([hours(0, 24)], [hours(0, 1), hours(5, 6)]) == [
        Group(hours(0, 24), (hours(0, 1), hours(5, 6)))
    ]


@given(days)
def test_folder_reads_back_as_its_day(day: datetime) -> None:
    """Other names are None."""
    folder = Dataset("0042", "300s").folder(day)
    root, _, name = folder.rpartition("/")
    assert root == Dataset("0042", "300s").root
    assert parse_folder(name) == day
    assert parse_folder(name.removeprefix("date=")) is None


@given(st.lists(small_windows, max_size=6))
def test_largest_intervals_contain_all_others(landed: list[Window]) -> None:
    """They are in order of time, and none lies in another."""
    found = largest(landed)
    assert set(found) <= set(landed)
    assert sorted(found) == found
    assert not any(one != other and one.contains(other) for one in found for other in found)
    assert all(any(one.contains(other) for one in found) for other in landed)


@pytest.mark.contract("lake.date")
def test_path_of_a_window_in_another_zone_is_utc() -> None:
    """The path is that of the same moments in UTC."""
    far = datetime.fromisoformat("2026-11-22T01:00:00+02:00")
    window = Window(far, far + timedelta(minutes=5))
    assert (
        Dataset("x", "300s")
        .samples_path(window)
        .endswith("date=2026-11-21/20261121T230000Z-20261121T230500Z.parquet")
    )
    assert window.start.tzinfo is UTC
