"""Fewer values than expected: what a run says, and when it fails."""

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
    """Make the samples of some circuits from a moment on."""
    return [sample for name in circuits for sample in grid(name, start, count)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List the warnings of missing values."""
    return [message for message in caplog.messages if "expected values have landed" in message]


def counts(summary: Summary) -> tuple[object, ...]:
    """Give what a run expected, saw, and has values of."""
    told = summary.as_dict()
    return told["expected"], told["observed"], told["values"]


@pytest.mark.contract("pull.min_coverage", "failing.few-values")
def test_half_a_day_missing_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It begins with the share and the day, names the series that lack most, and says what to do."""
    run(FakeApi(days("a", MIDNIGHT, 144)), tmp_path)
    [told] = warnings(caplog)
    assert told.startswith("50.0 % of 2026-11-20: 144 of 288 expected values have landed. ")
    assert "1 series lack values: a in EVPL (144 of 288). " in told
    assert "min_coverage" in told


@pytest.mark.contract("failing.few-values")
def test_a_whole_day_is_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nor is the same day again."""
    api = FakeApi(days("ab", MIDNIGHT))
    assert counts(run(api, tmp_path)) == counts(run(api, tmp_path)) == (576, 576, 576)
    assert warnings(caplog) == []


@pytest.mark.contract("result.expected")
def test_series_of_the_day_before_are_expected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A circuit that is not there at all is missing, whatever the others have."""
    run(FakeApi(days("abc", MIDNIGHT - DAY)), tmp_path, BEFORE)
    assert counts(run(FakeApi(days("a", MIDNIGHT)), tmp_path)) == (3 * 288, 288, 288)
    assert warnings(caplog)[-1].startswith("33.3 % of 2026-11-20")
    assert "2 series lack values: b in EVPL (0 of 288), c in EVPL (0 of 288)" in warnings(caplog)[-1]


@pytest.mark.contract("result.expected")
def test_series_of_what_is_replaced_are_expected(tmp_path: Path) -> None:
    """Where `on_shrink` lets a circuit go, the run still says that it is missing."""
    run(FakeApi(days("ab", MIDNIGHT)), tmp_path)
    summary = run(FakeApi(days("a", MIDNIGHT)), tmp_path, replace(A_DAY, on_shrink="replace"))
    assert counts(summary) == (576, 288, 288)


@pytest.mark.contract("result.expected")
def test_the_hour_before_counts_and_not_the_day_before_it(tmp_path: Path) -> None:
    """The newest object with samples that ended in the 24 hours before: an empty one says nothing."""
    two_hours = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + 2 * HOUR))
    run(FakeApi([*days("ab", MIDNIGHT, 12)]), tmp_path, two_hours)
    third = replace(HOURS, window=Window(MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR))
    assert counts(run(FakeApi(days("a", MIDNIGHT + 2 * HOUR, 12)), tmp_path, third)) == (24, 12, 12)
    late = replace(HOURS, window=Window(MIDNIGHT + 26 * HOUR, MIDNIGHT + 27 * HOUR))
    assert counts(run(FakeApi(days("a", MIDNIGHT + 26 * HOUR, 12)), tmp_path, late)) == (12, 12, 12)
    later = replace(HOURS, window=Window(MIDNIGHT + 52 * HOUR, MIDNIGHT + 53 * HOUR))
    assert counts(run(FakeApi(days("b", MIDNIGHT + 52 * HOUR, 12)), tmp_path, later)) == (12, 12, 12)


@pytest.mark.contract("result.observed")
def test_nulls_are_observed_and_no_values(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A day of samples without values is as good as none."""
    summary = run(FakeApi(grid("a", MIDNIGHT, 288, value=None)), tmp_path)
    assert counts(summary) == (288, 288, 0)
    assert warnings(caplog)[0].startswith("0.0 % of 2026-11-20: 0 of 288")


@pytest.mark.contract("failing.few-values")
def test_one_warning_a_run_is_of_the_worst_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It says on how many more days values lack; what isn't whole is never rounded up to it."""
    run(FakeApi([*days("a", MIDNIGHT - DAY, 287), *days("a", MIDNIGHT, 144)]), tmp_path, TWO_DAYS)
    [told] = warnings(caplog)
    assert told.startswith("50.0 % of 2026-11-20: 144 of 288 expected values have landed, and 1 more days")
    run(FakeApi(days("abcdefg", MIDNIGHT)[:-1]), tmp_path)
    assert warnings(caplog)[-1].startswith("99.9 % of")


@pytest.mark.contract("failing.few-values")
def test_five_series_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The warning names the five series with the fewest values, and counts the others."""
    api = FakeApi([sample for n in range(8) for sample in grid(f"c{n}", MIDNIGHT, 10 * (n + 1))])
    run(api, tmp_path)
    named = ", ".join(f"c{n} in EVPL ({10 * (n + 1)} of 288)" for n in range(5))
    assert f"8 series lack values: {named} and 3 more. " in warnings(caplog)[0]


@pytest.mark.contract("result.expected")
def test_slices_of_one_run_are_held_against_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The newest slice lands first: what it lacks is known when an older one with samples has landed."""
    first_run = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + 4 * HOUR))
    api = FakeApi([*days("ab", MIDNIGHT, 24), *days("a", MIDNIGHT + 3 * HOUR, 12)])
    assert counts(run(api, tmp_path, first_run)) == (4 * 24, 60, 60)
    [told] = warnings(caplog)
    assert told.startswith("62.5 % of 2026-11-20: 60 of 96")
    assert "2 series lack values: a in EVPL (0 of 12), b in EVPL (0 of 12)" in told
    with pytest.raises(EvplIncompleteError, match="landed with fewer values than min_coverage: 2"):
        run(api, tmp_path / "again", replace(first_run, min_coverage=0.9))


def test_a_slice_more_than_a_day_before_says_nothing(tmp_path: Path) -> None:
    """Two days with a day between them that is refused: each is held against its own series."""
    odd = [Sample("z", MIDNIGHT + n * HOUR, "n/a") for n in range(9)]
    api = FakeApi([*days("ab", MIDNIGHT - DAY), *odd, *days("a", MIDNIGHT + DAY)])
    plan = replace(A_DAY, window=Window(MIDNIGHT - DAY, MIDNIGHT + 2 * DAY))
    summary = Summary(plan=plan)
    with api.client() as client, pytest.raises(EvplRefusedError):
        pull(client, LocalStore(str(tmp_path)), plan, provenance={}, summary=summary)
    assert counts(summary) == (3 * 288, 3 * 288, 3 * 288)


@pytest.mark.contract("result.expected")
def test_a_slice_that_is_not_whole_steps_expects_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Days of a granularity of a week: nobody knows how many samples there should be; sums skip them."""
    week = replace(A_DAY, granularity=Granularity("1w"))
    assert counts(run(FakeApi(days("a", MIDNIGHT, 3)), tmp_path / "week", week)) == (None, None, None)
    halves = Window(MIDNIGHT, MIDNIGHT + HOUR + timedelta(minutes=2))
    api = FakeApi(days("a", MIDNIGHT, 13))
    assert counts(run(api, tmp_path / "hours", replace(HOURS, window=halves))) == (12, 12, 12)
    kept = replace(week, min_coverage=1.0, on_shrink="keep")
    assert run(FakeApi(days("a", MIDNIGHT, 2)), tmp_path / "week", kept).landings == []
    assert warnings(caplog) == []


@pytest.mark.contract("pull.min_coverage")
def test_an_outage_of_days_is_told_on_each_of_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No object with samples ended in the 24 hours before: an empty day is missing all the same."""
    api = FakeApi(days("a", MIDNIGHT - 3 * DAY))
    plan = replace(A_DAY, window=Window(MIDNIGHT - 3 * DAY, MIDNIGHT + DAY), lookback=3 * DAY)
    run(api, tmp_path, plan)
    assert warnings(caplog)[0].startswith(
        "0.0 % of 2026-11-18: 0 of 288 expected values have landed, and 2 more"
    )
    with pytest.raises(EvplIncompleteError, match=r"landed with 0 of 0 .*: no series has a sample"):
        run(api, tmp_path, replace(plan, min_coverage=0.9))
    caplog.clear()
    run(FakeApi(), tmp_path / "empty", replace(plan, min_coverage=0.9, allow_empty=True))
    assert warnings(caplog) == []


class TestMinCoverage:
    """`min_coverage` of a pull."""

    @pytest.mark.contract("pull.min_coverage")
    def test_an_incomplete_slice_lands_and_is_retried(self, tmp_path: Path) -> None:
        """What is there lands; the error is temporary, and names the slice and its series."""
        plan = replace(A_DAY, min_coverage=0.9)
        api = FakeApi([*days("a", MIDNIGHT), *days("b", MIDNIGHT, 144)])
        expected = (
            r"^slice 2026-11-20T00:00:00Z/2026-11-21T00:00:00Z: landed with 432 of 576 expected values, "
            r"min_coverage is 0\.9: 1 series lack values: b in EVPL \(144 of 288\)\. Run again later; .*$"
        )
        with pytest.raises(EvplIncompleteError, match=expected):
            run(api, tmp_path, plan)
        assert len(intervals(tmp_path)) == 1
        api.samples = days("ab", MIDNIGHT)
        assert counts(run(api, tmp_path, plan)) == (576, 576, 576)

    @pytest.mark.contract("pull.min_coverage")
    def test_each_series_is_held_to_it(self, tmp_path: Path) -> None:
        """One circuit of a hundred that is half empty is found, though 99.5 % of the values are there."""
        samples = [sample for n in range(99) for sample in grid(f"c{n:02}", MIDNIGHT, 12)]
        api = FakeApi([*samples, *grid("half", MIDNIGHT, 6)], page_size=100)
        plan = replace(HOURS, window=Window(MIDNIGHT, MIDNIGHT + HOUR), min_coverage=0.9)
        with pytest.raises(EvplIncompleteError, match=r"1 series lack values: half in EVPL \(6 of 12\)"):
            run(api, tmp_path, plan)

    @pytest.mark.parametrize("share", [0.5, 0.0])
    def test_the_share_itself_is_enough(self, tmp_path: Path, share: float) -> None:
        """It is a lower bound; zero asks for nothing."""
        run(FakeApi(days("a", MIDNIGHT, 144)), tmp_path, replace(A_DAY, min_coverage=share))
        assert len(intervals(tmp_path)) == 1

    @pytest.mark.contract("pull.min_coverage")
    def test_the_lookback_only_warns(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A day that stays incomplete does not keep the task red until it leaves the lookback."""
        api = FakeApi([*days("a", MIDNIGHT - DAY, 100), *days("a", MIDNIGHT)])
        run(api, tmp_path, replace(TWO_DAYS, min_coverage=1.0))
        assert warnings(caplog)[0].startswith("34.7 % of 2026-11-19")

    def test_it_is_told_beside_other_errors(self, tmp_path: Path) -> None:
        """Slices that were left and slices that are incomplete are counted apart; the run is retried."""
        bad = [Sample("z", MIDNIGHT + n * timedelta(minutes=5), "n/a") for n in range(12)]
        api = FakeApi([*bad, *days("a", MIDNIGHT + HOUR, 6), *days("a", MIDNIGHT + 2 * HOUR, 12)])
        with pytest.raises(
            EvplIncompleteError,
            match=r"^slices landed: 2, failed: 1, landed with fewer values than min_coverage: 1:\n",
        ) as error:
            run(api, tmp_path, replace(HOURS, min_coverage=0.9))
        assert len(str(error.value).splitlines()) == 3

    def test_a_refused_slice_is_not_incomplete(self, tmp_path: Path) -> None:
        """What did not land has an error of its own."""
        run(FakeApi(days("a", MIDNIGHT)), tmp_path)
        with pytest.raises(EvplRefusedError):
            run(FakeApi(days("a", MIDNIGHT, 100)), tmp_path, replace(A_DAY, min_coverage=0.9))

    @pytest.mark.contract("pull.min_coverage")
    def test_what_is_kept_is_held_to_it_too(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A retry that keeps half a day, because the API has less by now, is no success."""
        plan = replace(A_DAY, min_coverage=0.9, on_shrink="keep")
        with pytest.raises(EvplIncompleteError):
            run(FakeApi(days("ab", MIDNIGHT, 144)), tmp_path, plan)
        with pytest.raises(EvplIncompleteError, match="landed with 288 of 576 expected values"):
            run(FakeApi(days("a", MIDNIGHT, 100)), tmp_path, plan)
        assert warnings(caplog)[-1].startswith("50.0 % of 2026-11-20: 288 of 576")
        run(FakeApi(days("ab", MIDNIGHT)), tmp_path, plan)
        assert run(FakeApi(days("a", MIDNIGHT)), tmp_path, plan).landings == []

    def test_a_run_that_stops_has_warned(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """What landed before is told, though the run ends by another error."""
        api = FakeApi(
            days("a", MIDNIGHT + 2 * HOUR, 6), failing={MIDNIGHT: 503, MIDNIGHT + HOUR: 503}, retry_after=3600
        )
        with pytest.raises(EvplUnavailableError):
            run(api, tmp_path, HOURS)
        assert len(warnings(caplog)) == 1
