"""The arguments of an Iceberg publication."""

from datetime import UTC, datetime

import pytest

from airflow_provider_evpl.config.publish_plan import PublishPlan
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.errors import EvplConfigError, EvplNotPublishedError

NOW = datetime(2026, 11, 25, tzinfo=UTC)
GIVEN = {"table": "evpl.utilization", "window_start": "2026-11-20", "window_end": "2026-11-22"}


def _plan(**changes: object) -> PublishPlan:
    return PublishPlan.from_arguments(GIVEN | changes, run=RunTimes(), default_code_ope="0042", now=NOW)


@pytest.mark.contract("iceberg.code_ope", "iceberg.table")
def test_plan_has_the_connections_code_and_the_days_of_the_window() -> None:
    """By default a missing day is an error."""
    plan = _plan()
    assert (plan.table, plan.codes, plan.granularity.text) == ("evpl.utilization", ("0042",), "300s")
    assert [f"{day:%Y-%m-%dT%H:%M}" for day in plan.days] == ["2026-11-20T00:00", "2026-11-21T00:00"]
    assert not plan.deletes_missing


@pytest.mark.contract("iceberg.code_ope")
@pytest.mark.parametrize("codes", ["a,b", ["a", "b"], '["a", "b", "a"]'])
def test_code_ope_is_a_code_or_a_list(codes: object) -> None:
    """A list may be text, as templates render it."""
    assert _plan(code_ope=codes).codes == ("a", "b")


@pytest.mark.contract("iceberg.window")
def test_part_of_a_day_is_its_whole_day() -> None:
    """A unit is a UTC day, whatever landed last."""
    hour = {"window_start": "2026-11-20T23:00:00Z", "window_end": "2026-11-21T01:00:00Z"}
    assert [day.day for day in _plan(**hour).days] == [20, 21]
    assert [day.day for day in _plan(**hour, lookback="1d").days] == [19, 20, 21]


@pytest.mark.contract("iceberg.on_missing")
def test_on_missing_deletes() -> None:
    """The rows of a day that is gone."""
    assert _plan(on_missing="delete").deletes_missing


@pytest.mark.contract("iceberg.wrong-argument")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("table", "utilization"),
        ("table", "evpl."),
        ("table", 7),
        ("on_missing", "perhaps"),
        ("code_ope", ","),
        ("code_ope", [7]),
        ("granularity", "often"),
        ("window_start", "yesterday"),
    ],
)
def test_wrong_argument_is_named(name: str, value: object) -> None:
    """The message starts with the argument."""
    with pytest.raises(EvplConfigError, match=f"^{name}: "):
        _plan(**{name: value})


@pytest.mark.contract("iceberg.wrong-argument")
def test_table_must_be_given() -> None:
    """The message has an example."""
    given = {name: value for name, value in GIVEN.items() if name != "table"}
    with pytest.raises(EvplConfigError, match=r"table: must be set\.\nWrite it like evpl\.utilization"):
        PublishPlan.from_arguments(given, run=RunTimes(), default_code_ope="0042", now=NOW)


def test_window_in_the_future_is_a_temporary_error() -> None:
    """As for a pull."""
    with pytest.raises(EvplNotPublishedError):
        _plan(window_end="2026-12-01")
