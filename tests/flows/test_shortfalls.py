"""Fewer values than expected are a warning, or with `min_coverage` an error."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_evpl.errors import EvplIncompleteError, EvplRefusedError, EvplUnavailableError
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.support.fake_api import A_DAY, HOUR, HOURS, MIDNIGHT, FakeApi, Sample, grid, run
from tests.support.lake_files import intervals

BEFORE = replace(A_DAY, window=Window(MIDNIGHT - DAY, MIDNIGHT))
TWO_DAYS = replace(A_DAY, window=Window(MIDNIGHT - DAY, MIDNIGHT + DAY), lookback=DAY)


def days(circuits: str, start: datetime, count: int = 288) -> list[Sample]:
    """Return the samples of some circuits from a moment on."""
    return [sample for name in circuits for sample in grid(name, start, count)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings of missing values."""
    return [message for message in caplog.messages if "expected values have landed" in message]


def counts(summary: Summary) -> tuple[object, ...]:
    """Return the numbers of expected and observed steps, and of steps with a value."""
    result = summary.as_dict()
    return result["expected"], result["observed"], result["values"]


@pytest.mark.contract("pull.min_coverage", "failing.few-values")
def test_missing_values_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The warning begins with the share and the day, says what to do, and names the series."""
    run(FakeApi(days("a", MIDNIGHT, 144)), tmp_path)
    [told] = warnings(caplog)
    assert told.startswith("50.0 % of 2026-11-20: 144 of 288 expected values have landed.\n")
    assert told.endswith("\nslice 2026-11-20: 1 series lack values: a in EVPL (144 of 288)")
    assert "min_coverage" in told


@pytest.mark.contract("failing.few-values")
def test_whole_day_is_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Pulling the same day again is no warning either."""
    api = FakeApi(days("ab", MIDNIGHT))
    assert counts(run(api, tmp_path)) == counts(run(api, tmp_path)) == (576, 576, 576)
    assert warnings(caplog) == []


@pytest.mark.contract("result.expected")
def test_series_of_the_day_before_are_expected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A circuit without any sample is missing, whatever the others have."""
    run(FakeApi(days("abc", MIDNIGHT - DAY)), tmp_path, BEFORE)
    assert counts(run(FakeApi(days("a", MIDNIGHT)), tmp_path)) == (3 * 288, 288, 288)
    assert warnings(caplog)[-1].startswith("33.3 % of 2026-11-20")
    assert "2 series lack values: b in EVPL (0 of 288), c in EVPL (0 of 288)" in warnings(caplog)[-1]


@pytest.mark.contract("result.expected")
def test_series_of_replaced_objects_are_expected(tmp_path: Path) -> None:
    """If `on_shrink` lets a circuit go, its values still count as expected."""
    run(FakeApi(days("ab", MIDNIGHT)), tmp_path)
    summary = run(FakeApi(days("a", MIDNIGHT)), tmp_path, replace(A_DAY, on_shrink="replace"))
    assert counts(summary) == (576, 288, 288)


@pytest.mark.contract("result.expected")
def test_series_of_the_last_24_hours_are_expected(tmp_path: Path) -> None:
    """They are the series of the newest object with samples that ended in the 24 hours before."""
    two_hours = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + 2 * HOUR))
    run(FakeApi([*days("ab", MIDNIGHT, 12)]), tmp_path, two_hours)
    third = replace(HOURS, window=Window(MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR))
    assert counts(run(FakeApi(days("a", MIDNIGHT + 2 * HOUR, 12)), tmp_path, third)) == (24, 12, 12)
    late = replace(HOURS, window=Window(MIDNIGHT + 26 * HOUR, MIDNIGHT + 27 * HOUR))
    assert counts(run(FakeApi(days("a", MIDNIGHT + 26 * HOUR, 12)), tmp_path, late)) == (12, 12, 12)
    later = replace(HOURS, window=Window(MIDNIGHT + 52 * HOUR, MIDNIGHT + 53 * HOUR))
    assert counts(run(FakeApi(days("b", MIDNIGHT + 52 * HOUR, 12)), tmp_path, later)) == (12, 12, 12)


@pytest.mark.contract("result.observed")
def test_nulls_are_observed_but_no_values(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A day of samples without values lacks all values."""
    summary = run(FakeApi(grid("a", MIDNIGHT, 288, value=None)), tmp_path)
    assert counts(summary) == (288, 288, 0)
    assert warnings(caplog)[0].startswith("0.0 % of 2026-11-20: 0 of 288")


@pytest.mark.contract("failing.few-values")
def test_one_warning_a_run_names_the_worst_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It counts the other days that lack values; shares are rounded down."""
    run(FakeApi([*days("a", MIDNIGHT - DAY, 287), *days("a", MIDNIGHT, 144)]), tmp_path, TWO_DAYS)
    [told] = warnings(caplog)
    assert told.startswith("50.0 % of 2026-11-20: 144 of 288 expected values have landed.\n1 more days")
    run(FakeApi(days("abcdefg", MIDNIGHT)[:-1]), tmp_path)
    assert warnings(caplog)[-1].startswith("99.9 % of")


@pytest.mark.contract("failing.few-values")
def test_warning_names_five_series(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The warning names the five series with the fewest values, and counts the others."""
    api = FakeApi([sample for n in range(8) for sample in grid(f"c{n}", MIDNIGHT, 10 * (n + 1))])
    run(api, tmp_path)
    named = ", ".join(f"c{n} in EVPL ({10 * (n + 1)} of 288)" for n in range(5))
    assert warnings(caplog)[0].endswith(f"8 series lack values: {named} and 3 more")


@pytest.mark.contract("result.expected")
def test_slices_of_one_run_are_compared(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The newest slice lands first, so it is checked once an older slice with samples has landed."""
    first_run = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + 4 * HOUR))
    api = FakeApi([*days("ab", MIDNIGHT, 24), *days("a", MIDNIGHT + 3 * HOUR, 12)])
    assert counts(run(api, tmp_path, first_run)) == (4 * 24, 60, 60)
    [told] = warnings(caplog)
    assert told.startswith("62.5 % of 2026-11-20: 60 of 96")
    assert "2 series lack values: a in EVPL (0 of 12), b in EVPL (0 of 12)" in told
    with pytest.raises(EvplIncompleteError, match="4 slices landed, 2 incomplete"):
        run(api, tmp_path / "again", replace(first_run, min_coverage=0.9))


def test_slice_more_than_a_day_before_is_not_compared(tmp_path: Path) -> None:
    """The day between two days is refused, so each of the two is checked by its own series."""
    odd = [Sample("z", MIDNIGHT + n * HOUR, "n/a") for n in range(9)]
    api = FakeApi([*days("ab", MIDNIGHT - DAY), *odd, *days("a", MIDNIGHT + DAY)])
    plan = replace(A_DAY, window=Window(MIDNIGHT - DAY, MIDNIGHT + 2 * DAY))
    summary = Summary(plan=plan)
    with api.client() as client, pytest.raises(EvplRefusedError):
        pull(client, LocalStore(str(tmp_path)), plan, provenance={}, summary=summary)
    assert counts(summary) == (3 * 288, 3 * 288, 3 * 288)


@pytest.mark.contract("result.expected")
def test_slice_without_whole_steps_expects_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A day has no whole step of a week, so sums leave it out."""
    week = replace(A_DAY, granularity=Granularity("1w"))
    assert counts(run(FakeApi(days("a", MIDNIGHT, 3)), tmp_path / "week", week)) == (None, None, None)
    halves = Window(MIDNIGHT, MIDNIGHT + HOUR + timedelta(minutes=2))
    api = FakeApi(days("a", MIDNIGHT, 13))
    assert counts(run(api, tmp_path / "hours", replace(HOURS, window=halves))) == (12, 12, 12)
    kept = replace(week, min_coverage=1.0, on_shrink="keep")
    assert run(FakeApi(days("a", MIDNIGHT, 2)), tmp_path / "week", kept).landings == []
    assert warnings(caplog) == []


@pytest.mark.contract("pull.min_coverage")
def test_outage_of_days_is_a_warning_for_each_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An empty day is missing even if no object with samples ended in the 24 hours before."""
    api = FakeApi(days("a", MIDNIGHT - 3 * DAY))
    plan = replace(A_DAY, window=Window(MIDNIGHT - 3 * DAY, MIDNIGHT + DAY), lookback=3 * DAY)
    run(api, tmp_path, plan)
    assert warnings(caplog)[0].startswith(
        "0.0 % of 2026-11-18: 0 of 288 expected values have landed.\n2 more days"
    )
    with pytest.raises(EvplIncompleteError, match=r"landed with 0 of 0 .*\n(.*\n)*.*no series has a sample"):
        run(api, tmp_path, replace(plan, min_coverage=0.9))
    caplog.clear()
    run(FakeApi(), tmp_path / "empty", replace(plan, min_coverage=0.9, allow_empty=True))
    assert warnings(caplog) == []


class TestMinCoverage:
    """`min_coverage` of a pull."""

    @pytest.mark.contract("pull.min_coverage")
    def test_incomplete_slice_lands_and_is_retried(self, tmp_path: Path) -> None:
        """The error is temporary, and names the slice and its series."""
        plan = replace(A_DAY, min_coverage=0.9)
        api = FakeApi([*days("a", MIDNIGHT), *days("b", MIDNIGHT, 144)])
        with pytest.raises(EvplIncompleteError) as error:
            run(api, tmp_path, plan)
        what = "slice 2026-11-20: landed with 432 of 576 expected values, min_coverage is 0.9."
        assert (error.value.what, error.value.detail) == (
            what,
            "1 series lack values: b in EVPL (144 of 288)",
        )
        assert len(intervals(tmp_path)) == 1
        api.samples = days("ab", MIDNIGHT)
        assert counts(run(api, tmp_path, plan)) == (576, 576, 576)

    @pytest.mark.contract("pull.min_coverage")
    def test_each_series_must_reach_it(self, tmp_path: Path) -> None:
        """One half-empty circuit of a hundred fails the slice, though 99.5 % of the values have landed."""
        samples = [sample for n in range(99) for sample in grid(f"c{n:02}", MIDNIGHT, 12)]
        api = FakeApi([*samples, *grid("half", MIDNIGHT, 6)], page_size=100)
        plan = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + HOUR), min_coverage=0.9)
        with pytest.raises(EvplIncompleteError, match=r"1 series lack values: half in EVPL \(6 of 12\)"):
            run(api, tmp_path, plan)

    @pytest.mark.parametrize("share", [0.5, 0.0])
    def test_exact_share_is_enough(self, tmp_path: Path, share: float) -> None:
        """It is a lower bound; zero disables the check."""
        run(FakeApi(days("a", MIDNIGHT, 144)), tmp_path, replace(A_DAY, min_coverage=share))
        assert len(intervals(tmp_path)) == 1

    @pytest.mark.contract("pull.min_coverage")
    def test_lookback_only_warns(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A day that stays incomplete does not fail the task while it is in the lookback."""
        api = FakeApi([*days("a", MIDNIGHT - DAY, 100), *days("a", MIDNIGHT)])
        run(api, tmp_path, replace(TWO_DAYS, min_coverage=1.0))
        assert warnings(caplog)[0].startswith("34.7 % of 2026-11-19")

    def test_incomplete_slices_are_counted_apart(self, tmp_path: Path) -> None:
        """The error counts failed and incomplete slices, and is retried."""
        bad = [Sample("z", MIDNIGHT + n * timedelta(minutes=5), "n/a") for n in range(12)]
        api = FakeApi([*bad, *days("a", MIDNIGHT + HOUR, 6), *days("a", MIDNIGHT + 2 * HOUR, 12)])
        with pytest.raises(EvplIncompleteError) as error:
            run(api, tmp_path, replace(HOURS, min_coverage=0.9))
        assert error.value.what.endswith(": 1 slice failed, 2 landed, 1 incomplete.")
        assert error.value.detail.count("slice 2026-11-20T") == 2

    def test_refused_slice_is_not_incomplete(self, tmp_path: Path) -> None:
        """A slice that did not land has an error of its own."""
        run(FakeApi(days("a", MIDNIGHT)), tmp_path)
        with pytest.raises(EvplRefusedError):
            run(FakeApi(days("a", MIDNIGHT, 100)), tmp_path, replace(A_DAY, min_coverage=0.9))

    @pytest.mark.contract("pull.min_coverage")
    def test_kept_slice_must_reach_it(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A retry that keeps half a day, because the API has less by now, fails too."""
        plan = replace(A_DAY, min_coverage=0.9, on_shrink="keep")
        with pytest.raises(EvplIncompleteError):
            run(FakeApi(days("ab", MIDNIGHT, 144)), tmp_path, plan)
        with pytest.raises(EvplIncompleteError, match="landed with 288 of 576 expected values"):
            run(FakeApi(days("a", MIDNIGHT, 100)), tmp_path, plan)
        assert warnings(caplog)[-1].startswith("50.0 % of 2026-11-20: 288 of 576")
        run(FakeApi(days("ab", MIDNIGHT)), tmp_path, plan)
        assert run(FakeApi(days("a", MIDNIGHT)), tmp_path, plan).landings == []

    def test_stopped_run_logs_missing_values(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """The warning is logged even if another error stops the run."""
        api = FakeApi(
            days("a", MIDNIGHT + 2 * HOUR, 6), failing={MIDNIGHT: 503, MIDNIGHT + HOUR: 503}, retry_after=3600
        )
        with pytest.raises(EvplUnavailableError):
            run(api, tmp_path, HOURS)
        assert len(warnings(caplog)) == 1
