"""Run the code of the README as it is."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.airflow_versions import find_asset_events

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

README = (Path(__file__).parents[2] / "README.md").read_text()
[DAG_BLOCK] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.contract("lake.table")
def test_readme_dag_lands_two_days_and_updates_both_assets(
    lab: "Lab", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_home: Path
) -> None:
    """The rows of both days are those of the sandbox."""
    from tests.support.airflow_runs import DAY, read_rows, run_dag, truth

    root = tmp_path / "lake"
    monkeypatch.setenv("EVPL_LAKE_ROOT", root.as_uri())
    (airflow_home / "dags" / "readme.py").write_text(DAG_BLOCK)
    outcome = run_dag(lab, "evpl_utilization", logical_date=DAY + timedelta(days=2, hours=3))
    assert outcome.state == "success"
    events = dict(find_asset_events(root.as_uri()))
    assert [uri.rpartition("/")[2] for uri in sorted(events)] == ["samples", "samples?partition=date"]
    first, second = (read_rows(path.read_bytes()) for path in sorted(root.rglob("*.parquet")))
    assert first | second == truth(lab.sandbox, DAY, DAY + timedelta(days=2))


def test_readme_dag_says_what_to_set_without_a_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `EVPL_LAKE_ROOT` the import error names the variable and an example."""
    monkeypatch.delenv("EVPL_LAKE_ROOT", raising=False)
    with pytest.raises(RuntimeError, match=r"^Set EVPL_LAKE_ROOT to .* file:///data/evpl$"):
        exec(DAG_BLOCK, {})  # noqa: S102 the README's own code


def test_hook_reads_the_connection_of_the_readme(lab: "Lab", monkeypatch: pytest.MonkeyPatch) -> None:
    """It is of the provider's type, and its base URL is Orange's."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    match = re.search(r"AIRFLOW_CONN_EVPL_DEFAULT='(.*?)'", README, re.DOTALL)
    assert match
    assert json.loads(match[1])["conn_type"] == EvplHook.conn_type
    monkeypatch.setenv("AIRFLOW_CONN_EVPL_DEFAULT", match[1])
    with EvplHook().get_conn() as client:
        assert client.settings.base_url == "https://api.orange.com"
    assert lab.landed() == []
