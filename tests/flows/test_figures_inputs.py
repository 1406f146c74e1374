"""What the figures answer to bad input, to a lake that changes, and to a lake that didn't."""

import math
from dataclasses import replace

import pytest

from airflow_provider_evpl.config.figures_plan import ReportPlan
from airflow_provider_evpl.errors import (
    EvplError,
    EvplNotPublishedError,
    EvplOverlapError,
)
from airflow_provider_evpl.flows.figures.inventory import Inventory, Period
from airflow_provider_evpl.flows.report.report import render_report
from airflow_provider_evpl.lake.lake import Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.support.figures_stores import (
    HOUR,
    day_of,
    figure_paths,
    figures,
    lake_of_days,
    land_window,
    rows_of,
    utc,
    writes,
)
from tests.support.lake import SOURCE, Answer, Row, circuit, collect, damaged, lake_of, land, microseconds
from tests.support.stores import MemoryStore

D22, D23 = day_of("2026-11-22"), day_of("2026-11-23")


# --- little data

DATASET = Dataset("0042", "1h")
NOVEMBER = "operator code 0042, 2026-11"


def test_empty_lake_is_not_published() -> None:
    """A lake without samples gives an error, and no object."""
    store = MemoryStore()
    with pytest.raises(EvplNotPublishedError):
        figures(store)
    assert not store.objects


def test_code_without_samples_is_not_published() -> None:
    """An operator code that the lake doesn't have is named."""
    store = lake_of_days("2026-11-22")
    with pytest.raises(EvplNotPublishedError, match="0043"):
        figures(store, code_ope="0042,0043")
    assert not figure_paths(store)


def test_month_without_samples_names_the_months_of_the_lake() -> None:
    """A range without an object names the months that the lake has."""
    store = lake_of_days("2026-09-22", "2026-11-22")
    with pytest.raises(EvplNotPublishedError, match=r"(?s)2026-12.*2026-09 to 2026-11"):
        figures(store, first_month="2026-12", last_month="2026-12")
    assert not writes(store)


def test_missing_month_between_others_has_no_object() -> None:
    """Only the months with samples are computed."""
    store = lake_of_days("2026-08-22", "2026-11-22")
    assert figures(store).as_dict()["months"] == ["2026-08", "2026-11"]
    assert [path.split("/")[3] for path in figure_paths(store)] == ["month=2026-08", "month=2026-11"]


@pytest.mark.contract("figure.gaps")
def test_missing_slices_are_noted() -> None:
    """Days that have not landed, and an early end, are visible; a month without gaps has no note."""
    store = lake_of_days(*(f"2026-10-{day:02}" for day in range(1, 32)), values=lambda _: 5.0)
    land_window(store, Window(utc("2026-11-02"), utc("2026-11-02T20:00")), lambda _: 5.0)
    assert figures(store).notes == [
        f"{NOVEMBER}: Slices are missing on 1 of 2 days: 2026-11-01.",
        f"{NOVEMBER}: The newest slice ends at 2026-11-02T20:00:00Z. All figures end there.",
    ]


@pytest.mark.contract("figure.gaps")
def test_code_that_stopped_or_began_late_is_noted() -> None:
    """An operator code without the last or the first months of the range says so."""
    store = lake_of_days("2026-09-30", "2026-11-30", values=lambda _: 5.0)
    for day in ("2026-07-31", "2026-09-30"):
        land_window(store, day_of(day), lambda _: 5.0, code="0043")
    stopped, late = "operator code 0043: The lake has 2026-07 to 2026-09.", "operator code 0042: The lake has"
    notes = figures(store).notes
    assert stopped in notes
    assert not any(late in note for note in notes)
    assert stopped in figures(store, first_month="2026-11").notes
    assert f"{late} 2026-09 to 2026-11." in figures(store, first_month="2026-08").notes


@pytest.mark.contract("figure.gaps")
def test_code_without_samples_of_the_granularity_is_noted() -> None:
    """Of such an operator code there are only foreign objects, or samples of another granularity."""
    store = lake_of_days("2026-11-22", values=lambda _: 5.0)
    land_window(store, D22, code="0043", granularity="300s")
    store.objects[Dataset("0044", "1h").samples_path(D22)] = b"no parquet"
    expected = [
        "operator code 0043: no samples of 1h have landed. The lake has granularity 300s.",
        "operator code 0044: no samples of 1h have landed.",
    ]
    assert figures(store).notes[:2] == expected
    assert not set(expected) & set(figures(store, code_ope="0042").notes)


def test_folder_without_an_object_is_no_first_day() -> None:
    """A lake begins with its first object, and not before 1970."""
    store = lake_of_days("2026-11-22", values=lambda _: 5.0)
    for day in ("0001-01-01", "1970-01-01", "2020-01-01"):
        store.objects[f"{DATASET.root}/date={day}/notes.txt"] = b""
    assert figures(store).as_dict()["months"] == ["2026-11"]
    assert not any("2020" in note for note in figures(store).notes)


def test_one_sample_gives_its_extremes_and_the_reason() -> None:
    """A single value is maximum and minimum; its month isn't judged."""
    store = MemoryStore()
    land_window(store, D22, lambda moment: 5.0 if moment == D22.start + HOUR else None)
    figures(store)
    [row] = rows_of(store)
    assert (row["maximum"], row["maximum_at"], row["minimum"]) == (5.0, D22.start + HOUR, 5.0)
    assert (row["percentile"], row["mean"], row["busy_hour"]) == (None, None, None)
    assert row["reason"] == "coverage 0.041 is below 0.9"


def test_one_sample_that_covers_everything_is_the_percentile() -> None:
    """The only value of the only step is judged."""
    store = MemoryStore()
    land_window(store, Window(D22.start, D22.start + HOUR), lambda _: 5.0)
    # The series is expected from the start of its UTC day, which is the slice's.
    figures(store)
    [row] = rows_of(store)
    assert (row["percentile"], row["mean"], row["busy_hour"], row["coverage"]) == (5.0, 5.0, 0, 1.0)


@pytest.mark.contract("figure.not-judged")
def test_nulls_only_give_no_figure() -> None:
    """A month of nulls has counts, and no figure."""
    store = lake_of_days("2026-11-22", values=lambda _: None)
    figures(store)
    [row] = rows_of(store)
    assert (row["samples"], row["null_values"], row["coverage"]) == (24, 24, 0.0)
    assert (row["maximum"], row["minimum"], row["percentile"]) == (None, None, None)
    assert row["reason"] == "no value"


# --- odd values


def test_values_up_to_1_get_a_note() -> None:
    """A lake of fractions names the argument that fits them."""
    store = lake_of_days("2026-11-22", values=lambda moment: moment.hour / 23)
    note = figures(store).notes[-1]
    assert note == f"{NOVEMBER}: All values lie between 0 and 1. If 1 means a full line, set full_scale=1."
    assert not any("full_scale" in note for note in figures(store, full_scale=1).notes)


@pytest.mark.parametrize("value", [0.0, 1.5])
def test_other_values_get_no_note_of_fractions(value: float) -> None:
    """Zeros alone may be of any unit."""
    store = lake_of_days("2026-11-22", values=lambda _: value)
    assert not any("full_scale" in note for note in figures(store).notes)


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1.7e308])
def test_values_that_no_sum_holds_give_a_note_and_no_figure(value: float) -> None:
    """Such figures are null, neither infinite nor NaN; the report is made, too."""
    days = [str(one.start.date()) for one in Window(utc("2026-07-01"), utc("2026-12-01")).slices(DAY)]
    store = lake_of_days(*days, values=lambda _: value)
    lost = "Values of 1 series are too large, or not finite. Their figures are incomplete."
    assert f"{NOVEMBER}: {lost}" in figures(store, first_month="2026-11").notes
    [row] = rows_of(store)
    assert row["mean"] is None
    assert (row["maximum"] == value) == (value == 1.7e308)
    assert row["trend_reason"] == "0 weeks are known, 13 are needed"
    plan = ReportPlan.from_arguments({"granularity": "1h"})
    [page] = render_report(store, plan, inventory=None, now=utc("2026-12-01"))
    assert lost in page.notes


def test_values_above_100_and_below_0_are_counted() -> None:
    """Such values count as they are, with a note."""
    store = lake_of_days(
        "2026-11-22", values=lambda moment: {0: 101.0, 1: -1.0, 2: -2.0}.get(moment.hour, 50.0)
    )
    assert figures(store).notes[-2:] == [
        f"{NOVEMBER}: 1 value is above 100, the full scale.",
        f"{NOVEMBER}: 2 values are below 0.",
    ]
    assert rows_of(store)[0]["maximum"] == 101.0
    assert rows_of(store)[0]["minimum"] == -2.0


# --- names


HOSTILE = ["<script>alert(1)</script>", "'; DROP TABLE x; --", '"', "🛰 é\nline", "a,b\\%_*?[x]", " "]


def test_hostile_names_stay_text() -> None:
    """Each of the six names comes back as it landed, also with a hostile operator code."""
    series = [Series(*(HOSTILE[at:] + HOSTILE[:at])) for at in range(6)]
    store = lake_of_days("2026-11-22", series=series, code="a/b '%\"=é 🛰")
    figures(store)
    assert {tuple(row[name] for name in Series._fields) for row in rows_of(store)} == set(series)
    assert {row["code_ope"] for row in rows_of(store)} == {"a/b '%\"=é 🛰"}


# --- granularities


def test_granularity_without_a_fixed_length_has_extremes_only() -> None:
    """Steps of a month can't be counted, so nothing is judged."""
    store, dataset = MemoryStore(), Dataset("0042", "1m")
    rows: list[Row] = [(circuit("a"), microseconds(D22.start), 5.0)]
    samples = collect([Answer(rows, [])], D22, Granularity("1m"), "0042", D22.end)
    land(lake_of(store, dataset=dataset), Target(D22, {}), samples)
    figures(store, granularity="1m")
    [row] = rows_of(store)
    assert (row["samples"], row["maximum"], row["minimum"]) == (1, 5.0, 5.0)
    assert (row["expected"], row["coverage"], row["percentile"], row["busy_hour"]) == (None, None, None, None)
    assert row["reason"] == "granularity 1m has no fixed length"


# --- objects


def test_other_granularity_is_a_note() -> None:
    """Granularities are never mixed."""
    store = lake_of_days("2026-11-22")
    land_window(store, D22, lambda _: 99.0, granularity="300s")
    note = "operator code 0042: The lake also has granularity 300s. Set granularity to read it."
    assert note in figures(store).notes
    assert [row["maximum"] for row in rows_of(store)] == [1.0]


@pytest.mark.contract("figure.objects")
def test_foreign_objects_are_left_out_with_a_note() -> None:
    """Objects of others, of another source or in the wrong place change no figure."""
    store = lake_of_days("2026-11-20", "2026-11-22", values=lambda _: 5.0)
    figures(store)
    expected = rows_of(store)
    path = land_window(MemoryStore(), D22)
    misplaced = DATASET.samples_path(day_of("2026-11-21"))
    store.objects[misplaced] = store.objects[path]
    store.objects[DATASET.samples_path(day_of("2026-11-24"))] = b"no parquet"
    other = {**SOURCE, "ctxtid": "other"}
    land_window(store, day_of("2026-11-19"), lambda _: 99.0, source=other)
    result = figures(store)
    assert rows_of(store) == expected
    [note] = [one for one in result.notes if "Foreign" in one]
    assert note.startswith(f"{NOVEMBER}: Foreign objects are left out: 3. For example memory://samples/")


def test_source_of_the_newest_object_counts() -> None:
    """If a lake has two sources, the objects of the source that landed last are read."""
    store = lake_of_days("2026-11-20")
    land_window(store, D22, lambda _: 7.0, source={**SOURCE, "ctxtid": "new"})
    figures(store)
    assert [row["maximum"] for row in rows_of(store)] == [7.0]


@pytest.mark.contract("figure.objects")
def test_longest_interval_wins() -> None:
    """Objects inside another one are leftovers of a killed run."""
    store = lake_of_days("2026-11-22")
    for start in (0, 5, 23):
        part = Window(D22.start + start * HOUR, D22.start + (start + 1) * HOUR)
        land_window(store, part, lambda _: 99.0, pulled_at=utc("2026-12-01"))
    figures(store)
    [row] = rows_of(store)
    assert (row["samples"], row["maximum"]) == (24, 1.0)


def test_objects_that_overlap_are_named() -> None:
    """Neither of two objects that overlap is right, so the month isn't computed."""
    store = lake_of_days("2026-10-22")
    for start, end in ((0, 10), (9, 24)):
        land_window(store, Window(D22.start + start * HOUR, D22.start + end * HOUR))
    with pytest.raises(EvplOverlapError, match=r"(?s)T000000Z-20261122T100000Z.*T090000Z-20261123"):
        figures(store, first_month="2026-11")
    assert not figure_paths(store)


def test_object_that_cannot_be_read_is_named() -> None:
    """A damaged object gives an error, and no figures."""
    store = lake_of_days("2026-11-22", "2026-11-23")
    path = next(path for path in store.objects if "20261122T" in path)
    store.objects[path] = damaged(store.objects[path])
    with pytest.raises(EvplError, match="20261122T000000Z-20261123T000000Z"):
        figures(store)
    assert not figure_paths(store)


# --- the inventory


def test_unknown_circuits_are_noted_and_change_nothing() -> None:
    """Circuits that only the lake has, or only the inventory has, are named once."""
    store = lake_of_days("2026-11-22", values=lambda _: 50.0)
    rates = Inventory({"b": (Period(row=1, committed_mbits=10.0, group="north", end="A"),)}, "digest")
    notes = figures(store, rates).notes
    assert [note for note in notes if "inventory" in note] == [
        f"{NOVEMBER}: Circuits in the lake, but not in the inventory: 1 (a).",
        "Circuits in the inventory, but not in the lake: 1 (b).",
    ]
    [row] = rows_of(store)
    assert (row["percentile"], row["percentile_mbits"], row["mbits_reason"]) == (
        50.0,
        None,
        "not in the inventory",
    )
    assert not rows_of(store, "group")


@pytest.mark.contract("figure.groups")
def test_circuits_that_sums_leave_out_are_noted() -> None:
    """A vanished circuit counts in its group. Others of the group may belong to another operator code."""
    store = lake_of_days("2026-10-01", series=[Series("b", "in", None, "A", None, None)])
    land_window(store, D22, lambda _: 50.0, series=[Series("a", "in", None, "A", None, None)])
    names = {"a": 60.0, "b": 40.0, "c": 1.0, "d": 1.0}
    rates = {
        name: Period(row=1, committed_mbits=rate, group="north", end="A") for name, rate in names.items()
    }
    rates["d"] = replace(rates["d"], group="south")
    inventory = Inventory({name: (period,) for name, period in rates.items()}, "digest")
    notes = figures(store, inventory, code_ope="0042", first_month="2026-11").notes
    ended = "If a circuit has ended, set its valid_to in the inventory."
    assert [note for note in notes if "groups" in note] == [
        f"{NOVEMBER}: Circuits of groups that have no samples any more: 1 (b). {ended}",
        f"{NOVEMBER}: Sums of groups leave out circuits that the operator code lacks: 1 (c).",
    ]
    row = rows_of(store, "group")[0]
    assert row["reason"] == "no step has 95 % of the committed rate"
    assert (row["committed_mbits"], row["coverage"], row["dropped_steps"]) == (100.0, 0.0, 22 * 24)


def test_group_without_an_end_has_no_figure() -> None:
    """Which end of a circuit counts is never guessed."""
    store = lake_of_days("2026-11-22", values=lambda _: 50.0)
    rates = Inventory({"a": (Period(row=1, committed_mbits=10.0, group="north"),)}, "digest")
    figures(store, rates)
    for row in rows_of(store, "group"):
        assert row["percentile_mbits"] is None
        assert str(row["reason"]).startswith("circuit a: ")
    assert len(rows_of(store, "group")) == 2
