from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from airflow_provider_evpl.flows.report.model import ReportModel
from airflow_provider_evpl.flows.report.page import render
from tests.support.browser import launch
from tests.support.report_models import network

Open = Callable[..., Page]
Theme = Literal["light", "dark"]
LAPTOP = (1280, 800)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make e2e-report` say where the pictures go."""
    parser.addoption("--screenshots", type=Path, help="folder for the pictures; else a temporary one")


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the pictures."""
    folder: Path = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a browser."""
    with sync_playwright() as driver:
        browser = launch(driver)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def model() -> ReportModel:
    """Return the report of 20 circuits: 40 ends, 80 series."""
    return network(20)


@pytest.fixture
def open_report(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Give a way to open a report offline; in the end it has sent no request and logged nothing."""
    contexts: list[BrowserContext] = []
    seen: list[str] = []

    def open_page(
        model: ReportModel, link: str = "", *, size: tuple[int, int] = LAPTOP, theme: Theme = "light"
    ) -> Page:
        path = tmp_path / f"report-{len(contexts)}.html"
        path.write_bytes(render(model))
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            locale="en-US",
            timezone_id="Asia/Tokyo",
            offline=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("dialog", lambda dialog: seen.append(dialog.message))
        page.on("request", lambda request: seen.append(request.url))
        page.goto(f"{path.as_uri()}{link}")
        page.wait_for_selector("html[data-ready]", state="attached")
        assert seen.pop(0).startswith(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert seen == []
