"""A DAG's pages: its runs, and what a task of one left."""

import re

from playwright.sync_api import Locator, Page, Response, expect

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
