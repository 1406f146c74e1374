from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_evpl.config.figures_plan import FiguresPlan, ReportPlan
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.months import parse_month
from airflow_provider_evpl.window import Granularity


def test_arguments_have_defaults() -> None:
    """Blank arguments are not given."""
    plan = FiguresPlan.from_arguments(
        {"object_storage_path": "file:///data", "time_zone": " ", "warning": None}
    )
    assert plan == FiguresPlan()
    assert (plan.warning_value, plan.critical_value) == (70, 90)


@pytest.mark.contract("figures.granularity", "figures.min_coverage", "figures.warning", "figures.full_scale")
@pytest.mark.parametrize("code_ope", [["0042", "7"], ("0042", "7"), "0042, 7", '["0042", "7", "7"]'])
def test_arguments_are_read(code_ope: object) -> None:
    """Lists, texts with commas and JSON mean the same."""
    plan = ReportPlan.from_arguments(
        {
            "code_ope": code_ope,
            "granularity": "h",
            "month": "2026-11",
            "time_zone": "Europe/Paris",
            "min_coverage": "0.5",
            "warning": 50,
            "critical": "80",
            "full_scale": "1",
            "directions": {"load": "in"},
        }
    )
    assert plan == ReportPlan(
        codes=("0042", "7"),
        granularity=Granularity("1h"),
        month=parse_month("2026-11"),
        time_zone=ZoneInfo("Europe/Paris"),
        min_coverage=0.5,
        warning=50,
        critical=80,
        full_scale=1,
        directions={"load": "in"},
    )
    assert (plan.warning_value, plan.critical_value) == (0.5, 0.8)


@pytest.mark.parametrize("percent", [29, 57, 58])
def test_threshold_of_whole_percent_is_exact(percent: int) -> None:
    """57 / 100 * 100 is less than 57: a value of 57 would be above it."""
    assert FiguresPlan(warning=percent).warning_value == percent


@pytest.mark.contract("figures.first_month")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"code_ope": "a,,b"}, "code_ope"),
        ({"code_ope": [1]}, "code_ope"),
        ({"code_ope": '["a"'}, "code_ope"),
        ({"code_ope": []}, "code_ope"),
        ({"code_ope": {"a": 1}}, "code_ope"),
        ({"granularity": "5 minutes"}, "granularity"),
        ({"first_month": "2026-13"}, "first_month"),
        ({"first_month": "2026-03", "last_month": "2026-01"}, "last_month"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"time_zone": "../etc"}, "time_zone"),
        ({"min_coverage": 2}, "min_coverage"),
        ({"warning": 0}, "warning"),
        ({"critical": "60"}, "critical"),
        ({"full_scale": "-1"}, "full_scale"),
        ({"directions": "[1]"}, "directions"),
        ({"directions": "in"}, "directions"),
        ({"directions": {"load": "up"}}, "directions"),
    ],
)
def test_wrong_argument_is_an_error_with_its_name(arguments: Mapping[str, object], name: str) -> None:
    """The message starts with the argument."""
    with pytest.raises(EvplConfigError, match=rf"\A{name}: "):
        FiguresPlan.from_arguments(arguments)
