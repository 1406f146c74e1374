"""Faults of the sandbox that only time shows: late, gone, not yet there; and those that nothing shows."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_evpl.errors import EvplNotPublishedError, EvplRefusedError
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import DAY, Window
from tests.support.fake_api import MIDNIGHT
from tests.support.faults_pulls import HOURLY, PLACES, TRUTH, LakeRow, bytes_of, rows_of, run
from tests.support.faults_table import EIGHT_SLICES, UNSEEN


def _rows(*hours: int) -> Counter[LakeRow]:
    return Counter(place.row for place in PLACES if place.hour in hours)


def test_late_samples_land_with_the_second_pull(server: SandboxServer, tmp_path: Path) -> None:
    """Samples that the first pull of a day misses are there after the second."""
    server.set_faults("samples-late")
    run(server, tmp_path)
    assert rows_of(tmp_path) == _rows(*range(23))
    summary = run(server, tmp_path)
    assert rows_of(tmp_path) == TRUTH
    assert (summary["rows"], summary["observed"], summary["expected"]) == (192, 192, 192)


def test_late_samples_of_each_slice_land_with_its_second_pull(server: SandboxServer, tmp_path: Path) -> None:
    """The last hour of each slice is late, and lands with its second pull."""
    server.set_faults("samples-late")
    for hours in ([hour for hour in range(24) if hour % 3 < 2], range(24)):
        run(server, tmp_path, EIGHT_SLICES)
        assert rows_of(tmp_path) == _rows(*hours)


@pytest.mark.contract("pull.lookback")
def test_late_samples_are_picked_up_by_lookback(server: SandboxServer, tmp_path: Path) -> None:
    """The next day's run, which looks a day back, completes the day before; its own last hour is late."""
    server.set_faults("samples-late")
    run(server, tmp_path)
    two_days = Window(MIDNIGHT, MIDNIGHT + 2 * DAY)
    summary = run(server, tmp_path, replace(HOURLY, window=two_days))
    rows = rows_of(tmp_path)
    assert rows.keys() >= TRUTH.keys()
    assert rows.total() == summary["rows"] == (24 + 23) * 8


@pytest.mark.parametrize("fault", ["retention-empty", "retention-null"])
class TestRetention:
    """An API that forgets the first half of a day after it was pulled."""

    @pytest.mark.contract("shrinking.history", "gap.A26")
    def test_a_pull_past_the_retention_is_refused(
        self, server: SandboxServer, tmp_path: Path, fault: str
    ) -> None:
        """The second pull is refused, and no byte of the first one changes."""
        server.set_faults(fault)
        run(server, tmp_path)
        before = bytes_of(tmp_path)
        with pytest.raises(EvplRefusedError, match=r"48 rows, 48 with a value, now .*24"):
            run(server, tmp_path)
        assert rows_of(tmp_path) == TRUTH
        assert bytes_of(tmp_path) == before

    def test_on_shrink_keep_leaves_the_landed_day(
        self, server: SandboxServer, tmp_path: Path, fault: str
    ) -> None:
        """With on_shrink=keep the second pull succeeds, and no byte of the first one changes."""
        server.set_faults(fault)
        run(server, tmp_path)
        before = bytes_of(tmp_path)
        assert run(server, tmp_path, replace(HOURLY, on_shrink="keep"))["slices"] == []
        assert bytes_of(tmp_path) == before

    def test_on_shrink_replace_lands_what_is_left(
        self, server: SandboxServer, tmp_path: Path, fault: str
    ) -> None:
        """With on_shrink=replace the new answer lands: rows without values, or no rows."""
        server.set_faults(fault)
        run(server, tmp_path)
        run(server, tmp_path, replace(HOURLY, on_shrink="replace"))
        nulls = Counter((*row[:-1], None) for row in _rows(*range(12)))
        forgotten = nulls if fault == "retention-null" else Counter[LakeRow]()
        assert rows_of(tmp_path) == _rows(*range(12, 24)) + forgotten


@pytest.mark.parametrize("fault", ["window-unpublished", "window-without-samples"])
def test_allow_empty_lands_an_empty_day_only_on_an_empty_lake(
    server: SandboxServer, tmp_path: Path, fault: str
) -> None:
    """With allow_empty a day without samples lands, but never replaces a day that has some."""
    plan = replace(HOURLY, allow_empty=True)
    server.set_faults(fault)
    run(server, tmp_path, plan)
    assert (len(bytes_of(tmp_path)), rows_of(tmp_path)) == (1, Counter())
    server.set_faults()
    run(server, tmp_path)
    before = bytes_of(tmp_path)
    server.set_faults(fault)
    with pytest.raises(EvplRefusedError, match="would erase"):
        run(server, tmp_path, plan)
    with pytest.raises(EvplNotPublishedError):
        run(server, tmp_path, replace(HOURLY, on_shrink="replace"))
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("fault", ["token-expires-early", "token-revoked"])
def test_a_token_that_expires_during_a_run_is_renewed(
    server: SandboxServer, tmp_path: Path, fault: str
) -> None:
    """Only the refused requests are sent again."""
    server.set_faults(fault)
    issued = server.tokens_issued
    summary = run(server, tmp_path, EIGHT_SLICES)
    assert rows_of(tmp_path) == TRUTH
    assert summary["pages"] == 24
    assert server.tokens_issued - issued >= 3
    assert summary["retries"] >= 2


@pytest.mark.contract("gap.A5")
@pytest.mark.parametrize("fault", ["total-pages-zero", "page-numbers-zero", "page-numbers-missing"])
def test_an_unchecked_page_count_is_logged(
    server: SandboxServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """If the API announces no total, the log says that the number of pages was not checked."""
    caplog.set_level(logging.INFO)
    run(server, tmp_path)
    assert "the number of pages" not in caplog.text
    server.set_faults(fault)
    run(server, tmp_path)
    assert "the number of pages (3) can't be checked" in caplog.text


def test_an_unknown_field_is_logged_once_per_run(
    server: SandboxServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However many pages and slices have the field, the log names it once."""
    server.set_faults("page-field-unknown", "sample-field-unknown")
    run(server, tmp_path, EIGHT_SLICES)
    assert caplog.text.count("generatedAt") == caplog.text.count("quality") == 1


GOES_AGAIN = {"element-inserted:1": {6}}  # on page 2 alone


@pytest.mark.parametrize(("faults", "lost"), (UNSEEN | GOES_AGAIN).items())
def test_elements_that_no_page_has_are_missing_from_an_empty_lake(
    server: SandboxServer, tmp_path: Path, faults: str, lost: set[int]
) -> None:
    """Elements that no page has are missing from an empty lake; a day that had landed stays as it was."""
    server.set_faults(*faults.split())
    settings = (
        {"page_parallelism": "1"} if faults in GOES_AGAIN else {}
    )  # so that page 2 is the first to move
    summary = run(server, tmp_path / "empty", settings=settings)
    assert rows_of(tmp_path / "empty") == Counter(place.row for place in PLACES if place.element not in lost)
    assert summary["series"] == 8 - len(lost)
    server.set_faults()
    run(server, tmp_path / "landed")
    before = bytes_of(tmp_path / "landed")
    server.set_faults(*faults.split())
    with pytest.raises(EvplRefusedError, match="would erase"):
        run(server, tmp_path / "landed", settings=settings)
    assert bytes_of(tmp_path / "landed") == before
