from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.airflow_leaks import tokens_of
from tests.support.airflow_versions import needs

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab


@pytest.mark.contract("names.EvplUtilizationToObjectStorageOperator", "pull.object_storage_path")
@pytest.mark.contract("result.small")
def test_the_example_lands_the_last_full_day_and_the_one_before(lab: "Lab") -> None:
    """Every row of the example's two days is what the sandbox's function says, once, as typed."""
    from tests.support.airflow_runs import (
        DAY,
        check_result,
        check_types,
        local_paths,
        read_rows,
        run_dag,
        truth,
    )

    outcome = run_dag(lab, "evpl_utilization_daily", logical_date=DAY + timedelta(days=1, hours=3))
    assert outcome.state == "success"
    assert outcome.result is not None
    check_result(outcome.result)
    assert outcome.result["window_start"] == "2026-11-19T00:00:00Z"
    assert outcome.result["window_end"] == "2026-11-21T00:00:00Z"
    paths = local_paths(outcome.result)
    assert paths == lab.landed()
    for path in paths:
        check_types(path.read_bytes())
    rows = {key: value for path in paths for key, value in read_rows(path.read_bytes()).items()}
    expected = truth(lab.sandbox, DAY - timedelta(days=1), DAY + timedelta(days=1))
    assert rows == expected
    assert outcome.result["rows"] == len(expected) == 3 * 4 * 288 * 2


def test_a_second_run_changes_nothing(lab: "Lab") -> None:
    """A run again gives the same objects with the same rows, and replaces each once."""
    from tests.support.airflow_runs import DAY, read_rows, run_dag

    at = DAY + timedelta(days=1, hours=3)
    run_dag(lab, "evpl_utilization_daily", logical_date=at)
    before = {path: read_rows(path.read_bytes()) for path in lab.landed()}
    outcome = run_dag(lab, "evpl_utilization_daily", logical_date=at)
    assert {path: read_rows(path.read_bytes()) for path in lab.landed()} == before
    assert outcome.result is not None
    assert [one["replaced"] for one in outcome.result["slices"]] == [1, 1]


@needs("3.0", "runs without a logical date")
def test_a_manual_run_without_a_date_says_what_to_set(lab: "Lab", logs: Callable[[], str]) -> None:
    """Without a window, a data interval and a logical date a run fails clearly; nothing lands."""
    from tests.support.airflow_runs import run_dag

    conf = {"object_storage_path": lab.root, "window_length": "1d"}
    outcome = run_dag(lab, "evpl_any", logical_date=None, conf=conf)
    assert outcome.state == "failed"
    assert "Set window_start and window_end" in logs()
    assert lab.landed() == []


def test_airflow_masks_the_secret_and_the_token_of_a_run(lab: "Lab") -> None:
    """Airflow's masker knows both after a run, so it hides them in the logs of other code too."""
    from airflow.providers.common.compat.sdk import redact

    from tests.support.airflow_runs import run_dag

    known = tokens_of(lab.sandbox)
    conf = {"object_storage_path": lab.root, "window_start": "2026-11-20", "window_end": "2026-11-21"}
    assert run_dag(lab, "evpl_any", conf=conf).state == "success"
    (token,) = tokens_of(lab.sandbox) - known
    assert redact(token) == redact(lab.sandbox.config.client_secret) == "***"
