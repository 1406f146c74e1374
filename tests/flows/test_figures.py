"""The figures of a month: what counts, what is read again, and what is put."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl.config.figures_plan import FiguresPlan
from airflow_provider_evpl.errors import (
    EvplConfigError,
    EvplNotPublishedError,
    EvplOverlapError,
    EvplStoreError,
)
from airflow_provider_evpl.flows.figures.engine import Engine, LandedObject, RowSource, StoreFiles, load_extra
from airflow_provider_evpl.flows.figures.figures import (
    FiguresResult,
    MonthObject,
    compute_figures,
    compute_month,
)
from airflow_provider_evpl.flows.figures.months_of_code import MonthOfCode
from airflow_provider_evpl.flows.figures.series import find_direction
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.months import parse_month
from airflow_provider_evpl.window import Granularity, Window
from tests.support.lake import (
    DAY,
    HOURLY_OF_288,
    MIDNIGHT,
    PULLED_AT,
    Answer,
    circuit,
    collect,
    day,
    hours,
    lake_of,
    land,
    microseconds,
    put,
)
from tests.support.stores import MemoryStore

NOVEMBER = parse_month("2026-11")
PLAN = FiguresPlan(min_coverage=HOURLY_OF_288)
FIGURES = "figures/operator_code=op-0042/granularity=300s/month=2026-11/figures.parquet"


def look(store: MemoryStore, plan: FiguresPlan = PLAN) -> MonthOfCode:
    """Compute November."""
    return compute_month(store, plan, NOVEMBER, "0042", with_hours=True)


def rows(month: MonthOfCode, kind: str = "series") -> list[dict[str, Any]]:
    """Give the rows of a kind."""
    return [row for row in month.table.to_pylist() if row["kind"] == kind]


def put_at(store: MemoryStore, window: Window, granularity: str, *moments: datetime) -> None:
    """Land a slice in which one series has the value 1 at some moments."""
    samples = collect(
        [Answer([(circuit("a"), microseconds(one), 1.0) for one in moments], [])],
        window,
        Granularity(granularity),
    )
    lake = lake_of(store, dataset=Dataset("0042", granularity))
    [target] = lake.targets([window])
    land(lake, target, samples)


def test_month_has_series_ends_days_and_hours() -> None:
    """Two circuits with one value an hour of a whole day."""
    store = MemoryStore()
    put(store, DAY, value=75.0)
    month = look(store)
    assert [one.object_instance_id for one in month.series] == ["a", "b"]
    first = rows(month)[0]
    expected = {
        "percentile": 75.0,
        "mean": 75.0,
        "busy_hour": 0,
        "above_warning": 1.0,
        "above_critical": 0.0,
        "samples": 24,
        "expected": 288,
        "coverage": 0.083333,
        "direction": "in",
        "first_sample": MIDNIGHT,
        "last_sample": MIDNIGHT + timedelta(hours=23),
        "trend_reason": "0 weeks are known, 13 are needed",
    }
    assert {name: first[name] for name in expected} == expected
    assert [row["reason"] for row in rows(month, "end")] == ["direction out: no series"] * 2
    assert month.hours is not None
    assert month.hours.slice(24, 1).to_pylist() == [
        {"series": 1, "hour": MIDNIGHT, "samples": 1, "values": 1, "mean": 75.0, "maximum": 75.0}
    ]
    landed = [one for one in month.days if one.covered_seconds]
    assert [(one.window, one.rows, one.values, one.expected) for one in landed] == [(DAY, 48, 48, 576)]
    assert len(month.days) == 30


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("utilizationIn", "in"),
        ("UTIL_EGRESS", "out"),
        ("JOBVIn", "in"),
        ("rate-out", "out"),
        ("Main", None),
        ("rateÉin", None),
        ("", None),
        ("up", "in"),
        ("bitsIn", None),
    ],
)
def test_direction_is_the_last_word_of_the_metric(name: str, direction: str | None) -> None:
    """An argument names the directions of other metrics."""
    assert find_direction(name, {"up": "in", "bitsIn": "none"}) == direction


def test_negative_zero_is_zero() -> None:
    """Otherwise the bytes would depend on the order of the rows."""
    store = MemoryStore()
    put(store, DAY, value=-0.0)
    assert {str(row[name]) for row in rows(look(store)) for name in ("minimum", "percentile")} == {"0.0"}


def test_two_samples_of_a_step_count_once_for_coverage() -> None:
    """Samples off the grid count for the step that contains them."""
    store = MemoryStore()
    seconds = (0, 60, 300, 301, 900)
    put_at(store, hours(0, 1), "300s", *(MIDNIGHT + timedelta(seconds=one) for one in seconds))
    [row] = rows(look(store))
    assert (row["samples"], row["expected"], row["coverage"]) == (5, 12, 0.25)


def test_step_that_began_before_the_month_is_not_expected() -> None:
    """In New York the day of the step began in October."""
    store = MemoryStore()
    first = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
    put_at(store, first, "1d", first.start + timedelta(hours=6))
    plan = FiguresPlan(granularity=Granularity("1d"), time_zone=ZoneInfo("America/New_York"))
    [row] = rows(look(store, plan))
    assert (row["samples"], row["expected"], row["coverage"]) == (1, None, None)
    assert row["reason"] == "no step is expected"


def test_granularity_without_a_length_is_not_judged() -> None:
    """The number of expected samples is unknown."""
    store = MemoryStore()
    put_at(store, DAY, "1m", MIDNIGHT)
    month = look(store, FiguresPlan(granularity=Granularity("1m")))
    assert {row["reason"] for row in rows(month)} == {"granularity 1m has no fixed length"}
    assert rows(month)[0]["maximum"] == 1.0
    assert month.not_judged == 1


class Busy(MemoryStore):
    """A store in which another run lands something before each call of a range."""

    def __init__(self, change: Callable[[int], None], calls: range) -> None:
        super().__init__(before=self._meanwhile)
        self._change = change
        self._calls = calls

    def _meanwhile(self) -> None:
        if len(self.calls) in self._calls:
            self._change(len(self.calls))


def busy(store: MemoryStore, calls: range, *, delete: bool = False) -> MemoryStore:
    """Give a way to a store in which another run replaces the day's object meanwhile."""

    def change(call: int) -> None:
        if delete:
            store.objects.clear()
        window, later = hours(0, 12) if delete else DAY, PULLED_AT + timedelta(minutes=call)
        put(store, window, value=float(call), pulled_at=later)

    way = Busy(change, calls)
    way.objects = store.objects
    return way


def test_month_is_computed_again_if_objects_change() -> None:
    """Whenever another run lands, the figures are those of one state of the lake."""
    store = MemoryStore()
    put(store, DAY, value=1.0)
    look(quiet := busy(store, range(0)))
    checked = max(at for at, (name, _) in enumerate(quiet.calls) if name == "tail")
    for call in range(checked + 1):
        put(store, DAY, value=0.5)
        [highest] = {row["maximum"] for row in rows(look(busy(store, range(call, call + 1))))}
        assert highest == float(call)


def test_month_is_computed_again_if_objects_are_gone() -> None:
    """The pull of another run replaced the object since it was listed."""
    store = MemoryStore()
    put(store, DAY, value=1.0)
    look(quiet := busy(store, range(0)))
    opened = [at for at, (name, _) in enumerate(quiet.calls) if name == "open"]
    month = look(busy(store, range(opened[-1], opened[-1] + 1), delete=True))
    assert {row["samples"] for row in rows(month)} == {12}


def test_objects_that_change_all_the_time_are_an_error() -> None:
    """The error is temporary."""
    store = MemoryStore()
    put(store, DAY)
    with pytest.raises(EvplOverlapError, match="changed 3 times"):
        look(busy(store, range(5, 1000)))


def test_failing_store_is_its_own_error() -> None:
    """Nothing changed, so nothing is read again; DuckDB's error doesn't hide that of the store."""
    store = MemoryStore()
    put(store, DAY)
    look(quiet := busy(store, range(0)))
    opened = [at for at, (name, _) in enumerate(quiet.calls) if name == "open"]
    failing = MemoryStore(fail_at=opened[-1] + 1)
    failing.objects = store.objects
    with pytest.raises(EvplStoreError, match="told to fail"):
        look(failing)


def test_months_without_samples_are_noted() -> None:
    """A month in the middle may be missing."""
    store = MemoryStore()
    put(store, day(0), value=5.0)
    put(store, day(-61), value=5.0)
    result = compute_figures(store, PLAN)
    assert [one.month for one in result.objects] == ["2026-09", "2026-11"]
    assert "operator code 0042, 2026-10: no samples have landed, so there are no figures." in result.notes
    with pytest.raises(EvplNotPublishedError, match="2026-10: no samples have landed"):
        compute_month(store, PLAN, parse_month("2026-10"), "0042")
    with pytest.raises(EvplNotPublishedError, match="the lake has 2026-09 to 2026-11"):
        compute_figures(store, FiguresPlan(first_month=parse_month("2026-12")))


def test_figures_of_another_program_are_replaced() -> None:
    """They have no digest."""
    store = MemoryStore()
    put(store, DAY)
    store.objects[FIGURES] = b"PAR1"
    assert compute_figures(store, PLAN).computed == 1
    assert compute_figures(store, PLAN).unchanged == 1
    assert (
        pq.read_table(io.BytesIO(store.objects[FIGURES]))["kind"].to_pylist() == ["end"] * 2 + ["series"] * 2
    )


def test_result_shows_the_first_and_the_last_objects() -> None:
    """An XCom stays small."""
    objects = [
        MonthObject(month="2026-11", code_ope=str(code), path="", series=1, not_judged=0)
        for code in range(101)
    ]
    result = FiguresResult(
        granularity="300s", time_zone="UTC", computed=1, unchanged=100, objects=objects, notes=["a"] * 101
    )
    shown = result.as_dict()
    assert shown["object_count"] == 101
    assert [one["code_ope"] for one in shown["objects"]][49:51] == ["49", "51"]
    assert len(shown["notes"]) == 100


def test_many_rows_are_read_in_parts() -> None:
    """Each part has all rows of some series."""
    store = MemoryStore()
    put(store, DAY, "abc")
    [(path, data)] = store.objects.items()
    many = LandedObject(path, len(data), 30_000_000)
    with Engine(store) as engine:
        source = RowSource(engine, {DAY: many}, [circuit(name) for name in "abc"], 300_000_000)
        found = [sorted(set(engine.query(part)["series"].to_pylist())) for part in source.chunks(DAY)]
        assert found == [[0, 1], [2]]
        assert engine.query(source.rows(DAY, [])).num_rows == 0
        assert engine.query(source.rows(day(1))).num_rows == 0


@pytest.mark.parametrize("method", [Engine.query, Engine.run])
def test_object_that_cannot_be_read_is_named(method: Callable[[Engine, str], object]) -> None:
    """DuckDB knows only its number."""
    store = MemoryStore()
    store.objects["samples/no parquet"] = b"PAR1" + bytes(40) + b"PAR1"
    with Engine(store) as engine:
        url = engine.add(LandedObject("samples/no parquet", 48, 1))
        with pytest.raises(EvplStoreError, match="memory://samples/no parquet can't be read"):
            method(engine, f"CREATE TABLE found AS FROM '{url}'" if method is Engine.run else f"FROM '{url}'")


def test_threads_read_an_object_at_their_own_position() -> None:
    """DuckDB seeks in one thread while another thread reads."""
    store = MemoryStore()
    store.objects["one"] = b"0123456789"
    files = StoreFiles(store)
    file = files.open(files.add(LandedObject("one", 10, 1)))
    with ThreadPoolExecutor(1) as pool:
        file.seek(2)
        pool.submit(file.seek, 7).result()
        assert file.read(2) == b"23"
        assert pool.submit(file.read, 2).result() == b"78"
        assert file.read(2) == b"45"
    file.close()


def test_small_object_is_read_once_until_memory_is_full() -> None:
    """DuckDB opens it in each query. A large object stays in the store, because only parts of it are read."""
    store = MemoryStore()
    small, large = LandedObject("small", 8 << 20, 1), LandedObject("large", (8 << 20) + 1, 1)
    store.objects |= {one.path: bytes(one.size) for one in (small, large)}
    files = StoreFiles(store)
    urls = [files.add(small) for _ in range(9)]
    for url in [*urls[:8], *urls[:8], urls[8], files.add(large)]:
        files.open(url).close()
    assert [path for _, path in store.calls] == ["small"] * 9 + ["large"]
    files.make_room()
    files.open(urls[0]).close()
    assert len(store.calls) == 11


def test_missing_extra_names_the_command() -> None:
    """A pull doesn't need it."""
    with pytest.raises(EvplConfigError, match=r"pip install '\.\[report\]'"):
        load_extra("no_such_library")
