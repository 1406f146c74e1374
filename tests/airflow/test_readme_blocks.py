"""The README's code runs as it stands there."""

import json
import math
import re
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.airflow_versions import find_asset_events

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

README = (Path(__file__).parents[2] / "README.md").read_text()
DAG_BLOCK, QUERY_BLOCK = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def _run(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 the README's own code
    return names


def test_the_dag_and_the_query_of_the_readme_run(
    lab: "Lab", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_home: Path
) -> None:
    """The DAG lands two days; the query finds the busiest series by the nearest-rank percentile."""
    from tests.support.airflow_runs import DAY, run_dag, truth

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVPL_LAKE_ROOT", (tmp_path / "demo-lake").as_uri())
    (airflow_home / "dags" / "readme.py").write_text(DAG_BLOCK)
    outcome = run_dag(lab, "evpl_utilization", logical_date=DAY + timedelta(days=2, hours=3))
    assert outcome.state == "success"
    events = dict(find_asset_events((tmp_path / "demo-lake").as_uri()))
    assert [uri.rpartition("/")[2] for uri in sorted(events)] == ["samples", "samples?partition=date"]
    values = defaultdict(list)
    for key, value in truth(lab.sandbox, DAY, DAY + timedelta(days=2)).items():
        values[key[1:6]].append(value)
    expected = {
        (*series, sorted(found)[math.ceil(0.95 * len(found)) - 1], len(found))
        for series, found in values.items()
    }
    busiest = _run(QUERY_BLOCK)["busiest"]
    assert len(busiest) == 10
    assert set(busiest) <= expected
    assert [row[5] for row in busiest] == sorted((row[5] for row in expected), reverse=True)[:10]


def test_the_connection_of_the_readme_is_valid(lab: "Lab", monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection of the README is one that the hook takes."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    match = re.search(r"AIRFLOW_CONN_EVPL_DEFAULT='(.*?)'", README, re.DOTALL)
    assert match
    assert json.loads(match[1])["conn_type"] == EvplHook.conn_type
    monkeypatch.setenv("AIRFLOW_CONN_EVPL_DEFAULT", match[1])
    with EvplHook().get_conn() as client:
        assert client.settings.base_url == "https://api.orange.com"
    assert lab.landed() == []
