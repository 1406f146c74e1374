"""The log of a pull's progress."""

import pytest

from airflow_provider_evpl.flows.progress import Progress, ProgressLog

SUMMARY = {
    "rows": 46_080,
    "slice_count": 2,
    "bytes": 1_250_000,
    "received": 46_090,
    "duplicates": 7,
    "out_of_window": 2,
    "rejected": 1,
    "values": 46_000,
    "expected": None,
    "retries": 3,
    "seconds": 3_725.2,
}


class _Lines(list[str]):
    def info(self, event: str, *arguments: object) -> None:
        self.append(event % arguments)


def _progress(pages: int, left: float | None = 90) -> Progress:
    return Progress(pages=pages, samples=1000 * pages, share=pages / 100, seconds_left=left)


def test_progress_is_logged_every_ten_seconds() -> None:
    """A page a second for 35 seconds gives three lines, then the last page and the summary."""
    lines, seconds = _Lines(), iter(range(1000))
    now = 0

    def clock() -> float:
        return now

    log = ProgressLog(lines, clock=clock)
    for now in range(1, 36):  # noqa: B007 the clock reads it
        log(_progress(next(seconds) + 1))
    log.finish(SUMMARY)
    assert [line.split(" pages")[0] for line in lines[:-1]] == ["10", "20", "30", "35"]
    assert lines[0] == "10 pages, 10,000 samples, 10 % of the window, 1 min 30 s left"


def test_pull_without_a_page_logs_only_its_summary() -> None:
    """The summary says what landed, and which counts are unknown."""
    lines = _Lines()
    ProgressLog(lines, clock=lambda: 0.0).finish(SUMMARY)
    assert lines == [
        (
            "Landed 46,080 rows in 2 slices, 1.2 MB; received 46,090, duplicates 7, out of window "
            "2, rejected 1; values 46,000 of unknown expected; retries 3; 1 h 2 min"
        )
    ]


@pytest.mark.parametrize(
    ("left", "end"), [(None, "window"), (0.0, "0 s left"), (0.2, "1 s left"), (90_000, "1 d 1 h left")]
)
def test_time_left_has_two_units(left: float | None, end: str) -> None:
    """It has two units at most, and is left out if it is unknown."""
    lines = _Lines()
    log = ProgressLog(lines, clock=lambda: 0.0, every_seconds=0)
    log(_progress(1, left))
    assert lines[0].endswith(end)
