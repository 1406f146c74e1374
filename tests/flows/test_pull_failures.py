"""Errors of one slice don't stop the others; errors of all slices stop the run."""

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplError,
    EvplForbiddenError,
    EvplForeignError,
    EvplNotPublishedError,
    EvplPagingError,
    EvplPermanentError,
    EvplRateLimitError,
    EvplRefusedError,
    EvplRequestError,
    EvplStoreError,
    EvplUnavailableError,
)
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.window import DAY, Window
from tests.support.fake_api import A_DAY, HOUR, MIDNIGHT, FakeApi, Sample, grid, run
from tests.support.lake_files import intervals, rows
from tests.support.stores import MemoryStore

DAYS = 8
WEEK = replace(A_DAY, window=Window(MIDNIGHT - 7 * DAY, MIDNIGHT + DAY), lookback=7 * DAY)
"""A day and its lookback, as a daily pull that picks up late samples."""


def days(*numbers: int) -> list[str]:
    """Return the object names of the days that many days before MIDNIGHT."""
    stamps = [(MIDNIGHT - n * DAY, MIDNIGHT - (n - 1) * DAY) for n in numbers]
    return sorted(f"{start:%Y%m%dT%H%M%S}Z-{end:%Y%m%dT%H%M%S}Z" for start, end in stamps)


def week() -> FakeApi:
    """Return an API with one sample a day."""
    return FakeApi([Sample("a", MIDNIGHT - n * DAY, "1") for n in range(DAYS)])


def starts(api: FakeApi) -> list[str]:
    """Return the days of the requested slices, in order."""
    found = [url.partition("startTime=")[2][:10] for url in api.urls]
    return list(dict.fromkeys(found))


@pytest.mark.contract("failing.newest-first")
def test_newest_slice_is_pulled_first(tmp_path: Path) -> None:
    """Late or failing old slices don't delay new ones."""
    api = week()
    run(api, tmp_path, WEEK)
    assert starts(api) == [f"{MIDNIGHT - n * DAY:%Y-%m-%d}" for n in range(DAYS)]


@pytest.mark.contract("failing.error-of-a-slice")
@pytest.mark.parametrize("status", [500, 404, 422])
def test_failed_day_stops_no_other_day(tmp_path: Path, status: int) -> None:
    """All other slices land, and the error at the end names the failed one."""
    api = week()
    api.failing = {MIDNIGHT - 3 * DAY: status}
    with pytest.raises(EvplError, match=r": 1 slice failed, 7 landed\.\n(.*\n)*.*told to fail") as error:
        run(api, tmp_path, WEEK)
    assert isinstance(error.value, EvplUnavailableError if status == 500 else EvplRequestError)
    assert intervals(tmp_path) == days(0, 1, 2, 4, 5, 6, 7)


@pytest.mark.contract("failing.error-of-a-slice")
def test_foreign_object_stops_no_other_slice(tmp_path: Path) -> None:
    """Its day stays as it was, no request is sent for it, and the error says why."""
    api = week()
    path = tmp_path / Dataset("0042", "300s").samples_path(Window(MIDNIGHT - 5 * DAY, MIDNIGHT - 4 * DAY))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"theirs")
    with pytest.raises(EvplForeignError, match="1 slice failed, 7 landed"):
        run(api, tmp_path, WEEK)
    assert path.read_bytes() == b"theirs"
    assert f"{MIDNIGHT - 5 * DAY:%Y-%m-%d}" not in starts(api)


@pytest.mark.contract("failing.error-of-a-slice")
def test_permanent_and_temporary_errors_together_are_retried(tmp_path: Path) -> None:
    """The error names each slice in order of time; it is retryable, with the longest wait of all."""
    api = week()
    api.samples.append(Sample("b", MIDNIGHT - 5 * DAY, "n/a"))
    api.failing = {MIDNIGHT - 2 * DAY: 503, MIDNIGHT - 4 * DAY: 503}
    api.retry_after = 5
    with pytest.raises(EvplUnavailableError, match="3 slices failed, 5 landed") as error:
        run(api, tmp_path, WEEK)
    assert (error.value.retry_after_seconds, error.value.wait_exceeds_limit) == (5, False)
    lines = [line for line in error.value.detail.splitlines() if not line.startswith("  ")]
    assert [line.partition("2026-11-")[2][:2] for line in lines] == ["15", "16", "18"]


@pytest.mark.contract("failing.error-of-a-slice")
def test_permanent_errors_alone_are_permanent(tmp_path: Path) -> None:
    """A retry would fail for the same slices again."""
    api = week()
    api.samples.append(Sample("b", MIDNIGHT - 5 * DAY, "n/a"))
    api.failing = {MIDNIGHT - 2 * DAY: 404}
    with pytest.raises(EvplPermanentError, match="2 slices failed, 6 landed"):
        run(api, tmp_path, WEEK)


@pytest.mark.contract("failing.stops-the-run")
@pytest.mark.parametrize(("status", "kind"), [(403, EvplForbiddenError), (429, EvplRateLimitError)])
def test_error_of_all_slices_stops_the_run(tmp_path: Path, status: int, kind: type[EvplError]) -> None:
    """After an error of the subscription or a rate limit no further slice is requested."""
    api = week()
    api.failing = {MIDNIGHT - 2 * DAY: status}
    with pytest.raises(kind):
        run(api, tmp_path, WEEK)
    assert intervals(tmp_path) == days(0, 1)
    assert len(starts(api)) == 3


@pytest.mark.contract("failing.stops-the-run")
def test_refused_credentials_stop_the_run(tmp_path: Path) -> None:
    """The first token of the run is refused, so no other slice would succeed."""
    api = week()
    api.failing = {MIDNIGHT: 401}
    with pytest.raises(EvplAuthError):
        run(api, tmp_path, WEEK)
    assert len(starts(api)) == 1


@pytest.mark.contract("failing.stops-the-run")
def test_wait_beyond_the_limit_stops_the_run(tmp_path: Path) -> None:
    """The error carries the wait, so that the task can be deferred for so long."""
    api = week()
    api.failing, api.retry_after = {MIDNIGHT - 2 * DAY: 503}, 3600
    with pytest.raises(EvplUnavailableError) as error:
        run(api, tmp_path, WEEK)
    assert (error.value.retry_after_seconds, error.value.wait_exceeds_limit) == (3600, True)
    assert len(starts(api)) == 3


@pytest.mark.contract("failing.stops-the-run")
def test_three_failures_in_a_row_stop_the_run(tmp_path: Path) -> None:
    """The API itself is down; the error names the slices, and what has landed stays."""
    api = week()
    api.failing = {MIDNIGHT - n * DAY: 500 for n in (1, 2, 3)}
    with pytest.raises(EvplUnavailableError, match=r"3 slices failed, 1 landed") as error:
        run(api, tmp_path, WEEK)
    assert error.value.detail.startswith("The API failed for three slices in a row")
    assert intervals(tmp_path) == days(0)
    assert len(starts(api)) == 4


@pytest.mark.contract("failing.stops-the-run")
def test_answer_between_failures_resets_their_count(tmp_path: Path) -> None:
    """Four days fail, never three in a row: all others land."""
    api = week()
    api.failing = {MIDNIGHT - n * DAY: 500 for n in (1, 2, 4, 5)}
    with pytest.raises(EvplUnavailableError, match="4 slices failed, 4 landed"):
        run(api, tmp_path, WEEK)
    assert intervals(tmp_path) == days(0, 3, 6, 7)


@pytest.mark.contract("failing.stops-the-run")
def test_store_failure_stops_the_run() -> None:
    """Nothing is pulled that can't be written."""
    api, store = week(), MemoryStore(fail_at=12)
    with api.client() as client, pytest.raises(EvplStoreError, match="told to fail"):
        pull(client, store, WEEK, provenance={})
    assert len(starts(api)) < DAYS


class _Stopping(FakeApi):
    """Stops its client at a moment's report, as when the task is killed."""

    made: Client

    def _entries(self, *bounds: object) -> list[dict[str, object]]:
        if bounds[0] == MIDNIGHT - 2 * DAY:
            self.made.stop()
        return super()._entries(*bounds)  # type: ignore[arg-type]  # two moments


@pytest.mark.contract("failing.stops-the-run")
def test_stopped_run_requests_no_further_slice(tmp_path: Path) -> None:
    """The request that is aborted is not counted as a failure of its slice."""
    api = _Stopping(week().samples, page_size=1)
    api.samples += [Sample(name, MIDNIGHT - 2 * DAY, "1") for name in "bc"]
    api.changes = {1: {"totalPages": 0}}
    with api.client(page_parallelism=1) as client:
        api.made = client
        with pytest.raises(EvplUnavailableError, match="The task was stopped from outside"):
            pull(client, LocalStore(str(tmp_path)), WEEK, provenance={})
    assert intervals(tmp_path) == days(0, 1)


def test_failure_of_the_only_slice_is_raised_as_it_is(tmp_path: Path) -> None:
    """There is nothing to count."""
    with pytest.raises(EvplUnavailableError, match=r"told to fail"):
        run(FakeApi(failing={MIDNIGHT: 500}), tmp_path)


def test_empty_slices_beside_a_failed_one_do_not_land(tmp_path: Path) -> None:
    """The failed slice may have samples, so its error is raised, and no empty slice lands."""
    with pytest.raises(EvplUnavailableError):
        run(FakeApi(failing={MIDNIGHT - 3 * DAY: 500}), tmp_path, WEEK)
    assert rows(tmp_path) == []
    assert intervals(tmp_path) == []


def test_unpublished_window_with_a_refused_slice_is_retried(tmp_path: Path) -> None:
    """A slice that the API refuses for good doesn't end the retries of a window that is only late."""
    with pytest.raises(EvplNotPublishedError, match=r"1 slice failed, 0 landed\.\n(.*\n)*.*told to fail"):
        run(FakeApi(failing={MIDNIGHT - 3 * DAY: 404}), tmp_path, WEEK)
    assert intervals(tmp_path) == []


def test_errors_beyond_five_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The error shows five slices and the number of the others; each slice is shown once, here or there."""
    bad = [Sample("a", MIDNIGHT + n * HOUR, "n/a") for n in range(24)]
    with pytest.raises(EvplRefusedError) as error:
        run(FakeApi(bad), tmp_path, replace(A_DAY, slice_length=HOUR))
    assert error.value.what == "window 2026-11-20: 24 slices failed, 0 landed."
    lines = error.value.detail.splitlines()
    assert lines[-1] == "and 19 more: see the warnings in the log"
    shown = [line for line in [*lines, *caplog.text.splitlines()] if "slice 2026-11-20T" in line]
    assert [f"T{n:02}:00" in line for n, line in enumerate(shown)] == [True] * 24


def test_failed_slice_is_not_kept_in_memory(tmp_path: Path) -> None:
    """Its error has no frames that hold its samples; causes are kept."""
    api = week()
    api.page_size, api.samples = 1, [*api.samples, Sample("b", MIDNIGHT - 2 * DAY, "1")]
    api.changes = {2: {"totalPages": 9}}
    with pytest.raises(EvplPagingError) as error:
        run(api, tmp_path, replace(A_DAY, window=Window(MIDNIGHT - 2 * DAY, MIDNIGHT - DAY)))
    cause: BaseException | None = error.value.__cause__
    assert cause is not None
    assert cause.__traceback__ is None


def test_failed_run_fills_its_summary(tmp_path: Path) -> None:
    """The summary has the requests and the landed slices, for the link and for lineage."""
    api = FakeApi(grid("a", MIDNIGHT, 288), failing={MIDNIGHT + HOUR: 404})
    plan = replace(A_DAY, window=Window(MIDNIGHT, MIDNIGHT + 2 * HOUR), slice_length=HOUR)
    summary = Summary(plan=plan)
    with api.client() as client, pytest.raises(EvplRequestError):
        pull(client, LocalStore(str(tmp_path)), plan, provenance={}, summary=summary)
    assert (summary.as_dict()["rows"], summary.requests) == (12, 2)


def test_refused_slices_do_not_stop_the_run(tmp_path: Path) -> None:
    """The API answered, so three refused slices in a row don't stop the run."""
    api = week()
    api.samples += [Sample("b", MIDNIGHT - n * DAY, "n/a") for n in (1, 2, 3)]
    with pytest.raises(EvplRefusedError, match="3 slices failed, 5 landed"):
        run(api, tmp_path, WEEK)
