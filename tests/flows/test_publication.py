"""Counts published series, and polls for a window, with an API in memory."""

import logging
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.api.client import Query
from airflow_provider_evpl.config.plans import WaitPlan
from airflow_provider_evpl.errors import EvplConfigError, EvplPagingError, EvplResponseError
from airflow_provider_evpl.flows.publication import Watch, count_published
from airflow_provider_evpl.flows.pull import pull_slice
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.support.api import answer, report, scripted
from tests.support.fake_api import HOUR, MIDNIGHT, FakeApi, Sample, grid

FIVE_MINUTES = Granularity("300s")
WINDOW = Window(MIDNIGHT, MIDNIGHT + DAY)
LAST = WINDOW.end - timedelta(minutes=5)
PLAN = WaitPlan(
    code_ope="0042",
    window=WINDOW,
    granularity=FIVE_MINUTES,
    min_series=2,
    due=WINDOW.end + HOUR,
)

samples = st.lists(
    st.builds(
        Sample,
        st.sampled_from("abcde"),
        st.integers(-3, 12).map(lambda n: MIDNIGHT + n * timedelta(minutes=10)),
        st.sampled_from(["1.5", 2, None, "", "n/a", True]),
    ),
    max_size=30,
)


@dataclass
class AskedApi(FakeApi):
    """Remembers the requested windows; a generous one answers with more than was requested."""

    asked: list[Window] = field(default_factory=list)
    is_generous: bool = False

    def _entries(self, start: datetime, end: datetime) -> list[dict[str, object]]:
        self.asked.append(Window(start, end))
        return super()._entries(start - DAY, end + DAY) if self.is_generous else super()._entries(start, end)


def count(
    api: FakeApi, window: Window = WINDOW, granularity: Granularity = FIVE_MINUTES, enough: int = 1000
) -> int:
    """Count once, without waits."""
    with api.client(requests_per_second=1000.0) as client:
        return count_published(client, code_ope="0042", granularity=granularity, window=window, enough=enough)


def clock(*hours: float) -> Iterator[datetime]:
    """Return these times, in hours after the window's end."""
    return (WINDOW.end + one * HOUR for one in hours)


@given(
    samples, st.booleans(), st.integers(1, 4), st.sampled_from(["600s", "1200s", "1h"]), st.integers(1, 12)
)
def test_count_equals_the_series_that_a_pull_lands_in_the_last_step(
    data: list[Sample],
    is_generous: bool,  # noqa: FBT001 one of what hypothesis gives
    page_size: int,
    step: str,
    length: int,
) -> None:
    """It is the number of series with a row in the last step, whatever the API sends."""
    api = AskedApi(data, page_size=page_size, is_generous=is_generous)
    granularity = Granularity(step)
    window = Window(MIDNIGHT, MIDNIGHT + length * timedelta(minutes=10))
    last = granularity.last_step_in(window)
    with api.client(requests_per_second=1000.0) as client:
        table = pull_slice(
            client, Query(code_ope="0042", granularity=granularity, window=window)
        ).rows.table()
    landed = {row["object_instance_id"] for row in table.to_pylist() if row["timestamp"] >= last}
    assert count(api, window, granularity) == len(landed)


@pytest.mark.contract("sensor.last-step")
@pytest.mark.parametrize(
    ("granularity", "end", "start"),
    [
        ("300s", WINDOW.end, LAST),
        ("h", WINDOW.end, WINDOW.end - HOUR),
        ("1d", WINDOW.end, MIDNIGHT),
        ("500ms", WINDOW.end, WINDOW.end - timedelta(seconds=1)),
    ],
)
def test_request_covers_the_last_step_only(granularity: str, end: datetime, start: datetime) -> None:
    """It begins at the last multiple of the step since the epoch, in whole seconds."""
    api = AskedApi()
    assert count(api, Window(MIDNIGHT, end), Granularity(granularity)) == 0
    assert api.asked == [Window(start, end)]


def test_sample_without_a_value_counts() -> None:
    """A null is a row in the lake, so its series is published."""
    assert count(FakeApi([Sample("a", LAST, None), Sample("b", LAST, "")])) == 2


def test_unreadable_sample_is_logged_and_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The log says how many samples are unreadable, and why."""
    assert count(FakeApi([Sample("a", LAST, "n/a"), Sample("b", LAST, "1")])) == 1
    assert "1 samples can't be read and don't count, the first: value is no number" in caplog.text


def test_unreadable_samples_are_not_kept_in_memory(caplog: pytest.LogCaptureFixture) -> None:
    """Memory holds one page, however many unreadable samples there are."""
    pages: list[dict[str, object]] = [{"junk": f"{number}" + "x" * (1 << 20)} for number in range(20)]

    class Broken(FakeApi):
        """Each page has a megabyte that is no entry."""

        def _entries(self, start: datetime, end: datetime) -> list[dict[str, object]]:  # noqa: ARG002 all are alike
            return list(pages)

    api = Broken(page_size=1)
    tracemalloc.start()
    try:
        assert count(api) == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20
    assert "20 samples can't be read and don't count" in caplog.text


@pytest.mark.parametrize("granularity", ["1m", "y", "1w"])
def test_window_without_a_last_step_is_an_error(granularity: str) -> None:
    """A step without a fixed length, or one that doesn't begin in the window, sends no request."""
    api = AskedApi()
    with pytest.raises(EvplConfigError, match=r"^granularity: .*1[myw]"):
        count(api, Window(MIDNIGHT, MIDNIGHT + HOUR), Granularity(granularity))
    assert api.asked == []


def test_pages_that_do_not_add_up_are_an_error() -> None:
    """The error names the setting to check; a report that is cut short never gives a smaller number."""
    api = FakeApi([Sample(name, LAST, "1") for name in "abcde"], changes={2: {"totalPages": 9}})
    with pytest.raises(EvplPagingError, match=r"^report of 2026-11-20T23:55.*\n.*set pagination to page"):
        count(api)


def test_pages_of_any_length_are_counted() -> None:
    """Pages are requested one by one, so their lengths may differ."""
    api = FakeApi([Sample(name, LAST, "1") for name in "abcdefg"], page_sizes=(2, 1, 3))
    assert count(api) == 7
    assert api.indices == [1, 3, 4, 7]


@pytest.mark.contract("sensor.last-step")
@pytest.mark.parametrize(("enough", "seen", "indices"), [(3, 4, [1, 3]), (4, 4, [1, 3]), (5, 6, [1, 3, 5])])
def test_count_stops_at_the_page_with_enough_series(enough: int, seen: int, indices: list[int]) -> None:
    """Later pages are not requested."""
    api = FakeApi([Sample(name, LAST, "1") for name in "abcdefg"], page_size=2)
    assert count(api, enough=enough) == seen
    assert api.indices == indices


def test_poll_before_the_due_time_sends_no_request() -> None:
    """The first request is sent when the window has settled."""
    api = FakeApi([*grid("a", LAST, 1), *grid("b", LAST, 1)])
    times = clock(-1, 0.999, 1)
    watch = Watch(PLAN, clock=lambda: next(times))
    with api.client() as client:
        assert [watch.poll(client), watch.poll(client)] == [False, False]
        assert api.indices == []
        assert "nothing seen yet (requests begin at 2026-11-21T01:00:00Z)" in str(watch)
        assert watch.series is None
        seen = watch.poll(client)
    assert (seen, api.indices) == (True, [1])
    assert watch.series == 2


def test_window_is_published_with_min_series() -> None:
    """The text says how many series of how many have their last sample."""
    api = FakeApi(grid("a", MIDNIGHT, 288))
    watch = Watch(replace(PLAN, due=WINDOW.end), clock=lambda: WINDOW.end)
    with api.client() as client:
        assert not watch.poll(client)
        assert str(watch) == "window 2026-11-20: 1 of 2 series have their last sample"
        for name in "bc":
            api.samples += grid(name, MIDNIGHT, 288)
            assert watch.poll(client)
    assert str(watch).endswith("3 of 2 series have their last sample")


def test_temporary_error_counts_as_not_published(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged on one line, beside what the last successful poll saw."""
    caplog.set_level(logging.INFO)
    api = FakeApi(grid("a", LAST, 1))
    watch = Watch(PLAN, clock=lambda: PLAN.due)
    with api.client() as client:
        assert not watch.poll(client)
        api.changes = {1: {"totalPages": 9}}
        assert not watch.poll(client)
        assert "1 of 2 series have their last sample; the last poll failed: report of" in str(watch)
        assert str(watch).isprintable()
        assert watch.series is None
        api.changes = {}
        api.samples += grid("b", LAST, 1)
        assert watch.poll(client)
    assert str(watch).endswith("2 of 2 series have their last sample")
    levels = [record.levelname for record in caplog.records if record.message.startswith("window")]
    assert levels == ["INFO", "WARNING", "INFO"]


@pytest.mark.contract("sensor.retry-after")
@pytest.mark.parametrize(("seconds", "waits"), [(3600, HOUR), (10**9, DAY)])
def test_poll_before_a_retry_after_sends_no_request(seconds: int, waits: timedelta) -> None:
    """The wait of a `Retry-After` is kept, for a day at most."""
    now = [PLAN.due]
    limit = answer(429, json={"code": 53}, headers={"Retry-After": str(seconds)})
    with scripted([limit, answer(json=report())], max_retry_seconds=0) as api:
        watch = Watch(PLAN, clock=lambda: now[0])
        for asked, at in ((1, 0 * HOUR), (1, waits - timedelta(seconds=1)), (2, waits)):
            now[0] = PLAN.due + at
            assert not watch.poll(api.client)
            assert api.reports.call_count == asked
            assert watch.due == PLAN.due + waits
            assert watch.has_failed == (asked == 1)


def test_permanent_error_is_raised() -> None:
    """A permanent error ends the wait."""
    api = FakeApi(changes={1: {"entries": None}})
    with api.client() as client, pytest.raises(EvplResponseError):
        Watch(PLAN, clock=lambda: PLAN.due).poll(client)
