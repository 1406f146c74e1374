"""A pull from the API to the lake, without Airflow."""

import json
import logging
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import (
    EvplNotPublishedError,
    EvplPagingError,
)
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.support.fake_api import A_DAY, HOUR, HOURS, MIDNIGHT, FakeApi, Sample, grid, run
from tests.support.faults_pulls import rows_of
from tests.support.lake import damaged
from tests.support.lake_files import intervals, objects, rows

if TYPE_CHECKING:
    from airflow_provider_evpl.flows.progress import Progress


@pytest.mark.contract("column.timestamp", "gap.A10")
def test_every_sample_of_the_sandbox_lands_once(tmp_path: Path) -> None:
    """Over real HTTP the lake holds the sandbox's truth; a second run changes nothing."""
    config = SandboxConfig(circuits=3, page_size=5)
    window = Window(MIDNIGHT, MIDNIGHT + 2 * DAY)
    start, end = (int(bound.timestamp()) for bound in (window.start, window.end))
    network = Network(circuits=3, granularity_seconds=300, seed=config.seed)
    truth = Counter(tuple(row) for row in network.truth(start=start, end=end))
    assert len(truth) == truth.total() == 3 * 2 * 2 * 2 * 288
    with SandboxServer(config) as sandbox:
        connection = sandbox.connection()
        settings = Settings.from_connection(
            login=connection["login"],
            password=connection["password"],
            host=connection["host"],
            extra={**connection["extra"], "requests_per_second": "1000"},
        )
        for _ in range(2):
            with Client(settings) as client:
                plan = replace(A_DAY, window=window)
                summary = pull(client, LocalStore(str(tmp_path)), plan, provenance={}).as_dict()
            assert rows_of(tmp_path) == truth
            assert len(intervals(tmp_path)) == len(objects(tmp_path)) == 2
            assert (summary["rows"], summary["pages"], summary["retries"]) == (truth.total(), 6, 0)


@pytest.mark.contract("result.small", "result.code_ope", "result.null_values", "result.slice_count")
def test_summary_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    """The result is small JSON that accounts for every sample."""
    api = FakeApi([*grid("a", MIDNIGHT, 12), *grid("a", MIDNIGHT, 1), *grid("b", MIDNIGHT, 2, value=None)])
    summary = run(api, tmp_path).as_dict()
    path = objects(tmp_path)[0]
    assert json.loads(json.dumps(summary)) == {
        "code_ope": "0042",
        "granularity": "300s",
        "window_start": "2026-11-20T00:00:00Z",
        "window_end": "2026-11-21T00:00:00Z",
        "pages": 1,
        "received": 15,
        "rows": 14,
        "duplicates": 1,
        "out_of_window": 0,
        "rejected": 0,
        "conflicts": 0,
        "null_values": 2,
        "series": 2,
        "expected": 2 * 288,
        "observed": 14,
        "values": 12,
        "requests": 1,
        "retries": 0,
        "bytes": (tmp_path / path).stat().st_size,
        "seconds": summary["seconds"],
        "revisions": {"added": 0, "changed": 0, "gone": 0, "late_seconds": None},
        "slice_count": 1,
        "slices": [
            {
                "start": "2026-11-20T00:00:00Z",
                "end": "2026-11-21T00:00:00Z",
                "path": f"file://{tmp_path}/{path}",
                "rows": 14,
                "bytes": (tmp_path / path).stat().st_size,
                "replaced": 0,
                "rejected_path": None,
            }
        ],
    }


@pytest.mark.contract("result.series", "result.observed", "result.bytes", "gap.A2")
def test_summary_sums_counts_over_the_slices(tmp_path: Path) -> None:
    """Steps are expected for the series of a slice and of the slice before; a series is counted once."""
    off_the_grid = Sample("a", MIDNIGHT + timedelta(minutes=7), "1")
    api = FakeApi([*grid("a", MIDNIGHT, 13), off_the_grid, *grid("b", MIDNIGHT + HOUR, 2)])
    told = run(api, tmp_path, HOURS).as_dict()
    assert [one["rows"] for one in told["slices"]] == [13, 3, 0]  # type: ignore[attr-defined]  # JSON
    assert (told["rows"], told["series"]) == (16, 2)
    assert told["expected"] == 12 * 1 + 12 * 2 + 12 * 2  # the empty hour should have what the one before has
    assert told["observed"] == 12 + 3
    assert told["bytes"] == sum((tmp_path / path).stat().st_size for path in objects(tmp_path))
    months = run(api, tmp_path, replace(HOURS, granularity=Granularity("1m"))).as_dict()
    assert (months["rows"], months["expected"], months["observed"]) == (16, None, None)


@pytest.mark.contract("result.small", "result.slice_count")
def test_summary_lists_the_first_and_last_50_slices(tmp_path: Path) -> None:
    """With more than 100 slices, `slice_count` still counts all."""
    five_minutes = timedelta(minutes=5)
    plan = replace(A_DAY, window=Window(MIDNIGHT, MIDNIGHT + 101 * five_minutes), slice_length=five_minutes)
    summary = run(FakeApi(grid("a", MIDNIGHT, 101)), tmp_path, plan, requests_per_second=1000.0).as_dict()
    listed = summary["slices"]
    assert isinstance(listed, list)
    assert (summary["slice_count"], len(listed), summary["rows"]) == (101, 100, 101)
    assert [listed[49]["start"], listed[50]["start"]] == ["2026-11-20T04:05:00Z", "2026-11-20T04:15:00Z"]


@pytest.mark.contract("result.revisions")
def test_second_run_reports_revisions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Revisions are late samples, how late they are, changed values, and samples that are gone."""
    run(FakeApi(grid("a", MIDNIGHT, 20)), tmp_path, HOURS)
    minutes = timedelta(minutes=5)
    late = [Sample("b", MIDNIGHT + 10 * minutes, "1"), *grid("a", MIDNIGHT + 20 * minutes, 4)]
    changed = [*grid("a", MIDNIGHT, 2, value=None), *grid("a", MIDNIGHT + 2 * minutes, 17), *late]
    caplog.set_level(logging.INFO)
    summary = Summary(plan=replace(HOURS, on_shrink="replace"), now=lambda: MIDNIGHT + DAY)
    with FakeApi(changed).client() as client:
        pull(client, LocalStore(str(tmp_path)), summary.plan, provenance={}, summary=summary)
    assert summary.as_dict()["revisions"] == {
        "added": 5,
        "changed": 2,
        "gone": 1,
        "late_seconds": 23 * 3600 + 600,
    }
    told = [record.getMessage() for record in caplog.records if "gone" in record.message]
    assert [message.partition(": ")[2] for message in told] == [
        "4 samples added, 0 changed, 1 gone",
        "1 samples added, 2 changed, 0 gone",
    ]


@pytest.mark.contract("result.revisions")
def test_damaged_object_makes_revisions_null(tmp_path: Path) -> None:
    """Its slice lands, but a sum without it would be wrong."""
    run(FakeApi(grid("a", MIDNIGHT, 20)), tmp_path)
    [path] = (tmp_path / one for one in objects(tmp_path))
    path.write_bytes(damaged(path.read_bytes()))
    summary = run(FakeApi(grid("a", MIDNIGHT, 20)), tmp_path)
    assert summary.as_dict()["revisions"] is None
    assert len(rows(tmp_path)) == 20


@pytest.mark.contract("assets.days_asset")
def test_summary_lists_landed_days_in_order(tmp_path: Path) -> None:
    """Three slices on two UTC days give two days, whatever the zone of the machine."""
    plan = replace(HOURS, window=Window(MIDNIGHT - HOUR, MIDNIGHT + 2 * HOUR))
    assert run(FakeApi(grid("a", MIDNIGHT, 24)), tmp_path, plan).dates == ["2026-11-19", "2026-11-20"]


@pytest.mark.contract("pull.allow_empty", "failing.not-published-yet")
def test_unpublished_window_lands_nothing(tmp_path: Path) -> None:
    """A window without a sample is a temporary error, and the lake stays as it was."""
    with pytest.raises(EvplNotPublishedError, match="not published yet"):
        run(FakeApi(), tmp_path, HOURS)
    assert objects(tmp_path) == []


@pytest.mark.contract("failing.not-published-yet", "shrinking.history")
def test_unpublished_window_erases_nothing(tmp_path: Path) -> None:
    """An empty answer for a landed window erases nothing, even with on_shrink=replace."""
    run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
    before = rows(tmp_path)
    with pytest.raises(EvplNotPublishedError):
        run(FakeApi(), tmp_path, replace(A_DAY, on_shrink="replace"))
    assert rows(tmp_path) == before


@pytest.mark.contract("pull.allow_empty", "gap.A24")
def test_empty_window_lands_with_allow_empty(tmp_path: Path) -> None:
    """Each slice is then an object without rows."""
    summary = run(FakeApi(), tmp_path, replace(HOURS, allow_empty=True))
    assert (len(intervals(tmp_path)), rows(tmp_path), len(summary.landings)) == (3, [], 3)


@pytest.mark.contract("failing.newest-first", "lake.empty-slice")
def test_empty_slices_of_a_published_window_land(tmp_path: Path) -> None:
    """The newest hours wait for the first sample, then land empty; the result is in order of time."""
    summary = run(FakeApi(grid("a", MIDNIGHT, 3)), tmp_path, HOURS)
    slices: Any = summary.as_dict()["slices"]
    assert [one["rows"] for one in slices] == [3, 0, 0]
    assert [one["start"] for one in slices] == [f"2026-11-20T0{n}:00:00Z" for n in range(3)]


@pytest.mark.contract("lake.rerun")
def test_day_replaces_its_hours(tmp_path: Path) -> None:
    """The nightly run leaves one object, with the late samples."""
    api = FakeApi(grid("a", MIDNIGHT, 36))
    run(api, tmp_path, HOURS)
    api.samples += grid("a", MIDNIGHT + 10 * HOUR, 5)
    summary = run(api, tmp_path)
    assert intervals(tmp_path) == ["20261120T000000Z-20261121T000000Z"]
    assert (len(rows(tmp_path)), summary.landings[0].replaced) == (41, 3)


@pytest.mark.contract("result.slice_count", "lake.replacement", "lake.rerun")
def test_hour_of_a_landed_day_pulls_the_day(tmp_path: Path) -> None:
    """Slices inside a landed interval are pulled once, as that interval."""
    api = FakeApi(grid("a", MIDNIGHT, 288))
    run(api, tmp_path)
    api.samples += grid("b", MIDNIGHT, 288)
    summary = run(api, tmp_path, HOURS)
    assert intervals(tmp_path) == ["20261120T000000Z-20261121T000000Z"]
    assert (len(rows(tmp_path)), len(summary.landings)) == (2 * 288, 1)


CIRCUITS = [sample for n in range(10) for sample in grid(f"circuit {n}", MIDNIGHT, 2)]


@pytest.mark.contract("result.received", "result.pages", "gap.A27")
def test_pages_of_unequal_length_are_pulled_one_by_one(tmp_path: Path) -> None:
    """The client assumes pages of equal length; if that is wrong, it pulls again one by one."""
    api = FakeApi(CIRCUITS, page_sizes=(3, 2, 4, 1))
    summary = run(api, tmp_path, page_parallelism=4)
    assert sorted(rows(tmp_path)) == sorted((one.name, one.timestamp, 1.5) for one in CIRCUITS)
    assert api.indices[-4:] == [1, 4, 6, 10]
    told = summary.as_dict()
    assert (told["received"], told["pages"], told["requests"]) == (20, 4, len(api.indices))
    assert told["retries"] == len(api.indices) - 4 > 0


@pytest.mark.contract("errors.message", "gap.A27")
def test_pages_that_never_add_up_land_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After three starts a temporary error names the slice, and nothing has landed."""
    caplog.set_level(logging.INFO)
    api = FakeApi(CIRCUITS, changes={2: {"totalPages": 9}})
    with pytest.raises(
        EvplPagingError, match=r"^report of 2026-11-20, page 2: (.*\n)*.*set pagination to page"
    ):
        run(api, tmp_path, page_parallelism=1)
    assert api.indices == [1, 4] * 3
    assert objects(tmp_path) == []
    assert caplog.text.count("Starting again") == 2


@pytest.mark.contract("result.bytes")
def test_progress_is_reported_after_every_page(tmp_path: Path) -> None:
    """It has pages and samples so far, the share of the window, and the time left."""
    told: list[Progress] = []
    ticks = iter(range(100))
    with FakeApi([*CIRCUITS, *grid("late", MIDNIGHT + HOUR, 3)]).client() as client:
        plan = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + 2 * HOUR))
        store = LocalStore(str(tmp_path))
        summary = pull(client, store, plan, provenance={}, on_progress=told.append, clock=lambda: next(ticks))
    assert summary.as_dict()["seconds"] == 6
    assert [one.pages for one in told] == [1, 2, 3, 4, 5]
    assert [one.samples for one in told] == [3, 9, 15, 21, 23]  # the newest slice comes first
    assert [one.share for one in told] == [0.5, 0.625, 0.75, 0.875, 1.0]
    assert [one.seconds_left for one in told] == pytest.approx([1, 1.2, 1, 4 / 7, 0])


def test_progress_without_totals_has_no_time_left(tmp_path: Path) -> None:
    """If the API gives no number of pages, the time left is unknown."""
    told: list[Progress] = []
    api = FakeApi(grid("a", MIDNIGHT, 3), changes={1: {"totalPages": 0}})
    with api.client() as client:
        pull(client, LocalStore(str(tmp_path)), A_DAY, provenance={}, on_progress=told.append)
    assert [(one.share, one.seconds_left) for one in told] == [(0, None)]


@pytest.mark.contract("lake.pulled-at")
def test_footer_has_the_time_of_the_first_request(tmp_path: Path) -> None:
    """If a slice started again, it is the time of the second start."""
    times = iter(MIDNIGHT + DAY + n * HOUR for n in range(10))
    api = FakeApi(CIRCUITS, page_sizes=(3, 2, 4, 1))  # the guess of equal pages is wrong: a second start
    summary = Summary(plan=A_DAY, now=lambda: next(times))
    with api.client(page_parallelism=4) as client:
        pull(client, LocalStore(str(tmp_path)), A_DAY, provenance={}, summary=summary)
    footer = pq.ParquetFile(tmp_path / objects(tmp_path)[0]).metadata.metadata
    assert footer[b"evpl.pulled_at"] == footer[b"evpl.first_pulled_at"] == b"2026-11-21T01:00:00Z"


@pytest.mark.contract("lake.footer")
def test_footer_has_the_provenance(tmp_path: Path) -> None:
    """It has window, slice, source, counts and the run's ids."""
    run(FakeApi(grid("a", MIDNIGHT, 36)), tmp_path, HOURS)
    footer = pq.ParquetFile(tmp_path / objects(tmp_path)[0]).metadata.metadata
    assert footer[b"evpl.run_id"] == b"r"
    assert footer[b"evpl.window"] == b"2026-11-20T00:00:00Z/2026-11-20T03:00:00Z"
    assert footer[b"evpl.slice"] == b"2026-11-20T00:00:00Z/2026-11-20T01:00:00Z"
    assert footer[b"evpl.granularity"] == b"300s"
    assert json.loads(footer[b"evpl.source"])["base_url"] == "https://api.orange.com"
    assert json.loads(footer[b"evpl.ledger"])["rows"] == 12
