import pytest

from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.lake.ledger import Ledger
from airflow_provider_evpl.lake.samples import SampleCollector
from airflow_provider_evpl.models import NO_ZONE, Entry, Page, Rejection
from airflow_provider_evpl.window import Granularity
from tests.support.lake import (
    FIVE_MINUTES,
    PULLED_AT,
    Answer,
    Row,
    circuit,
    collect,
    hours,
    microseconds,
    rejection,
)


def test_examples_say_where_they_are() -> None:
    """Three are shown, rejections before conflicts: place and JSON, or series, time and both values."""
    moment = microseconds(hours(0, 1).start)
    rows: list[Row] = [(circuit(name), moment, value) for name in "ab" for value in (None, 2.5)]
    gone = [rejection("[]", entry=3, sample=None), rejection(entry=0, sample=4)]
    assert collect([Answer([], []), Answer(rows, gone)], hours(0, 1)).set_aside(str) == (
        "2 x value is neither number, text nor null, 2 x conflict\n"
        "page 2 entry 3: []\n"
        'page 2 entry 0 sample 4: {"value": true}\n'
        "two values of a in EVPL at 2026-11-22T00:00:00Z: null, and 2.5, which stays"
    )


def test_times_without_a_zone_have_a_next_step_of_their_own() -> None:
    """Where a time has no zone the setting that takes it as UTC is named."""
    gone = [Rejection(NO_ZONE, 0, 0, 1, "{}")]
    text = collect([Answer([], gone)], hours(0, 1)).set_aside(str)
    assert text.endswith("set naive_timestamps to utc in the connection.")


def test_all_that_is_set_aside_is_counted() -> None:
    """The five most frequent reasons by name, the rest together: the counts add up."""
    gone = [Rejection(f"reason {n}", 0, 0, n, "{}") for n in range(1, 9)]
    text = collect([Answer([], gone)], hours(0, 1)).set_aside(str)
    counts = [f"{n} x reason {n}" for n in (8, 7, 6, 5, 4)] + ["6 x other reasons"]
    assert text.splitlines()[0] == ", ".join(counts)


def test_what_the_api_says_stays_on_its_line() -> None:
    """Neither a raw sample nor a series' name writes a line of its own into an error or a log."""
    moment = microseconds(hours(0, 1).start)
    rows: list[Row] = [(circuit("a\nERROR \x1b[31m"), moment, value) for value in (1.0, 2.0)]
    odd = Rejection("value is no number", 0, 0, 1, '{"value":\n\x1b"x"}')
    lines = collect([Answer(rows, [odd])], hours(0, 1)).set_aside(str).split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert lines[2].startswith("two values of a ERROR  [31m in EVPL at")


def test_names_of_unknown_fields_are_bounded() -> None:
    """Of any number of names the first hundred are kept, cut, so that a footer stays readable."""
    collector = SampleCollector(hours(0, 1), code_ope="0042", granularity=FIVE_MINUTES, pulled_at=PULLED_AT)
    for start in (0, 1000):
        names = frozenset(f"{n:04}\n{'x' * 500}" for n in range(start, start + 1000))
        collector.add(
            Page(
                current_page=1,
                total_pages=1,
                has_next=False,
                entry_count=0,
                entries=[],
                unknown_fields=names,
            )
        )
    assert sorted(collector.finish().unknown_fields) == [f"{n:04} {'x' * 195}..." for n in range(100)]


def test_sum_of_ledgers_leaves_out_unknown_counts() -> None:
    """A slice that isn't made of whole steps has no `expected`, `observed` and `values`."""
    rows: list[Row] = [(circuit("a"), microseconds(hours(0, 1).start), value) for value in (1.0, 2.0)]
    whole = collect([Answer(rows, [rejection()])], hours(0, 1)).ledger
    unknown = collect([Answer(rows, [])], hours(0, 1), Granularity("1y")).ledger
    total = whole + unknown
    assert (total.received, total.rows, total.duplicates, total.rejected) == (5, 2, 2, 1)
    assert (total.expected, total.observed, total.values) == (12, 1, 1)
    assert (unknown + unknown).expected is None
    assert Ledger.empty() + whole == whole


@pytest.mark.contract("pull.max_rejected_fraction")
@pytest.mark.parametrize(
    ("given_rows", "gone", "fraction"),
    [
        ([1.0] * 9, [rejection()], 0.1),  # eight duplicates of one value are no conflict
        ([1.0, 2.0], [], 0.5),
        ([1.0], [rejection(sample=None, samples=3)], 0.75),
        ([], [rejection(sample=None, samples=1)], 1.0),
        ([], [rejection()], 1.0),
    ],
)
def test_rejected_fraction_is_the_larger_share(
    given_rows: list[float], gone: list[Rejection], fraction: float
) -> None:
    """The larger share counts: samples rejected or in conflict, or entries rejected."""
    moment = microseconds(hours(0, 1).start)
    answer = Answer([(circuit("a"), moment, value) for value in given_rows], gone)
    assert collect([answer], hours(0, 1)).ledger.rejected_fraction == pytest.approx(fraction)


@pytest.mark.contract("pull.max_rejected_fraction")
def test_rejected_fraction_counts_entries() -> None:
    """One rejected entry of two makes the share 0.5, even if the other entry has many samples."""
    moment = microseconds(hours(0, 1).start)
    many = Entry(circuit("a"), [moment + at for at in range(99)], pack([1.0] * 99))
    collector = SampleCollector(hours(0, 1), code_ope="0042", granularity=FIVE_MINUTES, pulled_at=PULLED_AT)
    gone = [rejection("[]", sample=None)]
    collector.add(
        Page(current_page=1, total_pages=1, has_next=False, entry_count=2, entries=[many], rejections=gone)
    )
    ledger = collector.finish().ledger
    assert (ledger.received, ledger.rejected) == (100, 1)
    assert ledger.rejected_fraction == 0.5
