"""Samples, made by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import settings

from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.lake.samples import SampleCollector, Samples
from airflow_provider_evpl.models import Entry, Page, Rejection, Series
from airflow_provider_evpl.window import EPOCH, Granularity, Window

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
PULLED_AT = MIDNIGHT + timedelta(days=2)
"""When a slice is pulled, if a test doesn't say."""

FIVE_MINUTES = Granularity("300s")

fewer = settings(max_examples=60)
"""For a law that takes its time."""

Row = tuple[Series, int, float | None]
"""Series, microseconds since the epoch, value."""


class Answer(NamedTuple):
    """What is on a page."""

    rows: list[Row]
    rejections: list[Rejection]


def hours(start: int, end: int) -> Window:
    """Hours of the day that starts at MIDNIGHT."""
    return Window(MIDNIGHT + start * HOUR, MIDNIGHT + end * HOUR)


def microseconds(moment: datetime) -> int:
    """Since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def circuit(name: str) -> Series:
    """A series by its circuit."""
    return Series(name, "in", None, None, None, "EVPL")


def rejection(
    raw: str = '{"value": true}', *, entry: int = 0, sample: int | None = 0, samples: int = 1
) -> Rejection:
    """A sample that could not be read."""
    return Rejection("value is neither number, text nor null", entry, sample, samples, raw)


def page(answer: Answer) -> Page:
    """As the decoder gives it: an entry a sample, and an entry a rejected entry."""
    return Page(
        current_page=None,
        total_pages=None,
        has_next=False,
        entry_count=len(answer.rows) + sum(one.sample is None for one in answer.rejections),
        entries=[Entry(series, [timestamp], pack([value])) for series, timestamp, value in answer.rows],
        rejections=answer.rejections,
    )


def collect(
    answers: Iterable[Answer],
    window: Window,
    granularity: Granularity = FIVE_MINUTES,
    code_ope: str = "0042",
    pulled_at: datetime = PULLED_AT,
) -> Samples:
    """Collect pages."""
    collector = SampleCollector(window, code_ope=code_ope, granularity=granularity, pulled_at=pulled_at)
    for answer in answers:
        collector.add(page(answer))
    return collector.finish()


def hourly(
    window: Window,
    value: float | None = 1.0,
    *,
    circuits: Iterable[str] = "ab",
    rejections: int = 0,
    pulled_at: datetime = PULLED_AT,
) -> Samples:
    """Collect a sample an hour and circuit, all of one value."""
    start, end = (int((bound - MIDNIGHT) / HOUR) for bound in (window.start, window.end))
    moments = [microseconds(MIDNIGHT + hour * HOUR) for hour in range(start, end)]
    rows = [(circuit(name), moment, value) for name in circuits for moment in moments]
    return collect([Answer(rows, [rejection()] * rejections)], window, pulled_at=pulled_at)
