"""What a run leaves as it was, and what it keeps beside the rows."""

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
    def test_it_fails(self, tmp_path: Path, api: FakeApi) -> None:
        """By default the slice is refused, byte for byte as it was, and the error says what to do."""
        run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
        before = (tmp_path / objects(tmp_path)[0]).read_bytes()
        with pytest.raises(EvplRefusedError, match=r"288 rows, 288 with a value, now .* set on_shrink"):
            run(api, tmp_path)
        assert (tmp_path / objects(tmp_path)[0]).read_bytes() == before

    @pytest.mark.contract("pull.on_shrink", "result.received", "result.pages")
    def test_it_is_kept(self, tmp_path: Path, api: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
        """`keep` warns, leaves what has landed, and neither lists nor counts the slice."""
        run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
        summary = run(api, tmp_path, replace(A_DAY, on_shrink="keep"))
        assert (len(rows(tmp_path)), summary.landings) == (288, [])
        assert "would erase landed samples" in caplog.text
        told = summary.as_dict()
        assert (told["received"], told["rows"], told["pages"], told["slices"]) == (0, 0, 0, [])

    @pytest.mark.contract("pull.on_shrink")
    def test_it_is_replaced(self, tmp_path: Path, api: FakeApi) -> None:
        """`replace` takes the API's word."""
        run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
        summary = run(api, tmp_path, replace(A_DAY, on_shrink="replace"))
        assert rows(tmp_path) == [(one.name, one.timestamp, one.value and 1.5) for one in api.samples]
        assert summary.landings[0].replaced == 1

    @pytest.mark.contract("shrinking.wider-group")
    @pytest.mark.parametrize("on_shrink", ["fail", "keep", "replace"])
    def test_a_widened_slice_never_shrinks(self, tmp_path: Path, api: FakeApi, on_shrink: str) -> None:
        """An hour that would erase samples of its day is refused; the error names the day to ask for."""
        run(FakeApi(grid("a", MIDNIGHT, 288)), tmp_path)
        asked = "window_start=2026-11-20T00:00:00Z, window_end=2026-11-21T00:00:00Z"
        with pytest.raises(EvplRefusedError, match=asked):
            run(api, tmp_path, replace(HOURS, on_shrink=on_shrink))
        assert len(rows(tmp_path)) == 288


@pytest.mark.contract("pull.max_rejected_fraction", "failing.refused-slice")
def test_a_refused_slice_does_not_stop_the_others(tmp_path: Path) -> None:
    """The other slices land; then the task fails and names the slice, reasons by count and three examples."""
    bad = [Sample("a", MIDNIGHT + HOUR + n * timedelta(minutes=1), "12,5") for n in range(4)]
    api = FakeApi([*grid("a", MIDNIGHT, 36), *bad])
    with pytest.raises(EvplRefusedError) as error:
        run(api, tmp_path, HOURS)
    text = str(error.value)
    assert "slice 2026-11-20T01:00:00Z/2026-11-20T02:00:00Z: 25.0%" in text
    assert "4 x value is no number" in text
    assert text.count("page 1 entry 0 sample ") == 3
    assert "raise max_rejected_fraction" in text
    assert len(intervals(tmp_path)) == 2
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.mark.contract("failing.refused-slice")
def test_each_refused_slice_is_named(tmp_path: Path) -> None:
    """One would erase samples, one is rejected, each for its own reason; the one between them lands."""
    run(FakeApi(grid("a", MIDNIGHT, 12)), tmp_path, replace(A_DAY, window=Window(MIDNIGHT, MIDNIGHT + HOUR)))
    bad = Sample("b", MIDNIGHT + 2 * HOUR, "n/a")
    with pytest.raises(EvplRefusedError, match="slices landed: 1, failed: 2") as error:
        run(FakeApi([*grid("a", MIDNIGHT, 11), *grid("a", MIDNIGHT + HOUR, 12), bad]), tmp_path, HOURS)
    _, shrunk, rejected = str(error.value).splitlines()
    assert shrunk.startswith("slice 2026-11-20T00:00:00Z/2026-11-20T01:00:00Z: would erase")
    assert rejected.startswith("slice 2026-11-20T02:00:00Z/2026-11-20T03:00:00Z: 100.0%")
    assert len(rows(tmp_path)) == 24


def test_conflicts_count_as_rejected(tmp_path: Path) -> None:
    """Two values for one moment are in conflict; too many of them fail the slice."""
    api = FakeApi([*grid("a", MIDNIGHT, 4), *grid("a", MIDNIGHT, 2, value="9")])
    example = "a in EVPL at 2026-11-20T00:00:00Z: 1.5, and 9, which stays; a in EVPL at 2026-11-20T00:05"
    with pytest.raises(EvplRefusedError, match=f"2 x conflict; for example {example}"):
        run(api, tmp_path)
    summary = run(api, tmp_path, replace(A_DAY, max_rejected_fraction=0.5)).as_dict()
    assert (summary["rows"], summary["duplicates"], summary["conflicts"]) == (4, 2, 2)
    assert [row.value for row in rows(tmp_path)] == [9, 9, 1.5, 1.5]


@pytest.mark.contract("rejected.file")
def test_rejected_samples_are_kept_beside_the_rows(tmp_path: Path) -> None:
    """Within the limit a slice lands, and what was rejected lies in its own file, as it came."""
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
def test_rejected_samples_are_a_warning_with_their_reasons(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A slice that lands in spite of them warns: counts by reason, three examples, the file that has them."""
    odd = [Sample("b", MIDNIGHT + n * timedelta(minutes=5), ["n/a", "12,5"][n % 2]) for n in range(5)]
    run(FakeApi([*grid("a", MIDNIGHT, 288), *odd]), tmp_path, replace(A_DAY, max_rejected_fraction=0.5))
    [told] = [one for one in caplog.records if "rejected samples are in" in one.getMessage()]
    rejected = next(tmp_path.rglob("*.jsonl"))
    assert told.levelname == "WARNING"
    assert (
        f"landed; 5 rejected samples are in file://{rejected}. Rejected or in conflict: 5 x value"
        in told.getMessage()
    )
    assert told.getMessage().count("page 1 entry 1 sample ") == 3


def test_what_is_rejected_elsewhere_is_no_sample_of_the_window(tmp_path: Path) -> None:
    """An hour without samples isn't published, even where its landed day has samples rejected elsewhere."""
    run(FakeApi(grid("a", MIDNIGHT + 20 * HOUR, 5)), tmp_path)
    api = FakeApi([*grid("a", MIDNIGHT + 20 * HOUR, 5), Sample("b", MIDNIGHT + 20 * HOUR, "n/a")])
    plan = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + HOUR), max_rejected_fraction=0.5)
    with pytest.raises(EvplNotPublishedError):
        run(api, tmp_path, plan)
    assert (len(rows(tmp_path)), list(tmp_path.rglob("*.jsonl"))) == (5, [])


def test_a_window_of_nothing_but_rejected_samples_is_refused(tmp_path: Path) -> None:
    """What is there but can't be read is not "not published yet": running again won't help."""
    api = FakeApi([Sample("b", MIDNIGHT, "n/a")])
    for limit in (0.01, 1.0):
        with pytest.raises(EvplRefusedError, match=r"^slice .*: 1 x value is no number"):
            run(api, tmp_path, replace(A_DAY, max_rejected_fraction=limit))
    assert objects(tmp_path) == []
    assert run(api, tmp_path, replace(A_DAY, max_rejected_fraction=1.0, allow_empty=True)).landings


def test_a_refusal_is_heard_though_the_run_stops_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was refused is logged at once: the error that stops the run is all that is raised."""
    api = FakeApi([Sample("a", MIDNIGHT + 2 * HOUR, "n/a")], failing={MIDNIGHT: 403})
    with pytest.raises(EvplForbiddenError):
        run(api, tmp_path, HOURS)
    assert "1 x value is no number" in caplog.text


@pytest.mark.contract("foreign.left-alone", "lake.temporary-files")
def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
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


def test_a_clean_run_removes_the_rejected_file(tmp_path: Path) -> None:
    """What is right now is no longer listed as wrong."""
    tolerant = replace(A_DAY, max_rejected_fraction=1.0)
    run(FakeApi([*grid("a", MIDNIGHT, 5), Sample("b", MIDNIGHT, "n/a")]), tmp_path, tolerant)
    run(FakeApi([*grid("a", MIDNIGHT, 5), Sample("b", MIDNIGHT, "1")]), tmp_path)
    assert not list(tmp_path.rglob("*.jsonl"))
    assert len(rows(tmp_path)) == 6


@pytest.mark.contract("foreign.refused")
def test_another_source_in_the_same_root_is_refused(tmp_path: Path) -> None:
    """What another API landed is neither read as ours nor replaced, and nothing is asked for."""
    run(FakeApi(grid("a", MIDNIGHT, 5)), tmp_path)
    other = FakeApi(grid("a", MIDNIGHT, 9))
    with pytest.raises(EvplForeignError, match="another object_storage_path"):
        run(other, tmp_path, job="JOBX")
    assert (other.indices, len(rows(tmp_path))) == ([], 5)


@pytest.mark.contract("lake.footer", "gap.A13")
def test_unknown_fields_are_told_once_and_kept_in_the_footer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that the document doesn't have is no reason to stop; one log line, and the footers keep it."""
    run(FakeApi(grid("a", MIDNIGHT, 36), extra_fields={"context": "x"}), tmp_path, HOURS)
    assert caplog.text.count("entries[].performanceValues[].context") == 1
    for path in objects(tmp_path):
        names = pq.ParquetFile(tmp_path / path).metadata.metadata[b"evpl.unknown_fields"]
        assert json.loads(names) == ["entries[].performanceValues[].context"]


@pytest.mark.contract("lake.empty-slice")
def test_an_empty_slice_lands_beside_a_refused_one(tmp_path: Path) -> None:
    """A refused slice with samples shows that the window is published: the empty ones of it land."""
    api = FakeApi([*grid("a", MIDNIGHT, 9), Sample("b", MIDNIGHT, "n/a")])
    with pytest.raises(EvplRefusedError, match="slices landed: 2, failed: 1"):
        run(api, tmp_path, HOURS)
    assert (len(intervals(tmp_path)), rows(tmp_path)) == (2, [])


@pytest.mark.contract("column.value", "gap.A11")
def test_a_unit_in_doubt_is_told_once_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Values that are hardly percentages land as they came; each doubt is a warning, once a run."""
    values = ["-1", "101", "0.5"]
    api = FakeApi([Sample("a", MIDNIGHT + n * HOUR, values[n % 3]) for n in range(6)])
    run(api, tmp_path, replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + 6 * HOUR)))
    assert [row.value for row in rows(tmp_path)] == [float(value) for value in values * 2]
    told = [record.getMessage() for record in caplog.records if "percentages" in record.getMessage()]
    assert [text.partition(" are ")[0] for text in told] == [
        f"slice {Window(MIDNIGHT + n * HOUR, MIDNIGHT + (n + 1) * HOUR)}:" for n in (5, 4, 3)
    ]


def test_a_refusal_shows_no_secret(tmp_path: Path) -> None:
    """A series named after a token is redacted out before its name is cut."""
    twins = grid(f"{'x' * 195} token", MIDNIGHT, 1) + grid(f"{'x' * 195} token", MIDNIGHT, 1, value="9")
    with pytest.raises(EvplRefusedError, match=r"x \*\*\* \.\.\. at 2026") as error:
        run(FakeApi(twins), tmp_path)
    assert "token" not in str(error.value)


@pytest.mark.contract("connection.naive_timestamps")
def test_times_without_a_zone_point_to_their_setting(tmp_path: Path) -> None:
    """They are refused by default, and the error names what would read them."""
    naive = FakeApi(grid("a", MIDNIGHT, 1), extra_fields={"timeStamp": "2026-11-20T00:00:00"})
    with pytest.raises(EvplRefusedError, match=r"1 x timeStamp has no zone.*naive_timestamps"):
        run(naive, tmp_path)
    assert run(naive, tmp_path, naive_timestamps="utc").as_dict()["rows"] == 1
