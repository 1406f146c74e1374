"""The assets of a lake: their names, and what a pull tells of them on every Airflow."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_evpl.errors import EvplConfigError
from tests.support.airflow_versions import find_asset_events

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

ROOTS = {
    "s3://aws_default@lake/evpl": "s3://lake/evpl",
    "s3://lake/evpl/": "s3://lake/evpl",
    "s3://lake": "s3://lake",
    " S3://aws@lake/ ": "s3://lake",
    "gs://google_cloud_default@lake/a/b": "gs://lake/a/b",
    "abfs://wasb_default@container/evpl": "abfs://container/evpl",
    "file:///data/evpl/": "file:///data/evpl",
}


@pytest.mark.contract("assets.samples_asset", "assets.days_asset")
@pytest.mark.usefixtures("airflow_home")
@pytest.mark.parametrize(("root", "lake"), ROOTS.items(), ids=str.strip)
def test_asset_uri_is_the_lakes_url(root: str, lake: str) -> None:
    """Without connection id, and with or without a slash at its end."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_evpl.assets import days_asset, samples_asset

    assert samples_asset(root).uri == f"{lake}/samples"
    assert days_asset(root).uri == f"{lake}/samples?partition=date"
    path = ObjectStoragePath(root.strip().replace("S3", "s3"))
    assert samples_asset(path) == samples_asset(root)


@pytest.mark.contract("assets.root")
@pytest.mark.parametrize(
    "root", ["", "{{ var.value.lake }}", "s3://user:hunter2@lake", "file://data", "lake"]
)
def test_wrong_root_is_an_error_when_the_dag_is_parsed(root: str) -> None:
    """A password is neither shown nor passed on."""
    from airflow_provider_evpl.assets import days_asset, samples_asset

    for asset in (samples_asset, days_asset):
        with pytest.raises(EvplConfigError, match="object_storage_path") as caught:
            asset(root)
        assert "hunter2" not in str(caught.value)


def _events(root: str) -> dict[str, list[dict[str, Any]]]:
    """What events say, by their asset's URI, below a lake's root."""
    found: dict[str, list[dict[str, Any]]] = {}
    for uri, extra in find_asset_events(root):
        found.setdefault(uri.removeprefix(root), []).append(extra)
    return found


@pytest.mark.contract("assets.days_asset", "assets.extra")
def test_asset_event_has_the_result_and_the_days(lab: "Lab") -> None:
    """On every version of Airflow."""
    from airflow_provider_evpl.version_compat import HAS_PARTITIONS_AT_RUNTIME
    from tests.support.airflow_runs import DAY, run_dag

    outcome = run_dag(lab, "evpl_utilization_daily", logical_date=DAY + timedelta(days=1, hours=3))
    assert outcome.result is not None
    del outcome.result["slices"]
    told = outcome.result | {"dates": ["2026-11-19", "2026-11-20"]}
    by_day = [outcome.result] * 2 if HAS_PARTITIONS_AT_RUNTIME else [told]
    assert _events(lab.root) == {"/samples": [told], "/samples?partition=date": by_day}


@pytest.mark.contract("assets.extra")
def test_outlet_that_is_no_asset_logs_a_warning(lab: "Lab", logs: Callable[[], str]) -> None:
    """An alias may stand for any asset."""
    from airflow.providers.common.compat.sdk import AssetAlias

    from airflow_provider_evpl.telemetry.asset_events import add_asset_events

    task = lab.operator(outlets=[AssetAlias("whichever")])
    add_asset_events(task, {}, {"rows": 1}, ["2026-11-22"])
    assert "is no asset" in logs()
    assert len(task.outlets) == 1
