"""Airflow's own triggerer: our triggers leave it alive."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.airflow_processes import machine
from tests.support.airflow_versions import needs
from tests.support.api import replying, serving
from tests.support.documents import ROOT

RUNS = 4
LOOKS = 40
WINDOW = {"window_start": "2026-11-20", "window_end": "2026-11-21", "min_series": "1", "deferrable": "True"}
UNFINISHED = "SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running')"
TOKEN = "a-token-to-be-masked"


def answering(looks: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Publish the window after so many looks; a token lasts for one of them."""
    numbers, left = count(), iter(range(looks))

    def reply(handler: BaseHTTPRequestHandler) -> None:
        body: dict[str, Any]
        if handler.path.endswith("/token"):
            token = f"{TOKEN}-{next(numbers)}"
            body = {"access_token": token, "token_type": "Bearer", "expires_in": 1}
        else:
            samples = [{"timeStamp": "2026-11-20T23:55:00Z", "value": "1"}]
            entry = {"objectInstanceId": "1", "metric_name": "in", "performanceValues": samples}
            is_published = next(left, None) is None
            body = {"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": [entry] * is_published}
        replying(json.dumps(body).encode())(handler)

    return reply


@needs("3.0", "a triggerer with a supervisor")
def test_new_tokens_leave_the_triggerer_alive(tmp_path: Path) -> None:
    """Four deferred sensors get a new token at each look: all see their window, and no token is logged."""
    with serving(answering(LOOKS)) as api:
        connection = {
            "conn_type": "evpl",
            "login": "client",
            "password": "a-client-secret",
            "host": api.url,
            "extra": {"application_id": "application", "code_ope": "0042"},
        }
        one = machine(tmp_path, connection, ROOT / "tests" / "support" / "dags" / "airflow" / "evpl_wait.py")
        for number in range(RUNS):
            one.airflow("dags", "trigger", "evpl_wait", "--run-id", str(number), "--conf", json.dumps(WINDOW))
        with one.servers("triggerer"):
            one.wait(UNFINISHED)
    assert one.ask("SELECT DISTINCT state FROM dag_run") == [("success",)]
    logs = [path.read_text() for path in (*tmp_path.glob("*.log"), *tmp_path.glob("logs/**/*.log"))]
    assert sum("1 of 1 series have their last sample" in log for log in logs) >= RUNS
    for secret in (TOKEN, "a-client-secret"):
        assert not [log for log in logs if secret in log]
