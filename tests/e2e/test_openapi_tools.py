"""The API's contract as files, used by what others wrote: newman, redocly, openapi-python-client."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.server import SandboxServer
from openapi.export import FOLDER
from tests.support.servers import node

TOOLS = Path(sys.prefix, "postman", "node_modules")
CLIENT = Path(sys.prefix, "openapi-client", "bin").absolute()
PULL = Path(__file__).parent / "client" / "pull_day.py"

CREDENTIALS = ("client_id", "client_secret", "application_id", "code_ope")
DAY = 1_795_305_600
START, END = "2026-11-22T00:00:00.000Z", "2026-11-23T00:00:00.000Z"
CONFIG = SandboxConfig(circuits=3, page_size=5)
TRUTH = list(
    Network(circuits=3, granularity_seconds=300, seed=CONFIG.seed).truth(start=DAY, end=DAY + 86_400)
)
TOKEN, PAGE, ALL_PAGES = "TOKEN_Monitoring", "GET_Metric_OD", "GET_Metric_OD all pages"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve twelve series on three pages."""
    with SandboxServer(CONFIG) as server:
        yield server


def _newman(base_url: str, folder: Path, *names: str) -> dict[str, Any]:
    """Run the whole collection, or its parts of these names, and return the report of the run."""
    report = folder / "report.json"
    values = {
        "base_url": base_url,
        "client_id": CONFIG.client_id,
        "client_secret": CONFIG.client_secret,
        "ApplicationID": CONFIG.application_id,
        "codeOpe": CONFIG.code_ope,
        "startTime": START,
        "endTime": END,
    }
    options = [part for name in names for part in ("--folder", name)]
    options += [part for name, value in values.items() for part in ("--env-var", f"{name}={value}")]
    options += ["--reporters", "cli,json", "--reporter-json-export", str(report)]
    program = str(TOOLS / "newman" / "bin" / "newman.js")
    subprocess.run(
        [node(), program, "run", str(FOLDER / "Monitoring_Collection.json"), *options], check=False
    )
    run: dict[str, Any] = json.loads(report.read_text())["run"]
    return run


def _failures(run: dict[str, Any]) -> list[str]:
    return [failure["error"]["message"] for failure in run["failures"]]


def _tests(run: dict[str, Any], name: str) -> set[str]:
    """Return the names of the tests of a request."""
    return {
        test["assertion"]
        for execution in run["executions"]
        if execution["item"]["name"] == name
        for test in execution["assertions"]
    }


def test_newman_receives_all_samples_and_provokes_each_error(sandbox: SandboxServer, tmp_path: Path) -> None:
    """All tests of the collection pass. The walk counts each sample. The wrong requests reach each status."""
    run = _newman(sandbox.base_url, tmp_path)
    assert _failures(run) == []
    assert _tests(run, ALL_PAGES) == {f"{len(TRUTH)} samples in 12 entries on 3 pages"}
    statuses = {execution["response"]["code"] for execution in run["executions"]}
    assert statuses == {200, 400, 401, 404, 405, 422}


@pytest.mark.parametrize(
    ("fault", "status"),
    [("rate-limit-429", 429), ("error-500-1", 500), ("error-503-5", 503), ("redirect-elsewhere", 302)],
)
def test_newman_reports_errors_of_the_service(
    sandbox: SandboxServer, tmp_path: Path, fault: str, status: int
) -> None:
    """Both requests fail by the status. No redirect is followed."""
    sandbox.set_faults(fault)
    run = _newman(sandbox.base_url, tmp_path, TOKEN, PAGE, ALL_PAGES)
    page = f"expected response to have status code 200 but got {status}"
    assert _failures(run) == [page, f"page 1: status {status}"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("error-503-5@2:1", "page 2: status 503"),
        ("page-repeated", "page 2: the entries of the page before again"),
        ("has-next-never", "page 1: totalPages is 3"),
        ("current-page-stuck", "page 2: currentPage is 1 after 1"),
        ("has-next-missing@2:1", "page 2: no hasNext"),
        ("token-error-401", "expected response to have status code 200 but got 401"),
    ],
)
def test_newman_stops_at_what_does_not_add_up(
    sandbox: SandboxServer, tmp_path: Path, fault: str, message: str
) -> None:
    """The walk ends with an error, never with a smaller number of samples."""
    sandbox.set_faults(fault)
    failures = _failures(_newman(sandbox.base_url, tmp_path, TOKEN, ALL_PAGES))
    assert failures[0] == message


def test_newman_sends_wrong_requests_to_loopback_only(tmp_path: Path) -> None:
    """The requests of the folder are skipped for another host."""
    run = _newman("http://127.0.0.1.invalid", tmp_path, "Sandbox only")
    assert run["stats"]["prerequests"]["total"] > 0
    assert run["stats"]["requests"]["total"] == 0


def test_redocly_finds_neither_errors_nor_warnings(tmp_path: Path) -> None:
    """The recommended rules of redocly hold for the description."""
    program = str(TOOLS / "@redocly" / "cli" / "bin" / "cli.js")
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    command = [node(), program, "lint", "--format", "json", str(FOLDER / "openapi.json")]
    found = subprocess.run(
        command, cwd=tmp_path, env=os.environ | quiet, check=True, capture_output=True, text=True
    )
    assert json.loads(found.stdout)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_generated_client_pulls_a_day(sandbox: SandboxServer, tmp_path: Path) -> None:
    """openapi-python-client generates without a warning. Its client gets all samples, page by page."""
    env = os.environ | {"PATH": f"{CLIENT}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    options = (
        "--path",
        str(FOLDER / "openapi.json"),
        "--output-path",
        str(tmp_path / "evpl"),
        "--meta",
        "none",
    )
    subprocess.run(
        [str(CLIENT / "openapi-python-client"), "generate", *options, "--fail-on-warning"],
        env=env,
        check=True,
    )
    asked = {
        "base_url": sandbox.base_url,
        "connection": {name: getattr(CONFIG, name) for name in CREDENTIALS},
        "start": START,
        "end": END,
    }
    pulled = subprocess.run(
        [str(CLIENT / "python"), str(PULL)],
        input=json.dumps(asked),
        env=env,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    samples = [(*names, _seconds(time), float(value)) for *names, time, value in json.loads(pulled.stdout)]
    assert samples == [tuple(row) for row in TRUTH]
    assert sum(sandbox.requests.values()) == 1 + 3


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
