"""A whole Airflow, and its pages as a user handles them in a browser."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import requests
from playwright.sync_api import Browser, Locator, Page, Playwright, Response, expect
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tests.support.documents import ROOT
from tests.support.servers import free_port, running

_PATIENCE_SECONDS = 600

_STANDALONE = """
import signal
signal.signal(signal.SIGTERM, signal.default_int_handler)
from airflow.__main__ import main
main()
"""
"""It ends its processes when it is interrupted, but by nothing else."""

_QUIET = (  # the browser itself sends no request
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def launch(driver: Playwright) -> Browser:
    """Start the Chromium of the system."""
    return driver.chromium.launch(
        executable_path="/usr/bin/chromium", args=_QUIET, chromium_sandbox=os.geteuid() != 0
    )


@dataclass(frozen=True)
class Airflow:
    """One that runs: where its pages are, its home, its lake, and all that it printed."""

    url: str
    home: Path
    lake: Path
    log: Path

    def connection(self, conn_id: str) -> dict[str, object]:
        """Ask for a connection as it is stored, secrets and all: what a page never shows."""
        command = (Path(sys.prefix, "bin", "airflow"), "connections", "get", conn_id, "--output", "json")
        told = subprocess.run(command, env=_environment(self), check=True, capture_output=True, text=True)
        [connection] = json.loads(told.stdout[told.stdout.index("[") :])
        return dict(connection)


@contextmanager
def standalone(folder: Path) -> Iterator[Airflow]:
    """Run it with our DAGs and no connection; whoever opens a page is an administrator."""
    url = f"http://127.0.0.1:{free_port()}"
    it = Airflow(url, folder / "airflow", folder / "lake", folder / "standalone.log")
    command = ("setpriv", "--pdeathsig", "TERM", sys.executable, "-c", _STANDALONE, "standalone")
    ready = running(
        *command,
        ready="Airflow is ready",
        env=_environment(it),
        log=it.log,
        patience_seconds=_PATIENCE_SECONDS,
    )
    with ready:
        _wait_for_an_answer(url)
        yield it


def _environment(it: Airflow) -> dict[str, str]:
    settings = {
        "API__BASE_URL": it.url,
        "API__HOST": "127.0.0.1",
        "API__PORT": it.url.rpartition(":")[2],
        "CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "CORE__EXECUTION_API_SERVER_URL": f"{it.url}/execution/",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "2",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__TEST_CONNECTION": "Enabled",
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "WORKERS__EXECUTION_API_TIMEOUT": "60",  # it takes a task for dead sooner on a slow machine
    }
    return {f"AIRFLOW__{name}": value for name, value in settings.items()} | {
        "AIRFLOW_HOME": str(it.home),
        "EVPL_LAKE_ROOT": it.lake.as_uri(),
        "NO_COLOR": "1",
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{Path(sys.prefix, 'bin')}:/usr/bin:/bin",
    }


def _wait_for_an_answer(url: str) -> None:
    with requests.Session() as session:
        session.mount(url, HTTPAdapter(max_retries=Retry(total=None, connect=20, backoff_factor=0.1)))
        session.get(f"{url}/api/v2/monitor/health", timeout=_PATIENCE_SECONDS).raise_for_status()


class Form:
    """One that is open."""

    def __init__(self, page: Page) -> None:
        """Take the form that the page shows."""
        self.dialog = page.get_by_role("dialog")
        self._page = page

    @classmethod
    def new(cls, page: Page, conn_id: str) -> Self:
        """Open an empty one of our type."""
        page.goto("/connections")
        page.get_by_role("button", name="Add Connection").click()
        form = cls(page)
        form.dialog.get_by_role("textbox", name="Connection ID").fill(conn_id)
        kind = form.dialog.get_by_role("combobox", name="Connection Type")
        kind.fill("Orange EVPL")
        kind.press("Enter")
        return form

    @classmethod
    def edit(cls, page: Page, conn_id: str) -> Self:
        """Open the form of a connection that is stored."""
        _row(page, conn_id).get_by_role("button", name="Edit Connection").click()
        return cls(page)

    def unfold(self) -> None:
        """Unfold the fields that are ours."""
        self.dialog.get_by_role("button", name="Extra Fields", exact=True).click()
        expect(self.value_of("application_id")).to_be_visible()

    def value_of(self, name: str) -> Locator:
        """Find what holds an extra's value."""
        return self.dialog.locator(f"[name=element_{name}]")

    def field(self, label: str) -> Locator:
        """Find a field, with its label, its widget and its help."""
        own = self._page.locator("label", has_text=re.compile(rf"^{re.escape(label)}(\s*\*)?\s*$"))
        return self.dialog.get_by_role("group").filter(has=own)

    def fill(self, **standard: str) -> None:
        """Fill in standard fields, by their names."""
        for name, value in standard.items():
            self.dialog.locator(f"[name={name}]").fill(value)

    def save(self) -> None:
        """Press Save; the form closes."""
        self.dialog.get_by_role("button", name="Save").click()
        expect(self.dialog).to_be_hidden()


def press_test(page: Page, conn_id: str) -> tuple[str, str]:
    """Press Test, with no older message in sight; gives the title and the message."""
    row = _row(page, conn_id)
    row.get_by_role("button", name="Test Connection").click()
    title, message = page.get_by_role("status").filter(has_text="Test Connection").inner_text().split("\n", 1)
    return title, message.strip()


def _row(page: Page, conn_id: str) -> Locator:
    page.goto("/connections")
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=conn_id, exact=True))


DAG_ID, TASK_ID = "evpl_utilization_daily", "pull_utilization"
_GREEN = re.compile(r"oklch\(\S+ \S+ 1[2-5]\d\)")  # a hue around 140 degrees


def unpause(page: Page) -> None:
    """Turn the DAG's switch on: Airflow makes the run that was due last."""
    page.goto(f"/dags/{DAG_ID}")
    page.locator("label").filter(has=page.get_by_role("checkbox")).click()
    expect(page.get_by_role("checkbox")).to_be_checked()


def trigger(page: Page) -> str:
    """Press Trigger, and Trigger once more in the dialogue; gives the run's id."""
    page.goto(f"/dags/{DAG_ID}")
    page.get_by_role("button", name="Trigger Dag").click()
    with page.expect_response(_makes_a_run) as made:
        page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()
    return str(made.value.json()["dag_run_id"])


def _makes_a_run(response: Response) -> bool:
    return bool(response.request.method == "POST" and response.url.endswith("/dagRuns"))


def expect_green(page: Page, runs: int) -> None:
    """Wait until so many runs are in the grid, each of them green."""
    page.goto(f"/dags/{DAG_ID}")
    cells = page.locator("a[id^=grid-]")
    expect(cells).to_have_count(runs)
    for cell in cells.all():
        expect(cell.get_by_test_id("task-state-badge")).to_have_css("background-color", _GREEN)


def open_task(page: Page, run_id: str, tab: str = "") -> Locator:
    """Open a tab of a run's task: its log, or another; gives what is on it."""
    page.goto(f"/dags/{DAG_ID}/runs/{run_id}/tasks/{TASK_ID}/{tab}")
    return page.locator("body")
