"""Refused slices stay as they were; rejected samples are kept beside the rows."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from airflow_provider_evpl.errors import (
    EvplForbiddenError,
    EvplForeignError,
    EvplNotPublishedError,
    EvplRefusedError,
)
from airflow_provider_evpl.window import Window
from tests.support.fake_api import A_DAY, HOUR, HOURS, MIDNIGHT, FakeApi, Sample, grid, run
from tests.support.lake_files import intervals, objects, rows

SHRUNK = FakeApi(grid("a", MIDNIGHT, 287))
NULLED = FakeApi(
    [*grid("a", MIDNIGHT, 287), *grid("a", MIDNIGHT + 287 * timedelta(minutes=5), 1, value=None)]
)


@pytest.mark.parametrize("api", [SHRUNK, NULLED], ids=["fewer rows", "fewer values"])
class TestShrinking:
    """A slice that would erase landed samples."""

    @pytest.mark.contract("pull.on_shrink")
    def test_slice_is_refused_by_default(self, tmp_path: Path, api: FakeApi) -> None:
        """The object stays as it was, byte for byte, and the error says what to do."""
        run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
        before = (tmp_path / objects(tmp_path)[0]).read_bytes()
        with pytest.raises(EvplRefusedError, match=r"288 rows, 288 with a value, now") as error:
            run(api, tmp_path)
        assert error.value.what == "slice 2026-11-20: landing it would erase landed samples."
        assert "on_shrink" in error.value.next_step
        assert (tmp_path / objects(tmp_path)[0]).read_bytes() == before

    @pytest.mark.contract("pull.on_shrink", "result.received", "result.pages")
    def test_keep_leaves_the_landed_samples(
        self, tmp_path: Path, api: FakeApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The run warns, succeeds, and neither lists nor counts the slice."""
        run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
        summary = run(api, tmp_path, replace(A_DAY, on_shrink="keep"))
        assert (len(rows(tmp_path)), summary.landings) == (288, [])
        assert "would erase landed samples" in caplog.text
        told = summary.as_dict()
        assert (told["received"], told["rows"], told["pages"], told["slices"]) == (0, 0, 0, [])

    @pytest.mark.contract("pull.on_shrink")
    def test_replace_lands_the_slice(self, tmp_path: Path, api: FakeApi) -> None:
        """The lake then has what the API has."""
        run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
        summary = run(api, tmp_path, replace(A_DAY, on_shrink="replace"))
        assert rows(tmp_path) == [(one.name, one.timestamp, one.value and 1.5) for one in api.samples]
        assert summary.landings[0].replaced == 1

    @pytest.mark.contract("shrinking.wider-group")
    @pytest.mark.parametrize("on_shrink", ["fail", "keep", "replace"])
    def test_wider_slice_is_refused(self, tmp_path: Path, api: FakeApi, on_shrink: str) -> None:
        """An hour that would erase samples of its day is refused; the error names the day to pull."""
        run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
        asked = "window_start=2026-11-20T00:00:00Z, window_end=2026-11-21T00:00:00Z"
        with pytest.raises(EvplRefusedError, match=asked):
            run(api, tmp_path, replace(HOURS, on_shrink=on_shrink))
        assert len(rows(tmp_path)) == 288


@pytest.mark.contract("pull.max_rejected_fraction", "failing.refused-slice")
def test_refused_slice_does_not_stop_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The error has the slice, counts by reason and three examples, and is not logged as well."""
    bad = [Sample("a", MIDNIGHT + HOUR + n * timedelta(minutes=1), "12,5") for n in range(4)]
    api = FakeApi([*grid("a", MIDNIGHT, 36), *bad])
    with pytest.raises(EvplRefusedError) as error:
        run(api, tmp_path, HOURS)
    text = str(error.value)
    assert "slice 2026-11-20T01:00/02:00Z: 25.0%" in text
    assert "4 x value is no number" in text
    assert text.count("page 1 entry 0 sample ") == 3
    assert "raise max_rejected_fraction" in text
    assert caplog.records == []
    assert len(intervals(tmp_path)) == 2
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.mark.contract("failing.refused-slice")
def test_error_names_each_refused_slice(tmp_path: Path) -> None:
    """One slice would erase samples, one is rejected; the slice between them lands."""
    run(FakeApi(grid("a", MIDNIGHT, 12)), tmp_path, replace(A_DAY, window=Window(MIDNIGHT, MIDNIGHT + HOUR)))
    bad = Sample("b", MIDNIGHT + 2 * HOUR, "n/a")
    with pytest.raises(EvplRefusedError, match="2 slices failed, 1 landed") as error:
        run(FakeApi([*grid("a", MIDNIGHT, 11), *grid("a", MIDNIGHT + HOUR, 12), bad]), tmp_path, HOURS)
    shrunk, rejected = (line for line in error.value.detail.splitlines() if line.startswith("slice"))
    assert shrunk == "slice 2026-11-20T00:00/01:00Z: landing it would erase landed samples."
    assert rejected.startswith("slice 2026-11-20T02:00/03:00Z: 100.0%")
    assert len(rows(tmp_path)) == 24


def test_conflicts_count_as_rejected(tmp_path: Path) -> None:
    """Two values for one moment are a conflict; too many conflicts fail the slice."""
    api = FakeApi([*grid("a", MIDNIGHT, 4), *grid("a", MIDNIGHT, 2, value="9")])
    example = "two values of a in EVPL at 2026-11-20T00:00:00Z: 1.5, and 9, which stays\ntwo values of a"
    with pytest.raises(EvplRefusedError, match=f"2 x conflict\n{example}"):
        run(api, tmp_path)
    summary = run(api, tmp_path, replace(A_DAY, max_rejected_fraction=0.5)).as_dict()
    assert (summary["rows"], summary["duplicates"], summary["conflicts"]) == (4, 2, 2)
    assert [row.value for row in rows(tmp_path)] == [9, 9, 1.5, 1.5]


@pytest.mark.contract("rejected.file")
def test_rejected_samples_are_kept_beside_the_rows(tmp_path: Path) -> None:
    """Within the limit a slice lands; the rejected samples are in a file of their own, as they came."""
    api = FakeApi([*grid("a", MIDNIGHT, 287), Sample("b", MIDNIGHT, "n/a")])
    summary = run(api, tmp_path, replace(A_DAY, max_rejected_fraction=0.5)).as_dict()
    rejected = next(tmp_path.rglob("*.jsonl"))
    assert [json.loads(line) for line in rejected.read_text().splitlines()] == [
        {
            "reason": "value is no number",
            "slice": "2026-11-20T00:00:00Z/2026-11-21T00:00:00Z",
            "page": 1,
            "entry": 1,
            "sample": 0,
            "samples": 1,
            "raw": '{"timeStamp": "2026-11-20T00:00:00Z", "value": "n/a"}',
        }
    ]
    assert (summary["received"], summary["rows"], summary["rejected"]) == (288, 287, 1)
    slices = summary["slices"]
    assert isinstance(slices, list)
    assert slices[0]["rejected_path"] == f"file://{rejected}"


@pytest.mark.contract("failing.rejected-samples")
def test_rejected_samples_are_logged_with_reasons(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The warning of a slice that lands has counts by reason, three examples, and the rejected file."""
    odd = [Sample("b", MIDNIGHT + n * timedelta(minutes=5), ["n/a", "12,5"][n % 2]) for n in range(5)]
    run(FakeApi([*grid("a", MIDNIGHT, 288), *odd]), tmp_path, replace(A_DAY, max_rejected_fraction=0.5))
    [warning] = [one for one in caplog.records if "samples are rejected" in one.getMessage()]
    assert warning.levelname == "WARNING"
    what, _, path, counts, *examples = warning.getMessage().splitlines()
    assert what == "slice 2026-11-20: landed, but 5 samples are rejected."
    assert path == f"file://{next(tmp_path.rglob('*.jsonl'))}"
    assert counts == "5 x value is no number"
    assert [example.startswith("page 1 entry 1 sample ") for example in examples] == [True] * 3


def test_samples_outside_the_window_do_not_publish_it(tmp_path: Path) -> None:
    """An hour without samples isn't published, even if the rest of its landed day has samples."""
    run(FakeApi(grid("a", MIDNIGHT + 20 * HOUR, 5)), tmp_path)
    api = FakeApi([*grid("a", MIDNIGHT + 20 * HOUR, 5), Sample("b", MIDNIGHT + 20 * HOUR, "n/a")])
    plan = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + HOUR), max_rejected_fraction=0.5)
    with pytest.raises(EvplNotPublishedError):
        run(api, tmp_path, plan)
    assert (len(rows(tmp_path)), list(tmp_path.rglob("*.jsonl"))) == (5, [])


def test_window_of_rejected_samples_is_refused(tmp_path: Path) -> None:
    """Unreadable samples are not "not published yet", because running again won't help."""
    api = FakeApi([Sample("b", MIDNIGHT, "n/a")])
    for limit in (0.01, 1.0):
        with pytest.raises(EvplRefusedError, match=r"^slice 2026-11-20: (.*\n)*1 x value is no number"):
            run(api, tmp_path, replace(A_DAY, max_rejected_fraction=limit))
    assert objects(tmp_path) == []
    assert run(api, tmp_path, replace(A_DAY, max_rejected_fraction=1.0, allow_empty=True)).landings


def test_refusal_is_logged_if_another_error_stops_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The error that stops the run is raised without the refused slices, so these are logged."""
    api = FakeApi([Sample("a", MIDNIGHT + 2 * HOUR, "n/a")], failing={MIDNIGHT: 403})
    with pytest.raises(EvplForbiddenError):
        run(api, tmp_path, HOURS)
    assert "1 x value is no number" in caplog.text


@pytest.mark.contract("foreign.left-alone", "lake.temporary-files")
def test_leftovers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    """A run removes temporary files, and rejected files without an object, of all that its slices replace."""
    partitions = "operator_code=op-0042/granularity=300s/date=2026-11-20"
    hours = ("000000Z-20261120T010000", "030000Z-20261120T053000")
    leftovers = [
        tmp_path / folder / partitions / name.format(f"20261120T{bounds}Z")
        for bounds in hours
        for folder, name in (
            ("samples", ".{}.parquet.0.tmp"),
            ("rejected", ".{}.jsonl.0.tmp"),
            ("rejected", "{}.jsonl"),
        )
    ]
    for leftover in leftovers:
        leftover.parent.mkdir(parents=True, exist_ok=True)
        leftover.write_bytes(b"half")
    run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path, HOURS)
    assert [one.exists() for one in leftovers] == [False] * 3 + [True] * 3
    run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
    assert not any(one.exists() for one in leftovers)
    assert len(objects(tmp_path)) == 1


def test_clean_run_removes_the_rejected_file(tmp_path: Path) -> None:
    """The rejected file of a replaced object goes with it."""
    tolerant = replace(A_DAY, max_rejected_fraction=1.0)
    run(FakeApi([*grid("a", MIDNIGHT, 5), Sample("b", MIDNIGHT, "n/a")]), tmp_path, tolerant)
    run(FakeApi([*grid("a", MIDNIGHT, 5), Sample("b", MIDNIGHT, "1")]), tmp_path)
    assert not list(tmp_path.rglob("*.jsonl"))
    assert len(rows(tmp_path)) == 6


@pytest.mark.contract("foreign.refused")
def test_another_source_in_the_same_root_is_refused(tmp_path: Path) -> None:
    """Objects of another API are neither read nor replaced, and no request is sent."""
    run(FakeApi(grid("a", MIDNIGHT, 5)), tmp_path)
    other = FakeApi(grid("a", MIDNIGHT, 9))
    with pytest.raises(EvplForeignError, match="another object_storage_path"):
        run(other, tmp_path, job="JOBX")
    assert (other.indices, len(rows(tmp_path))) == ([], 5)


@pytest.mark.contract("lake.footer", "gap.A13")
def test_unknown_fields_are_logged_once_and_kept_in_the_footer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A field that Orange's document lacks stops nothing: one warning, and the footers have its name."""
    run(FakeApi(grid("a", MIDNIGHT, 36), extra_fields={"context": "x"}), tmp_path, HOURS)
    assert caplog.text.count("entries[].performanceValues[].context") == 1
    for path in objects(tmp_path):
        names = pq.ParquetFile(tmp_path / path).metadata.metadata[b"evpl.unknown_fields"]
        assert json.loads(names) == ["entries[].performanceValues[].context"]


@pytest.mark.contract("lake.empty-slice")
def test_empty_slice_lands_beside_a_refused_one(tmp_path: Path) -> None:
    """A refused slice with samples shows that the window is published: the empty ones of it land."""
    api = FakeApi([*grid("a", MIDNIGHT, 9), Sample("b", MIDNIGHT, "n/a")])
    with pytest.raises(EvplRefusedError, match="1 slice failed, 2 landed"):
        run(api, tmp_path, HOURS)
    assert (len(intervals(tmp_path)), rows(tmp_path)) == (2, [])


@pytest.mark.contract("column.value", "gap.A11")
def test_unit_doubts_are_logged_once_and_change_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Values that may not be percentages land as they came; each doubt is a warning, once a run."""
    values = ["-1", "101", "0.5"]
    api = FakeApi([Sample("a", MIDNIGHT + n * HOUR, values[n % 3]) for n in range(6)])
    run(api, tmp_path, replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + 6 * HOUR)))
    assert [row.value for row in rows(tmp_path)] == [float(value) for value in values * 2]
    warnings = [message for message in caplog.messages if "percentages" in message]
    assert [text.partition(": ")[0] for text in warnings] == [
        f"slice 2026-11-20T0{n}:00/0{n + 1}:00Z" for n in (5, 4, 3)
    ]


def test_refusal_shows_no_secret(tmp_path: Path) -> None:
    """A token in a series' name is redacted before the name is cut."""
    twins = grid(f"{'x' * 195} token", MIDNIGHT, 1) + grid(f"{'x' * 195} token", MIDNIGHT, 1, value="9")
    with pytest.raises(EvplRefusedError, match=r"x \*\*\* \.\.\. at 2026") as error:
        run(FakeApi(twins), tmp_path)
    assert "token" not in str(error.value)


@pytest.mark.contract("connection.naive_timestamps")
def test_times_without_a_zone_name_their_setting(tmp_path: Path) -> None:
    """They are refused by default, and the error names the setting that reads them."""
    naive = FakeApi(grid("a", MIDNIGHT, 1), extra_fields={"timeStamp": "2026-11-20T00:00:00"})
    with pytest.raises(EvplRefusedError, match=r"1 x timeStamp has no zone\n(.*\n)*.*naive_timestamps"):
        run(naive, tmp_path)
    assert run(naive, tmp_path, naive_timestamps="utc").as_dict()["rows"] == 1
