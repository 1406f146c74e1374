from airflow_provider_evpl.lake.samples import SampleCollector
from airflow_provider_evpl.models import NO_ZONE, Page, Rejection
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


def test_the_limit_itself_is_not_too_much() -> None:
    """A slice is refused where more than the limit is set aside; it says how much, and what to do."""
    moment = microseconds(hours(0, 1).start)
    rows: list[Row] = [(circuit("a"), moment, value) for value in (1.0, 2.0)]
    samples = collect([Answer(rows, [])], hours(0, 1))
    assert samples.refusal(0.5, redact=str) is None
    told = samples.refusal(0.499, redact=str)
    assert told is not None
    assert told.startswith("50.0% of the slice's samples or entries are rejected or in conflict, ")
    assert told.endswith(", or raise max_rejected_fraction to land the rest")
    assert "max_rejected_fraction is 0.499: 1 x conflict; for example a in EVPL at " in told


def test_examples_say_where_they_are() -> None:
    """Three are shown, rejections before conflicts: place and JSON, or series, time and both values."""
    moment = microseconds(hours(0, 1).start)
    rows: list[Row] = [(circuit(name), moment, value) for name in "ab" for value in (None, 2.5)]
    gone = [rejection("[]", entry=3, sample=None), rejection(entry=0, sample=4)]
    assert collect([Answer([], []), Answer(rows, gone)], hours(0, 1)).set_aside(str) == (
        "2 x value is neither number, text nor null, 2 x conflict; for example page 2 entry 3: []; "
        'page 2 entry 0 sample 4: {"value": true}; '
        "a in EVPL at 2026-11-22T00:00:00Z: null, and 2.5, which stays. "
        "Show Orange the examples"
    )


def test_times_without_a_zone_have_a_next_step_of_their_own() -> None:
    """Where a time has no zone the setting that takes it as UTC is named."""
    gone = [Rejection(NO_ZONE, 0, 0, 1, "{}")]
    assert (
        collect([Answer([], gone)], hours(0, 1))
        .set_aside(str)
        .endswith(". If these times are UTC, set the connection's naive_timestamps. Show Orange the examples")
    )


def test_all_that_is_set_aside_is_counted() -> None:
    """The five most frequent reasons by name, the rest together: the counts add up."""
    gone = [Rejection(f"reason {n}", 0, 0, n, "{}") for n in range(1, 9)]
    told = collect([Answer([], gone)], hours(0, 1)).refusal(0.0, redact=str)
    assert told is not None
    counts = [f"{n} x reason {n}" for n in (8, 7, 6, 5, 4)] + ["6 x other reasons"]
    assert f": {', '.join(counts)}; for example" in told


def test_what_the_api_says_stays_on_its_line() -> None:
    """Neither a raw sample nor a series' name writes a line of its own into an error or a log."""
    moment = microseconds(hours(0, 1).start)
    rows: list[Row] = [(circuit("a\nERROR \x1b[31m"), moment, value) for value in (1.0, 2.0)]
    odd = Rejection("value is no number", 0, 0, 1, '{"value":\n\x1b"x"}')
    told = collect([Answer(rows, [odd])], hours(0, 1)).refusal(0.0, redact=str)
    assert told is not None
    assert told.isprintable()
    assert "a ERROR  [31m in EVPL at" in told


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
