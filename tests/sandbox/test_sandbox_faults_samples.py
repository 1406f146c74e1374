import json
from typing import Any

import pytest

from airflow_provider_evpl.sandbox.faults.samples import SAMPLE_FAULTS
from tests.support.sandbox import AFFECTED_ELEMENTS, AFFECTED_HOURS, HEALTHY, HOURS, Page, element, pages

RIGHT: Page = {"timeStamp": "2026-11-22T03:00:00.000Z", "value": "32.58"}


def _value(value: object) -> list[Any]:
    return [{**RIGHT, "value": value}]


def _time(text: object) -> list[Any]:
    return [{**RIGHT, "timeStamp": text}]


STANDS_IN: dict[str, list[Any]] = {
    "sample-repeated": [RIGHT, RIGHT],
    "sample-conflict": [RIGHT, *_value("100.01")],
    "sample-beside-null": [RIGHT, *_value(None)],
    "value-number": _value(32.58),
    "value-blanks": _value(" 32.58 "),
    "value-exponent": _value("3258e-2"),
    "value-null": _value(None),
    "value-empty": _value(""),
    "value-blank": _value(" "),
    "value-nan": _value("NaN"),
    "value-bare-nan": _value(float("nan")),
    "value-infinity": _value("Infinity"),
    "value-huge": _value("1e999"),
    "value-huge-number": _value(10**399),
    "value-not-available": _value("N/A"),
    "value-comma": _value("32,58"),
    "value-percent": _value("32.58 %"),
    "value-underscore": _value("1_32.58"),
    "value-other-digits": _value("\u0663\u0662.\u0665\u0668"),
    "value-negative": _value("-3.50"),
    "value-above-hundred": _value("250.00"),
    "value-true": _value(value=True),
    "value-list": _value(["32.58"]),
    "value-object": _value({"value": "32.58"}),
    "value-missing": [{"timeStamp": RIGHT["timeStamp"]}],
    "timestamp-offset": _time("2026-11-22T04:00:00.000+01:00"),
    "timestamp-nine-zeros": _time("2026-11-22T03:00:00.000000000Z"),
    "timestamp-nanosecond": _time("2026-11-22T03:00:00.000000001Z"),
    "timestamp-whole-second": _time("2026-11-22T03:00:00Z"),
    "timestamp-off-grid": _time("2026-11-22T03:00:17.000Z"),
    "timestamp-comma": _time("2026-11-22T03:00:00,000Z"),
    "timestamp-naive": _time("2026-11-22T03:00:00.000"),
    "timestamp-blank": _time("2026-11-22 03:00:00.000Z"),
    "timestamp-not-iso": _time("22/11/2026 03:00"),
    "timestamp-impossible": _time("2026-02-30T03:00:00.000Z"),
    "timestamp-number": _time(1_795_316_400),
    "timestamp-null": _time(None),
    "timestamp-missing": [{"value": "32.58"}],
    "sample-field-unknown": [{**RIGHT, "quality": "good"}],
    "sample-context": [{**RIGHT, "context": [{"key": "tier", "value": "gold"}]}],
    "sample-null": [None],
    "sample-text": ["{'timeStamp': '2026-11-22T03:00:00.000Z', 'value': '32.58'}"],
}


def test_the_table_above_has_each_fault_of_a_sample() -> None:
    """No fault of a sample is without its line above."""
    assert {fault.name for fault in SAMPLE_FAULTS} == set(STANDS_IN)


@pytest.mark.parametrize("name", STANDS_IN)
def test_a_fault_of_a_sample_changes_only_its_samples(name: str) -> None:
    """At its places something else stands, as written above; nothing else on any page is another."""
    size, rest = len(STANDS_IN[name]), []
    for page in pages(name):
        entries = []
        for entry in page["entries"]:
            samples = iter(entry["performanceValues"])
            is_affected = element(entry) in AFFECTED_ELEMENTS
            kept: list[Any] = []
            affected: list[Any] = []
            for hour in HOURS:
                taken = affected if is_affected and hour in AFFECTED_HOURS else kept
                taken += [next(samples) for _ in range(size if taken is affected else 1)]
            assert not list(samples)
            assert len(affected) == (size * len(AFFECTED_HOURS) if is_affected else 0)
            if element(entry) == 1:
                assert json.dumps(affected[:size]) == json.dumps(STANDS_IN[name])
            entries.append({**entry, "performanceValues": kept})
        rest.append({**page, "entries": entries})
    assert rest == [_unstruck(page) for page in HEALTHY]


def _unstruck(page: Page) -> Page:
    return {**page, "entries": [_without_struck(entry) for entry in page["entries"]]}


def _without_struck(entry: Page) -> Page:
    left_out = AFFECTED_HOURS if element(entry) in AFFECTED_ELEMENTS else ()
    samples = enumerate(entry["performanceValues"])
    return {**entry, "performanceValues": [sample for hour, sample in samples if hour not in left_out]}
