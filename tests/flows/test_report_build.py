"""What the page shows, against the figures table and plain computations from the samples."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from airflow_provider_evpl.errors import EvplNotPublishedError
from airflow_provider_evpl.flows.figures.figures import compute_month
from airflow_provider_evpl.flows.figures.inventory import read_inventory
from airflow_provider_evpl.flows.report.model import End, Group, Move, SeriesFigures, Since
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.months import parse_month
from airflow_provider_evpl.window import DAY, Granularity, Window, floor
from tests.support.lake import with_footer
from tests.support.report import LINES, NOW, days, land_slices, model_of, plan_of
from tests.support.stores import MemoryStore

HOUR = timedelta(hours=1)
NOVEMBER = days("2026-11-01", "2026-11-30")
OCTOBER = days("2026-10-01", "2026-10-31")


def wave(series: Series, moment: datetime) -> float | None:
    """A value that differs by series and moment; null on some hours."""
    number = LINES.index(series)
    if (moment.hour + number) % 11 == 0:
        return None
    return round(50 + 5 * number + 10 * math.sin(moment.timestamp() / 20_000 + number), 3)


def lake_of(*slices: Window, value: Callable[[Series, datetime], float | None] = wave) -> MemoryStore:
    """A lake of the operator code 0042."""
    store = MemoryStore()
    land_slices(store, slices, value)
    return store


def level(before: float, after: float) -> Callable[[Series, datetime], float]:
    """A value that all series have in October, and another one in November."""
    return lambda _, moment: before if moment.month == 10 else after


@pytest.mark.contract("report.reads")
def test_figures_are_those_of_the_figures_table() -> None:
    """Each series, end and group, by the names of the columns."""
    store = lake_of(*NOVEMBER)
    text = b"object_instance_id,committed_mbits,end,group,label\na,10,PAR,north,Line a\nb,20,,,Line b\n"
    inventory = read_inventory(text, "inventory.csv", ZoneInfo("UTC"))
    model = model_of(store, inventory=inventory)
    table = compute_month(store, plan_of(), parse_month("2026-11"), "0042", inventory=inventory).table
    rows = table.to_pylist()
    shown: dict[str, Sequence[End | Group | SeriesFigures]]
    shown = {"end": model.ends, "group": model.groups, "series": model.series}
    assert {kind: len(found) for kind, found in shown.items()} == {"end": 4, "group": 2, "series": 8}
    for kind, found in shown.items():
        for one, row in zip(found, [row for row in rows if row["kind"] == kind], strict=True):
            figures = asdict(one.figures)
            trend = figures.pop("trend")
            del figures["above_since"]
            assert figures == {name: row[name] for name in figures}
            assert trend["reason"] == row["trend_reason"]
            assert trend["per_week"] == row["trend_per_week"]
    assert [(one.circuit, one.pop_name, one.group, one.label) for one in model.ends] == [
        ("a", "LYS", "north", "Line a"),
        ("a", "PAR", "north", "Line a"),
        ("b", "LYS", None, "Line b"),
        ("b", "PAR", None, "Line b"),
    ]
    assert [(one.name, one.direction, one.circuits) for one in model.groups] == [
        ("north", "in", 1),
        ("north", "out", 1),
    ]
    for one, row in zip(model.groups, [row for row in rows if row["kind"] == "group"], strict=True):
        steps = (row["full_steps"], row["partial_steps"], row["dropped_steps"])
        assert (one.full, one.partial, one.dropped) == steps
    assert model.has_inventory


def test_ends_know_their_series() -> None:
    """Also behind another operator code."""
    store = lake_of(*NOVEMBER[:2])
    land_slices(store, NOVEMBER[:2], code="7", series=LINES[:2])
    model = model_of(store, "7", "0042")
    assert [(one.code_ope, one.series) for one in model.ends] == [
        ("7", (0,)),
        ("7", (1,)),
        ("0042", (2, 4)),
        ("0042", (3, 5)),
        ("0042", (6, 8)),
        ("0042", (7, 9)),
    ]
    for end in model.ends:
        found = [model.series[index].figures.percentile for index in end.series]
        assert end.percentile_in == found[0]
    assert [one.code_ope for one in model.calendar] == ["7", "0042"]
    assert model.hours.maxima.shape == (10, 720)
    assert model.headline.circuits == 3


@pytest.mark.parametrize(
    ("zone", "month", "granularity"),
    [
        ("UTC", "2026-11", "1h"),
        ("Europe/Paris", "2026-10", "1h"),
        ("Europe/Paris", "2026-03", "900s"),
        ("Asia/Kolkata", "2026-11", "900s"),
        ("Australia/Lord_Howe", "2026-10", "1800s"),
        ("UTC", "2026-11", "6h"),
        ("Europe/Paris", "2026-11", "1d"),
    ],
)
def test_values_over_time_are_those_of_the_samples(zone: str, month: str, granularity: str) -> None:
    """Maxima of each hour from the beginning of the month; means of each local weekday and hour."""
    store = MemoryStore()
    window = parse_month(month).window(ZoneInfo(zone))
    whole = Window(floor(window.start, DAY), floor(window.end, DAY) + DAY).slices(DAY)
    slices = [day for number, day in enumerate(whole) if number not in {8, 9, 17}]
    land_slices(store, slices, wave, series=LINES[:3], granularity=granularity)
    hours = model_of(store, plan=plan_of(month, time_zone=zone, granularity=granularity)).hours
    step = max(HOUR, Granularity(granularity).step or DAY)
    maxima = np.full((3, math.ceil(window.length / step)), np.nan)
    cells = defaultdict[tuple[int, int, int], list[float]](list)
    for day in slices:
        moment = day.start
        while moment < day.end:
            for number, series in enumerate(LINES[:3]):
                value = wave(series, moment)
                if window.start <= moment < window.end and value is not None:
                    at = number, (moment - window.start) // step
                    maxima[at] = np.fmax(maxima[at], value)
                    local = moment.astimezone(ZoneInfo(zone))
                    cells[number, local.weekday(), local.hour].append(value)
            moment += Granularity(granularity).step or DAY
    assert (hours.start, hours.step_seconds) == (window.start, step.total_seconds())
    np.testing.assert_array_equal(hours.maxima, maxima)
    if step > HOUR:
        assert hours.means is None
        return
    means = np.full((3, 7, 24), np.nan)
    for cell, values in cells.items():
        means[cell] = math.fsum(values) / len(values)
    assert hours.means is not None
    np.testing.assert_allclose(hours.means, means, rtol=1e-12)


def test_granularity_without_a_fixed_length_has_one_bucket() -> None:
    """No series is judged, and there is no heat map."""
    store = MemoryStore()
    land_slices(store, NOVEMBER[:2], lambda _, moment: moment.day, granularity="1m")
    model = model_of(store, plan=plan_of(granularity="1m"))
    np.testing.assert_array_equal(model.hours.maxima, [[2.0]] * 8)
    assert (model.hours.step_seconds, model.hours.means) == (30 * 86_400, None)
    assert (model.headline.not_judged, model.headline.coverage) == (8, None)


@pytest.mark.parametrize(
    ("before", "after", "listed"),
    [
        (50.0, 70.0, "moves"),
        (70.0, 70.1, "above_warning"),
        (70.0, 90.1, "above_critical"),
        (90.0, 90.1, "above_critical"),
        (90.1, 90.0, "below_critical"),
        (90.1, 70.0, "below_warning"),
        (70.1, 70.0, "below_warning"),
        (20.0, 25.0, "moves"),
        (25.0, 20.0, "moves"),
        (20.0, 24.9, None),
        (95.0, 99.9, None),
    ],
)
def test_series_that_crosses_a_threshold_is_in_one_list(
    before: float, after: float, listed: str | None
) -> None:
    """Equal to a threshold is not above it. A large move is 5 % of the full scale."""
    changes = model_of(lake_of(*OCTOBER, *NOVEMBER[:3], value=level(before, after))).changes
    moves = tuple(Move(index, before, after) for index in range(8))
    lists = ("above_critical", "above_warning", "below_critical", "below_warning", "moves")
    assert {name: getattr(changes, name) for name in lists} == {
        name: moves if name == listed else () for name in lists
    }
    assert (changes.month, changes.reason, changes.new, changes.gone) == ("2026-10", None, (), ())


def test_largest_move_is_first_and_ten_are_listed() -> None:
    """Moves across a threshold are all listed."""
    series = [Series(f"{number:02}", "in", None, None, None, None) for number in range(20)]
    store = MemoryStore()

    def value(one: Series, moment: datetime) -> float:
        return 5.0 if moment.month == 10 else 20.0 + int(one.object_instance_id)

    land_slices(store, [*OCTOBER, *NOVEMBER[:1]], value, series=series)
    moves = model_of(store).changes.moves
    assert [one.after for one in moves] == [float(after) for after in range(39, 29, -1)]


def test_series_are_new_or_gone() -> None:
    """A series that is expected but has no sample is gone, too."""
    store = MemoryStore()
    land_slices(store, OCTOBER, series=LINES[:6])
    land_slices(store, NOVEMBER[:2], series=LINES[2:])
    changes = model_of(store).changes
    model = model_of(store)
    assert len(model.series) == 8
    assert changes.new == (6, 7)
    assert changes.gone == LINES[:2]


def test_full_series_has_the_week_since_which_it_is_full() -> None:
    """The run of weeks above the threshold that the month is above; a week without values is skipped."""
    store = MemoryStore()
    september = days("2026-09-28", "2026-10-25")
    changed = {
        LINES[0]: (date(2026, 10, 12), 50.0, 95.0),
        LINES[2]: (date(2026, 10, 19), 75.0, 95.0),
        LINES[4]: (date(2026, 10, 5), 60.0, 75.0),
        LINES[6]: (date(2026, 11, 30), 95.0, 10.0),
        LINES[7]: (date(2026, 9, 1), 10.0, 10.0),
    }

    def value(series: Series, moment: datetime) -> float:
        first, before, after = changed.get(series, changed[LINES[0]])
        return after if moment.date() >= first else before

    land_slices(store, [*september, *days("2026-11-02", "2026-11-30")], value, series=changed)
    model = model_of(store, plan=plan_of(min_coverage="0.8"))
    assert [one.figures.above_since for one in model.series] == [
        Since(date(2026, 10, 12), or_earlier=False),
        Since(date(2026, 10, 19), or_earlier=False),
        Since(date(2026, 10, 5), or_earlier=False),
        Since(date(2026, 9, 28), or_earlier=True),
        None,
    ]


def test_end_is_full_since_its_busier_direction_is() -> None:
    """The other direction is full for a longer time."""
    store = MemoryStore()

    def value(series: Series, moment: datetime) -> float:
        return 91.0 if series.metric_name == "utilIn" else 10.0 if moment.day < 9 else 95.0

    land_slices(store, NOVEMBER, value, series=LINES[:3])
    ends = model_of(store).ends
    assert [(one.direction, one.figures.above_since) for one in ends] == [
        ("out", Since(date(2026, 11, 9), or_earlier=False)),
        (None, None),
    ]


def test_first_month_has_nothing_to_compare() -> None:
    """An operator code without most of the previous month is not compared; the others are."""
    store = lake_of(*OCTOBER[-2:], *NOVEMBER[:2])
    reason = "Less than 90 % of 2026-10 has landed, so no changes are shown."
    assert model_of(store).changes.reason == reason
    land_slices(store, [*OCTOBER, *NOVEMBER[:1]], level(5.0, 80.0), code="7", series=LINES[:1])
    changes = model_of(store, "0042", "7").changes
    assert changes.reason is None
    assert changes.above_warning == (Move(8, 5.0, 80.0),)
    assert changes.new == ()


def test_series_that_is_not_judged_is_not_compared() -> None:
    """Neither in this month nor in the previous one."""
    store = lake_of(*OCTOBER, *NOVEMBER[:10:2], value=level(20.0, 80.0))
    model = model_of(store)
    assert model.headline.not_judged == 8
    assert (model.changes.above_warning, model.changes.new, model.changes.gone) == ((), (), ())


def test_headline_sums_up_all_series() -> None:
    """`above_warning` counts the series above critical, too."""
    store = MemoryStore()
    values = dict(zip(LINES, (70.0, 70.5, 90.0, 90.5, 10.0, None, 95.0, 1.0), strict=True))
    land_slices(store, NOVEMBER[:2], lambda series, _: values[series])
    headline = model_of(store).headline
    assert (headline.circuits, headline.ends, headline.series) == (2, 4, 8)
    assert (headline.samples, headline.expected) == (8 * 48, 8 * 48)
    assert headline.coverage == pytest.approx(7 / 8)
    assert (headline.above_warning, headline.above_critical, headline.not_judged) == (4, 2, 1)
    end = NOVEMBER[1].end
    assert (headline.newest_sample, headline.pulled_at) == (end - HOUR, end)


def test_calendar_shows_what_has_landed() -> None:
    """A missing day, a part of a day, a foreign object, rejected samples, and a day that is not over."""
    store = lake_of(*NOVEMBER[:2], Window(NOVEMBER[2].start, NOVEMBER[2].start + 6 * HOUR))
    land_slices(store, [NOVEMBER[3]], wave, rejections=3)
    path = next(path for path in store.objects if "date=2026-11-02" in path)
    store.objects[path] = with_footer(store.objects[path], source="{}")
    model = model_of(store, now=NOVEMBER[5].start + HOUR)
    days = model.calendar[0].days
    assert [one.day.day for one in days] == [*range(1, 31)]
    assert [one.covered for one in days[:7]] == [86_400, 0, 21_600, 86_400, 0, 0, 0]
    assert {one.seconds for one in days} == {86_400}
    assert [one.is_due for one in days[:7]] == [True] * 5 + [False] * 2
    assert [one.rejected for one in days[2:5]] == [0, 3, 0]
    assert [one.foreign for one in days[:3]] == [0, 1, 0]
    assert model.notes[:2] == (
        "Slices are missing on 3 of 5 days: 2026-11-02 to 2026-11-03, 2026-11-05.",
        "The newest slice ends at 2026-11-05T00:00:00Z. All figures end there.",
    )


def test_complete_month_has_no_note() -> None:
    """Nothing is missing and nothing is doubtful."""
    assert model_of(lake_of(*OCTOBER, *NOVEMBER)).notes == ()


def test_figures_end_before_the_month_only_if_nothing_landed_later() -> None:
    """A last day without slices is a gap like others, if the next month has slices."""
    store = lake_of(*OCTOBER, *NOVEMBER[:-1])
    gap = "Slices are missing on 1 of 30 days: 2026-11-30."
    assert model_of(store).notes == (
        gap,
        "The newest slice ends at 2026-11-30T00:00:00Z. All figures end there.",
    )
    land_slices(store, days("2026-12-01", "2026-12-01"))
    assert model_of(store).notes == (gap,)


def test_code_without_samples_is_shown_as_missing() -> None:
    """If the code is named, it is an error."""
    store = lake_of(*NOVEMBER)
    land_slices(store, OCTOBER, code="7", series=LINES[:2])
    model = model_of(store, "0042", "7")
    assert [one.covered for one in model.calendar[1].days] == [0] * 30
    assert model.changes.gone == LINES[:2]
    assert model.notes == (
        "Operator code 7: Slices are missing on 30 of 30 days: 2026-11-01 to 2026-11-30.",
        "Operator code 7: No sample has landed.",
    )
    with pytest.raises(EvplNotPublishedError, match="2026-11"):
        model_of(store, "7", plan=plan_of(code_ope="7"))


@pytest.mark.parametrize(("codes", "notes"), [(None, 2), ("0042", 1)])
def test_circuits_are_compared_with_the_inventory(codes: str | None, notes: int) -> None:
    """Other circuits of the inventory are unknown only if the page has all operator codes."""
    store = lake_of(*NOVEMBER)
    text = b"object_instance_id,committed_mbits\na,10\nz,10\n"
    inventory = read_inventory(text, "inventory.csv", ZoneInfo("UTC"))
    model = model_of(store, plan=plan_of(code_ope=codes), inventory=inventory)
    assert len([note for note in model.notes if "inventory" in note]) == notes
    assert any("not in the inventory: 1 (b)" in note for note in model.notes)


def test_page_names_its_lake_and_terms() -> None:
    """As the plan has them."""
    model = model_of(lake_of(*NOVEMBER[:1]), plan=plan_of(time_zone="Europe/Paris", full_scale="1"))
    assert (model.month, model.granularity, model.time_zone) == ("2026-11", "1h", "Europe/Paris")
    assert (model.root, model.created_at, model.has_inventory) == ("memory://", NOW, False)
    assert (model.thresholds.warning, model.thresholds.full_scale) == (70.0, 1.0)
