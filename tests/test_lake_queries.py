"""The queries of the docs over a lake with gaps, each compared with plain Python."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import chdir
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_evpl.lake.lake import Lake
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.sandbox import data
from airflow_provider_evpl.window import DAY, EPOCH, Granularity, Window
from tests.support.documents import BLOCKS
from tests.support.lake import SOURCE, Answer, collect, land

NOVEMBER = [datetime(2026, 11, day, tzinfo=UTC) for day in range(1, 31)]
LANDED = [datetime(2026, 10, 31, tzinfo=UTC), *NOVEMBER[19:23], datetime(2026, 12, 1, tzinfo=UTC)]
MISSING_DAY = NOVEMBER[20]
STEP = timedelta(minutes=5)

Names = tuple[str | None, ...]
"""Circuit, metric and the three columns of a place."""

Values = dict[tuple[Series, datetime], float | None]
"""What landed of a data set, by series and time."""


def _name(one: data.Series) -> Series:
    """Name a series: circuit 2 has both ends in one town, circuit 3 has an end without a PoP."""
    country, town, section = one.pop_country, one.pop_name, one.pop_section_name
    if one.circuit == 2:
        country, town = "France", "Lyon"
    if (one.circuit, one.end) == (3, "Z"):
        return Series(one.object_instance_id, one.metric_name, None, None, None, one.object_type)
    return Series(one.object_instance_id, one.metric_name, country, town, section, one.object_type)


def _day(start: datetime, *, seed: int = 7, step: timedelta = STEP) -> Values:
    """What lands of a day.

    Circuit 4 has no sample on the 22nd, and one series of circuit 1 lacks a step and has a null on the
    23rd. Circuit 5 is measured some seconds after each step, and circuit 6 is there in October only.
    """
    network = data.Network(circuits=6, granularity_seconds=step // timedelta(seconds=1), seed=seed)
    steps = network.steps(start=start.timestamp(), end=(start + DAY).timestamp())
    found: Values = {}
    for one in network.series:
        late = timedelta(seconds=7 * (one.circuit == 5))
        if (one.circuit, start.day) == (4, 22) or (one.circuit == 6 and start.month > 10):
            continue
        for at, value in zip(steps, network.values(one, steps=steps), strict=True):
            found[_name(one), EPOCH + timedelta(seconds=at) + late] = value
    if start.day == 23:
        first = _name(network.series[0])
        del found[first, start + 10 * timedelta(hours=1)]
        found[first, start + 11 * timedelta(hours=1) + STEP] = None
    return found


def _land(root: Path, dataset: Dataset, days: Iterable[tuple[datetime, Values]]) -> None:
    lake = Lake(LocalStore(str(root)), dataset, SOURCE)
    for start, values in days:
        window = Window(start, start + DAY)
        rows = [
            (one, (at - EPOCH) // timedelta(microseconds=1), value) for (one, at), value in values.items()
        ]
        [target] = lake.targets([window])
        granularity = Granularity(dataset.granularity)
        land(lake, target, collect([Answer(rows, [])], window, granularity, dataset.code_ope))


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[datetime, Values]]:
    """Land days of a data set, and give them; beside it are another code, and another granularity."""
    folder = tmp_path_factory.mktemp("queries")
    days = {start: _day(start) for start in LANDED if start != MISSING_DAY}
    _land(folder / "demo-lake", Dataset("0042", "300s"), days.items())
    other = LANDED[3]
    _land(folder / "demo-lake", Dataset("0043", "300s"), [(other, _day(other, seed=8))])
    _land(folder / "demo-lake", Dataset("0042", "3600s"), [(other, _day(other, seed=9, step=12 * STEP))])
    with chdir(folder):
        yield days


def _november(landed: dict[datetime, Values]) -> Values:
    return {key: value for start in NOVEMBER for key, value in landed.get(start, {}).items()}


def _percentiles(values: Values) -> dict[Names, tuple[float, int]]:
    """Give each series' 95th percentile by nearest rank, and of how many values."""
    series: dict[Names, list[float]] = defaultdict(list)
    for (one, _), value in values.items():
        if value is not None:
            series[one[:5]].append(value)
    return {
        names: (sorted(found)[math.ceil(0.95 * len(found)) - 1], len(found))
        for names, found in series.items()
    }


def _sql(page: str, word: str) -> str:
    [block] = (one for one in BLOCKS if one.page == page and word in one.text)
    return block.text


def _ask(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def test_the_percentile_query_separates_ends_and_directions(landed: dict[datetime, Values]) -> None:
    """Each end and direction gets its own percentile, for one month, operator code and granularity."""
    rows = _ask(_sql("lake.md", "quantile_disc"))
    assert {row[:5]: row[5:] for row in rows} == _percentiles(_november(landed))
    assert len(rows) == 5 * 4
    assert [row[5] for row in rows] == sorted((row[5] for row in rows), reverse=True)


def test_the_gap_query_finds_each_step_without_a_value(landed: dict[datetime, Values]) -> None:
    """It finds missing days, a missing day of one circuit, a missing step and a null, and nothing else."""
    values = _november(landed)
    present = {
        (one, EPOCH + (at - EPOCH) // STEP * STEP) for (one, at), value in values.items() if value is not None
    }
    missing = [
        (one, start + number * STEP)
        for one in {one for one, _ in values}
        for start in NOVEMBER
        for number in range(288)
        if (one, start + number * STEP) not in present
    ]
    counts = Counter((at.date(), *one[:5]) for one, at in missing)
    rows = _ask(_sql("lake.md", "calendar"))
    assert {row[:6]: row[6] for row in rows} == counts
    assert len(rows) == len(counts)
    by_day: dict[date, set[int]] = defaultdict(set)
    for row in rows:
        by_day[row[0]].add(row[6])
    assert by_day[MISSING_DAY.date()] == {288}
    assert [row[1] for row in rows if row[0] == date(2026, 11, 22)] == ["EVPL-000004"] * 4
    [one] = (row for row in rows if row[0] == date(2026, 11, 23))
    assert one[6:] == (2, datetime(2026, 11, 23, 10, tzinfo=UTC))
    assert date(2026, 11, 20) not in by_day


def test_the_ten_busiest_series_have_the_highest_percentiles(landed: dict[datetime, Values]) -> None:
    """The query finds the ten series with the highest 95th percentile of all landed rows."""
    names: dict[str, Any] = {}
    exec(_sql("first-ten-minutes.md", "busiest"), names)  # noqa: S102 the page's own code
    expected = _percentiles({key: value for day in landed.values() for key, value in day.items()})
    ranked = {(*one, *found) for one, found in expected.items()}
    highest = sorted((p95 for p95, _ in expected.values()), reverse=True)[:10]
    assert [row[5] for row in names["busiest"]] == highest
    assert set(names["busiest"]) <= ranked


@pytest.mark.parametrize("engine", ["Athena", "BigQuery"])
def test_the_latest_sample_query_finds_one_row_per_series(
    landed: dict[datetime, Values], engine: str
) -> None:
    """The page's SQL for another engine, run with DuckDB."""
    [block] = (one for one in BLOCKS if one.page == "lake.md" and one.reason == f"needs {engine}")
    query = block.text[block.text.index("SELECT") :].replace("`", '"')
    [table] = re.findall(r"FROM (\S+)", query)
    expected: dict[Names, datetime] = {}
    for one, at in landed[NOVEMBER[21]]:
        expected[one[:5]] = max(at, expected.get(one[:5], at))
    view = "FROM read_parquet('demo-lake/samples/**/*.parquet', hive_types_autocast = false)"
    rows = _ask(f"SET TimeZone = 'UTC'; CREATE SCHEMA evpl; CREATE VIEW {table} AS {view}; {query}")
    assert {row[:5]: row[5] for row in rows} == expected
    assert len(rows) == len(expected) == 4 * 4


def test_the_partition_filter_reads_one_day_of_one_code(landed: dict[datetime, Values]) -> None:
    """The page's filter gives the same rows with PyArrow and with polars."""
    names: dict[str, Any] = {}
    exec(_sql("lake.md", "a_day ="), names)  # noqa: S102 the page's own code
    expected = Counter((one[:5], at, value) for (one, at), value in landed[NOVEMBER[21]].items())
    for rows in (names["a_day"].to_pylist(), names["the_same"].collect().to_dicts()):
        found = Counter(
            (tuple(row[name] for name in Series._fields[:5]), row["timestamp"], row["value"]) for row in rows
        )
        assert found == expected
