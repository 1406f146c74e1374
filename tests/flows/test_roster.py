"""The series that are expected by name, and those that an object lacks."""

import pytest

from airflow_provider_evpl.flows.findings import Outcome
from airflow_provider_evpl.models import Series
from tests.support.lake import (
    DAY,
    HOUR,
    MIDNIGHT,
    ONE_DAY,
    Answer,
    Row,
    collect,
    day,
    hours,
    kinds,
    lake_of,
    land,
    look,
    microseconds,
    outcomes,
    put,
    run,
)
from tests.support.stores import MemoryStore


@pytest.mark.contract("coverage.expected-series", "finding.absent")
def test_hours_without_a_series_are_found() -> None:
    """The first hours of a day lack circuits that later hours have."""
    store = MemoryStore()
    for hour in range(24):
        put(store, hours(hour, hour + 1), "a" if hour < 5 else "abc")
    coverage = look(store)
    assert (coverage.rows, coverage.values, coverage.expected) == (62, 62, 3 * 288)
    assert coverage.windows == [hours(hour, hour + 1) for hour in range(5)]
    assert coverage.messages[0].endswith(
        "absent: 2 series lack values: b in EVPL (0 of 12), c in EVPL (0 of 12)"
    )


@pytest.mark.contract("coverage.expected-series")
def test_objects_of_any_length_are_compared() -> None:
    """A day that lacks a circuit is found by objects of other lengths around it."""
    store = MemoryStore()
    put(store, hours(0, 1), "ab")
    put(store, hours(1, 24), "ab")
    put(store, day(1), "a")
    put(store, hours(48, 72), "ab")
    assert kinds(look(store, hours(0, 72))) == [("absent", day(1))]


@pytest.mark.contract("coverage.expected-series")
def test_new_series_does_not_replace_a_missing_one() -> None:
    """If one series ends and another begins on the same day, the first one is missing."""
    store = MemoryStore()
    for number, circuits in enumerate(["ab", "ac", "ab"]):
        put(store, day(number), circuits)
    coverage = look(store, hours(0, 72))
    assert kinds(coverage) == [("absent", day(1)), ("vanished", day(2))]
    assert coverage.messages[0].endswith("absent: 1 series lack values: b in EVPL (0 of 288)")
    assert coverage.messages[1].endswith("vanished: 1 series have no more samples: c in EVPL")


@pytest.mark.contract("coverage.expected-series")
def test_new_series_is_not_expected_on_earlier_days() -> None:
    """It is expected from its first UTC day on."""
    store = MemoryStore()
    put(store, day(0), "a")
    put(store, day(1), "ab")
    coverage = look(store, hours(0, 48))
    assert (kinds(coverage), coverage.expected) == ([], 3 * 288)


@pytest.mark.contract("coverage.give_up_after", "finding.vanished")
def test_vanished_series_is_pulled_for_its_first_day_only() -> None:
    """It is reported for `give_up_after`, and not expected after that."""
    store = MemoryStore()
    for number in range(6):
        put(store, day(number), "ab" if number < 2 else "a")
    coverage = look(store, hours(0, 6 * 24), give_up_after=3 * ONE_DAY, now=MIDNIGHT + 3 * ONE_DAY)
    assert outcomes(coverage) == [
        ("vanished", day(2), Outcome.RETURNED),
        ("vanished", day(3), Outcome.LATER_DAY),
        ("vanished", day(4), Outcome.LATER_DAY),
    ]
    assert coverage.windows == [day(2)]
    assert coverage.expected == (2 * 5 + 1) * 288
    for_ever = look(store, hours(0, 6 * 24))
    assert [one.window for one in for_ever.findings] == [day(number) for number in (2, 3, 4, 5)]
    assert for_ever.windows == [day(2)]


@pytest.mark.contract("coverage.one-finding")
def test_renamed_pop_is_reported() -> None:
    """The finding names the vanished series and the new one of the same circuit and metric."""
    store = MemoryStore()
    for number, pop in enumerate(["Paris", "Paris", "Lyon"]):
        one = day(number)
        series = Series("a", "in", "FR", pop, None, "EVPL")
        rows: list[Row] = [(series, microseconds(one.start + hour * HOUR), 1.0) for hour in range(24)]
        [target] = lake_of(store).targets([one])
        land(lake_of(store), target, collect([Answer(rows, [])], one))
    [told] = look(store, hours(0, 72)).messages
    assert "1 series have no more samples: a in FR Paris EVPL; " in told
    assert told.endswith("perhaps renamed: a in FR Paris EVPL to a in FR Lyon EVPL")


def test_pop_renamed_at_noon_is_reported_on_both_days() -> None:
    """On that day both series lack values, and the finding says that one may be the other."""
    store = MemoryStore()
    names = {
        number: Series("a", "in", "FR", pop, None, "EVPL") for number, pop in enumerate(["Paris", "Lyon"])
    }
    for number, switch in enumerate([24, 12, 0]):
        one = day(number)
        rows: list[Row] = [
            (names[hour >= switch], microseconds(one.start + hour * HOUR), 1.0) for hour in range(24)
        ]
        [target] = lake_of(store).targets([one])
        land(lake_of(store), target, collect([Answer(rows, [])], one))
    coverage = look(store, hours(0, 72))
    assert kinds(coverage) == [("absent", day(1)), ("vanished", day(2))]
    renamed = "perhaps renamed: a in FR Paris EVPL to a in FR Lyon EVPL"
    assert [renamed in message for message in coverage.messages] == [True, True]


@pytest.mark.contract("coverage.one-finding")
def test_finding_names_five_series() -> None:
    """A day on which all circuits are absent is one finding, in one short line."""
    store = MemoryStore()
    for number, circuits in enumerate(["abcdefghij", "a", "abcdefghij"]):
        put(store, day(number), circuits)
    [told] = look(store, hours(0, 72)).messages
    assert "9 series lack values: b in EVPL" in told
    assert told.endswith("f in EVPL (0 of 288) and 4 more")


def test_series_with_the_fewest_values_come_first() -> None:
    """Series with and without a PoP stand side by side; those without a sample are sorted by label."""
    store = MemoryStore()
    series = [Series("b", "in", None, None, None, None), Series("a", "in", "FR", "Paris", None, "EVPL")]
    series += [Series("a", "in", None, None, None, None), Series("c", "in", None, "Lyon", None, None)]
    for number, lengths in enumerate(((24, 24, 24, 24), (0, 0, 9, 3), (24, 24, 24, 24))):
        one = day(number)
        rows: list[Row] = [
            (name, microseconds(one.start + hour * HOUR), 1.0)
            for name, length in zip(series, lengths, strict=True)
            for hour in range(length)
        ]
        [target] = lake_of(store).targets([one])
        land(lake_of(store), target, collect([Answer(rows, [])], one))
    [message] = look(store, hours(0, 72)).messages
    few = "a in FR Paris EVPL (0 of 288), b in (0 of 288), c in Lyon (3 of 288), a in (9 of 288)"
    assert message.endswith(f"absent: 4 series lack values: {few}")


@pytest.mark.contract("finding.null")
def test_day_of_nulls_is_a_null_finding() -> None:
    """A sample without a value is observed, but is no value."""
    store = MemoryStore()
    run(store, DAY, value=None)
    coverage = look(store)
    assert kinds(coverage) == [("null", DAY)]
    assert (coverage.observed, coverage.values) == (48, 0)
    assert coverage.messages[0].endswith(
        "samples without a value: 2 series lack values: a in EVPL (0 of 288), b in EVPL (0 of 288)"
    )
