"""Errors that belong to one slice, and errors that stop the run."""

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
    """Give the names of the days so far back."""
    stamps = [(MIDNIGHT - n * DAY, MIDNIGHT - (n - 1) * DAY) for n in numbers]
    return sorted(f"{start:%Y%m%dT%H%M%S}Z-{end:%Y%m%dT%H%M%S}Z" for start, end in stamps)


def week() -> FakeApi:
    """Serve a sample a day."""
    return FakeApi([Sample("a", MIDNIGHT - n * DAY, "1") for n in range(DAYS)])


def starts(api: FakeApi) -> list[str]:
    """List the slices that were asked for, in order."""
    found = [url.partition("startTime=")[2][:10] for url in api.urls]
    return list(dict.fromkeys(found))


@pytest.mark.contract("failing.newest-first")
def test_the_newest_slice_is_pulled_first(tmp_path: Path) -> None:
    """What is late or broken in old slices holds up no new one."""
    api = week()
    run(api, tmp_path, WEEK)
    assert starts(api) == [f"{MIDNIGHT - n * DAY:%Y-%m-%d}" for n in range(DAYS)]


@pytest.mark.contract("failing.error-of-a-slice")
@pytest.mark.parametrize("status", [500, 404, 422])
def test_one_bad_day_stops_no_other(tmp_path: Path, status: int) -> None:
    """The API can't answer for one slice: all others land, and the final error names it."""
    api = week()
    api.failing = {MIDNIGHT - 3 * DAY: status}
    with pytest.raises(EvplError, match=r"slices landed: 7, failed: 1:\n.*told to fail") as error:
        run(api, tmp_path, WEEK)
    assert isinstance(error.value, EvplUnavailableError if status == 500 else EvplRequestError)
    assert intervals(tmp_path) == days(0, 1, 2, 4, 5, 6, 7)


@pytest.mark.contract("failing.error-of-a-slice")
def test_a_foreign_object_stops_no_other_slice(tmp_path: Path) -> None:
    """Its day is left as it was, nothing is asked for it, and the error says why."""
    api = week()
    path = tmp_path / Dataset("0042", "300s").samples_path(Window(MIDNIGHT - 5 * DAY, MIDNIGHT - 4 * DAY))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"theirs")
    with pytest.raises(EvplForeignError, match="slices landed: 7, failed: 1"):
        run(api, tmp_path, WEEK)
    assert path.read_bytes() == b"theirs"
    assert f"{MIDNIGHT - 5 * DAY:%Y-%m-%d}" not in starts(api)


@pytest.mark.contract("failing.error-of-a-slice")
def test_of_errors_of_both_kinds_the_run_is_retried(tmp_path: Path) -> None:
    """Each is named, in the order of time; the class is retryable, with the longest wait of all."""
    api = week()
    api.samples.append(Sample("b", MIDNIGHT - 5 * DAY, "n/a"))
    api.failing = {MIDNIGHT - 2 * DAY: 503, MIDNIGHT - 4 * DAY: 503}
    api.retry_after = 5
    with pytest.raises(EvplUnavailableError, match="slices landed: 5, failed: 3") as error:
        run(api, tmp_path, WEEK)
    assert (error.value.retry_after_seconds, error.value.wait_exceeds_limit) == (5, False)
    _, *lines = str(error.value).splitlines()
    assert [line.partition("2026-11-")[2][:2] for line in lines] == ["15", "16", "18"]


@pytest.mark.contract("failing.error-of-a-slice")
def test_of_permanent_errors_alone_the_run_fails_for_good(tmp_path: Path) -> None:
    """A retry would refuse the same slices again."""
    api = week()
    api.samples.append(Sample("b", MIDNIGHT - 5 * DAY, "n/a"))
    api.failing = {MIDNIGHT - 2 * DAY: 404}
    with pytest.raises(EvplPermanentError, match="slices landed: 6, failed: 2"):
        run(api, tmp_path, WEEK)


@pytest.mark.contract("failing.stops-the-run")
@pytest.mark.parametrize(("status", "kind"), [(403, EvplForbiddenError), (429, EvplRateLimitError)])
def test_what_concerns_all_slices_stops_the_run(tmp_path: Path, status: int, kind: type[EvplError]) -> None:
    """The subscription and a rate limit: the API is asked for no further slice."""
    api = week()
    api.failing = {MIDNIGHT - 2 * DAY: status}
    with pytest.raises(kind):
        run(api, tmp_path, WEEK)
    assert intervals(tmp_path) == days(0, 1)
    assert len(starts(api)) == 3


@pytest.mark.contract("failing.stops-the-run")
def test_refused_credentials_stop_the_run(tmp_path: Path) -> None:
    """The report refuses the first token of the run: no other slice would fare better."""
    api = week()
    api.failing = {MIDNIGHT: 401}
    with pytest.raises(EvplAuthError):
        run(api, tmp_path, WEEK)
    assert len(starts(api)) == 1


@pytest.mark.contract("failing.stops-the-run")
def test_a_wait_beyond_the_limit_stops_the_run(tmp_path: Path) -> None:
    """The error carries the wait, so that the task can be deferred for so long."""
    api = week()
    api.failing, api.retry_after = {MIDNIGHT - 2 * DAY: 503}, 3600
    with pytest.raises(EvplUnavailableError) as error:
        run(api, tmp_path, WEEK)
    assert (error.value.retry_after_seconds, error.value.wait_exceeds_limit) == (3600, True)
    assert len(starts(api)) == 3


@pytest.mark.contract("failing.stops-the-run")
def test_three_slices_in_a_row_stop_the_run(tmp_path: Path) -> None:
    """Then it is the API, not a slice; the error names them, and what has landed stays."""
    api = week()
    api.failing = {MIDNIGHT - n * DAY: 500 for n in (1, 2, 3)}
    with pytest.raises(
        EvplUnavailableError, match=r"slices landed: 1, failed: 3; the run stopped .* in a row:"
    ):
        run(api, tmp_path, WEEK)
    assert intervals(tmp_path) == days(0)
    assert len(starts(api)) == 4


@pytest.mark.contract("failing.stops-the-run")
def test_an_answer_between_failures_lets_the_run_go_on(tmp_path: Path) -> None:
    """Four bad days, never three in a row: all good ones land."""
    api = week()
    api.failing = {MIDNIGHT - n * DAY: 500 for n in (1, 2, 4, 5)}
    with pytest.raises(EvplUnavailableError, match="slices landed: 4, failed: 4"):
        run(api, tmp_path, WEEK)
    assert intervals(tmp_path) == days(0, 3, 6, 7)


@pytest.mark.contract("failing.stops-the-run")
def test_a_store_that_fails_stops_the_run() -> None:
    """The lake is no slice's own: nothing is pulled that can't be put."""
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
def test_a_run_that_is_stopped_asks_for_no_further_slice(tmp_path: Path) -> None:
    """What was under way is no error of its slice."""
    api = _Stopping(week().samples, page_size=1)
    api.samples += [Sample(name, MIDNIGHT - 2 * DAY, "1") for name in "bc"]
    api.changes = {1: {"totalPages": 0}}
    with api.client(page_parallelism=1) as client:
        api.made = client
        with pytest.raises(EvplUnavailableError, match="stopped, the task is being ended"):
            pull(client, LocalStore(str(tmp_path)), WEEK, provenance={})
    assert intervals(tmp_path) == days(0, 1)


def test_a_failure_of_the_only_slice_is_raised_as_it_is(tmp_path: Path) -> None:
    """There is nothing to count."""
    with pytest.raises(EvplUnavailableError, match=r"^report of 2026-11-20T00:00:00Z/2026-11-21T00:00:00Z"):
        run(FakeApi(failing={MIDNIGHT: 500}), tmp_path)


def test_a_window_of_empty_and_failed_slices_is_not_unpublished(tmp_path: Path) -> None:
    """The failed slice may have samples: its error is raised, and no empty slice lands."""
    with pytest.raises(EvplUnavailableError):
        run(FakeApi(failing={MIDNIGHT - 3 * DAY: 500}), tmp_path, WEEK)
    assert rows(tmp_path) == []
    assert intervals(tmp_path) == []


def test_a_window_that_is_not_published_is_retried_whatever_one_slice_says(tmp_path: Path) -> None:
    """An hour that the API refuses for good doesn't end the retries of a day that is only late."""
    with pytest.raises(EvplNotPublishedError, match=r"failed: 2:\n(.*\n)*.*404: told to fail"):
        run(FakeApi(failing={MIDNIGHT - 3 * DAY: 404}), tmp_path, WEEK)
    assert intervals(tmp_path) == []


def test_many_errors_make_a_message_of_twenty(tmp_path: Path) -> None:
    """A line each, the others are counted: they are in the log."""
    bad = [Sample("a", MIDNIGHT + n * HOUR, "n/a") for n in range(24)]
    plan = replace(A_DAY, slice_length=HOUR)
    with pytest.raises(EvplRefusedError) as error:
        run(FakeApi(bad), tmp_path, plan)
    lines = str(error.value).splitlines()
    assert (lines[0], len(lines), lines[-1]) == (
        "slices landed: 0, failed: 24:",
        22,
        "and 4 more, see the log",
    )


def test_a_failed_slice_is_not_kept_in_memory(tmp_path: Path) -> None:
    """Its error goes on without the frames that hold its samples; causes are kept."""
    api = week()
    api.page_size, api.samples = 1, [*api.samples, Sample("b", MIDNIGHT - 2 * DAY, "1")]
    api.changes = {2: {"totalPages": 9}}
    with pytest.raises(EvplPagingError) as error:
        run(api, tmp_path, replace(A_DAY, window=Window(MIDNIGHT - 2 * DAY, MIDNIGHT - DAY)))
    cause: BaseException | None = error.value.__cause__
    assert cause is not None
    assert cause.__traceback__ is None


def test_counts_of_a_failed_run_are_known(tmp_path: Path) -> None:
    """What the run sent and landed is in its summary, for the link and for lineage."""
    api = FakeApi(grid("a", MIDNIGHT, 288), failing={MIDNIGHT + HOUR: 404})
    plan = replace(A_DAY, window=Window(MIDNIGHT, MIDNIGHT + 2 * HOUR), slice_length=HOUR)
    summary = Summary(plan=plan)
    with api.client() as client, pytest.raises(EvplRequestError):
        pull(client, LocalStore(str(tmp_path)), plan, provenance={}, summary=summary)
    assert (summary.as_dict()["rows"], summary.requests) == (12, 2)


def test_a_refused_slice_is_no_unanswered_one(tmp_path: Path) -> None:
    """The API answered: three refused slices in a row stop nothing."""
    api = week()
    api.samples += [Sample("b", MIDNIGHT - n * DAY, "n/a") for n in (1, 2, 3)]
    with pytest.raises(EvplRefusedError, match="slices landed: 5, failed: 3:"):
        run(api, tmp_path, WEEK)
